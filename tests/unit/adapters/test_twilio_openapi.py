"""The requests to Twilio are valid by the description that Twilio publishes."""

import contextlib
import re
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import yaml
from pydantic import SecretStr

from adapters.base import Message, Receipt, Unconfirmed
from adapters.sms.twilio import TwilioChannel

SPEC = Path(__file__).resolve().parents[3].parent / "shared" / "specs" / "twilio_api_v2010.yaml"
PATH = "/2010-04-01/Accounts/{AccountSid}/Messages.json"

MESSAGE = Message("ab" * 32, "sms", "+15005550123", "Your 12.34 € were due", "en", datetime(2026, 3, 1, tzinfo=UTC))

pytestmark = pytest.mark.skipif(not SPEC.exists(), reason="Twilio's OpenAPI description is not beside the checkout")


@pytest.fixture(scope="module")
def description():
    return yaml.load(SPEC.read_text(encoding="utf-8"), yaml.CSafeLoader)


@pytest.fixture(scope="module")
def operation(description):
    return description["paths"][PATH]["post"]


def problems(schema, value):
    """What JSON Schema would say of one form value, for the keywords that this operation uses."""
    handled = {"type", "pattern", "minLength", "maxLength", "format", "description", "x-twilio", "enum"}
    assert set(schema) <= handled, f"a keyword that this test does not know: {set(schema) - handled}"
    found = []
    if schema["type"] == "integer" and not re.fullmatch(r"-?[0-9]+", value):
        found.append("no integer")
    if schema["type"] == "string" and not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9):
        found.append("too short or too long")
    if "pattern" in schema and not re.search(schema["pattern"], value):
        found.append("not by the pattern")
    if schema.get("format") == "uri" and not urlsplit(value).netloc:
        found.append("no URI")
    if schema.get("format") == "phone-number" and not re.fullmatch(r"\+[1-9][0-9]{1,14}", value):
        found.append("no phone number")
    if "enum" in schema and value not in schema["enum"]:
        found.append("none of the allowed")
    return found


@pytest.mark.parametrize(
    ("sender", "options"),
    [
        ({"From": "+15005550006"}, {}),
        ({"MessagingServiceSid": "MG" + "b" * 32}, {}),
        ({"From": "+15005550006"}, {"status_callback": "https://duly.example/receipts", "validity_s": 36_000}),
    ],
)
def test_each_request_is_valid(sender, options, operation, description):
    requests = []
    example = operation["responses"]["201"]["content"]["application/json"]["examples"]["create"]["value"]

    def handler(request):
        requests.append(request)
        return httpx.Response(201, json=example)

    account_sid = "AC" + "0aF" * 10 + "00"
    channel = TwilioChannel(account_sid, SecretStr("hush"), sender, transport=httpx.MockTransport(handler), **options)
    assert channel.send(MESSAGE) == Receipt("twilio", example["sid"])
    (request,) = requests

    (server,) = description["paths"][PATH]["servers"]
    assert f"{request.url.scheme}://{request.url.host}" == server["url"]
    assert request.url.path == PATH.format(AccountSid=account_sid)
    parameters = {each["name"]: each["schema"] for each in operation["parameters"]}
    assert problems(parameters["AccountSid"], account_sid) == []

    (media_type,) = operation["requestBody"]["content"]
    assert request.headers["Content-Type"] == media_type
    schema = operation["requestBody"]["content"][media_type]["schema"]
    form = parse_qsl(request.content.decode(), strict_parsing=True)
    assert len(form) == len(dict(form)) >= 4
    assert set(schema["required"]) <= set(dict(form))
    for name, value in form:
        assert problems(schema["properties"][name], value) == [], name


def test_a_sid_that_the_description_allows_is_one_that_is_understood(description):
    allowed = description["components"]["schemas"]["api.v2010.account.message"]["properties"]["sid"]["pattern"]
    sids = [f"{start}{'0aF' * 10}00" for start in ("SM", "MM", "XX")]
    understood = []
    for sid in sids:
        answer = httpx.MockTransport(lambda request, sid=sid: httpx.Response(201, json={"sid": sid}))
        channel = TwilioChannel("AC" + "a" * 32, SecretStr("hush"), {"From": "+15005550006"}, transport=answer)
        with contextlib.suppress(Unconfirmed):
            understood.append(channel.send(MESSAGE).reference)
    assert understood == [sid for sid in sids if re.search(allowed, sid)] == sids[:2]


def test_the_api_has_no_key_by_which_a_second_request_would_be_the_same_message(operation):
    schema = operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    names = [*schema["properties"], *(each["name"] for each in operation["parameters"])]
    assert len(names) > 10
    assert [name for name in names if "idempot" in name.lower()] == []
    assert (TwilioChannel.idempotent, TwilioChannel.looks_up) == (False, False)


def test_the_states_that_count_as_failed_are_states_of_the_api(description):
    states = description["components"]["schemas"]["message_enum_status"]["enum"]
    assert {"failed", "undelivered", "canceled"} <= set(states)
