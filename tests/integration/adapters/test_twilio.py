"""What each answer of Twilio says about a message, tried against a real HTTP server on loopback."""

import ssl

import pytest
from pydantic import SecretStr

from adapters.base import Receipt, Rejected, SettingsError, Transient, Unconfirmed, load
from adapters.http import HttpClient
from adapters.sms.twilio import TwilioChannel

SID = "AC" + "a" * 32
TO = "+15005550123"
LONG_S = 30


@pytest.fixture
def channel(http_provider):
    def make(timeout_s=LONG_S):
        sender = {"From": "+15005550006"}
        return TwilioChannel(SID, SecretStr("secret"), sender, base_url=http_provider.url, timeout_s=timeout_s)

    return make


def test_an_accepted_message_gives_the_sid_as_reference(channel, http_provider, make_message):
    receipt = channel().send(make_message("sms", TO))
    assert receipt == Receipt("twilio", receipt.reference, "accepted")
    assert receipt.reference.startswith("SM")
    assert len(http_provider.accepted) == 1


def test_the_request_is_a_form_with_basic_authentication(channel, http_provider, make_message):
    channel().send(make_message("sms", "+1 500 555-0123", body="two\nlines & a = sign"))
    ((path, headers, form),) = http_provider.requests
    assert path == f"/2010-04-01/Accounts/{SID}/Messages.json"
    assert headers["Authorization"].startswith("Basic ")
    assert headers["Connection"] == "close"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert sorted(form) == [
        ("Body", "two\nlines & a = sign"),
        ("From", "+15005550006"),
        ("To", TO),
        ("ValidityPeriod", "3600"),
    ]


@pytest.mark.parametrize(
    ("mode", "kind", "reason"),
    [
        ("invalid_number", Rejected, "HTTP 400, error 21211"),
        ("opted_out", Rejected, "HTTP 400, error 21610"),
        ("failed", Rejected, "HTTP 201, but the message failed with error 30007"),
        ("queued_with_error", Rejected, "HTTP 201, but the message failed with error 30007"),
        ("undelivered", Rejected, "HTTP 200, but the message failed"),
        ("redirect", Rejected, "HTTP 302: a redirect"),
        ("bad_login", Transient, "HTTP 401, error 20003: our credentials"),
        ("suspended", Transient, "HTTP 403, error 20005"),
        ("queue_full", Transient, "failed with error 30001"),
        ("throttle_seconds", Transient, "HTTP 429, error 20429"),
        ("busy", Transient, "HTTP 503"),
        ("error_before", Unconfirmed, "HTTP 500"),
        ("error_after", Unconfirmed, "HTTP 502"),
        ("garbage", Unconfirmed, "HTTP 201 without a readable SID"),
        ("deep", Unconfirmed, "HTTP 201 without a readable SID"),
        ("huge", Unconfirmed, "HTTP 201 without a readable SID"),
        ("packed", Unconfirmed, "HTTP 201 without a readable SID"),
        ("cut_off", Unconfirmed, "HTTP 201 without a readable SID"),
        ("no_http", Unconfirmed, "no answer (RemoteProtocolError)"),
        ("drop", Unconfirmed, "no answer (RemoteProtocolError)"),
    ],
)
def test_an_answer_means(mode, kind, reason, channel, http_provider, make_message):
    http_provider.mode = mode
    with pytest.raises(kind) as caught:
        channel().send(make_message("sms", TO))
    assert reason in str(caught.value)
    assert "5005550" not in str(caught.value)
    assert len(http_provider.requests) == 1


@pytest.mark.parametrize(
    ("mode", "seconds"), [("throttle_seconds", 7), ("throttle_date", 90), ("busy", 30), ("bad_login", None)]
)
def test_it_waits_as_long_as_the_provider_asks(mode, seconds, channel, http_provider, make_message):
    http_provider.mode = mode
    with pytest.raises(Transient) as caught:
        channel().send(make_message("sms", TO))
    assert caught.value.retry_after_s == seconds


@pytest.mark.parametrize("mode", ["hang", "drip_headers", "drip_body"])
def test_a_server_that_never_ends_its_answer_is_left_at_the_time_limit(mode, channel, http_provider, make_message):
    http_provider.mode = mode
    with pytest.raises(Unconfirmed, match=r"within 1 s|without a readable SID"):
        channel(timeout_s=1).send(make_message("sms", TO))
    assert not http_provider.released.is_set()
    assert len(http_provider.requests) == 1


@pytest.mark.parametrize("mode", ["hang", "drip_headers"])
def test_the_time_limit_holds_over_tls_too(mode, https_provider, certificate):
    https_provider.mode = mode
    client = HttpClient("twilio", https_provider.url, timeout_s=1, tls=ssl.create_default_context(cafile=certificate))
    with pytest.raises(Unconfirmed, match="no answer within 1 s"):
        client.post_form("/", {"To": TO})
    assert len(https_provider.accepted) == 1


def test_an_untrusted_certificate_stops_the_message_before_it_leaves(https_provider, make_message):
    sender = {"From": "+15005550006"}
    channel = TwilioChannel(SID, SecretStr("secret"), sender, base_url=https_provider.url, timeout_s=LONG_S)
    with pytest.raises(Transient, match="no connection"):
        channel.send(make_message("sms", TO))
    assert https_provider.requests == []


def test_a_refused_connection_is_transient(channel, http_provider, make_message):
    made = channel()
    http_provider.stop()
    with pytest.raises(Transient, match="no connection"):
        made.send(make_message("sms", TO))


def test_a_sender_that_has_slept_past_its_time_sends_nothing(channel, http_provider, make_message):
    with pytest.raises(Transient, match="too late to send"):
        channel().send(make_message("sms", TO, may_leave=lambda: False))
    assert http_provider.requests == []


def test_each_message_has_a_connection_of_its_own(channel, http_provider, make_message):
    made = channel()
    for number in range(3):
        made.send(make_message("sms", TO, number))
    assert len(set(http_provider.connections)) == 3


def test_no_proxy_is_taken_from_the_environment(http_provider, make_message, channel, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    channel().send(make_message("sms", TO))
    assert len(http_provider.accepted) == 1


@pytest.mark.parametrize("to", ["", "12", "+1", "not a number", "+15005550123 ext. 5", "+15005550123,+15005550124"])
def test_what_is_no_phone_number_never_reaches_twilio(to, channel, http_provider, make_message):
    with pytest.raises(Rejected):
        channel().send(make_message("sms", to))
    assert http_provider.requests == []


def test_the_service_and_the_callback_go_into_the_form(http_provider, make_message):
    settings = {
        "account_sid": SID,
        "auth_token": "secret",
        "messaging_service_sid": "MG" + "b" * 32,
        "status_callback": "https://duly.example/receipts",
        "validity_s": "600",
        "base_url": http_provider.url,
    }
    channel = load("twilio").from_settings(settings)
    channel.send(make_message("sms", TO))
    form = dict(http_provider.accepted[0])
    assert "From" not in form
    assert form["MessagingServiceSid"] == "MG" + "b" * 32
    assert form["StatusCallback"] == "https://duly.example/receipts"
    assert form["ValidityPeriod"] == "600"


GOOD = {"account_sid": SID, "auth_token": "hush", "from": "+15005550006"}


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"account_sid": ""}, "account_sid"),
        ({"account_sid": "AC123"}, "account_sid"),
        ({"auth_token": " "}, "auth_token"),
        ({"from": ""}, "from"),
        ({"messaging_service_sid": "MG" + "b" * 32}, "from"),
        ({"from": "whatsapp:+15005550006"}, "from"),
        ({"from": "", "messaging_service_sid": "MG1"}, "messaging_service_sid"),
        ({"status_callback": "http://duly.example/"}, "status_callback"),
        ({"status_callback": "https://du_ly.example/"}, "status_callback"),
        ({"base_url": "http://api.twilio.com"}, "base_url"),
        ({"base_url": "ftp://127.0.0.1"}, "base_url"),
        ({"base_url": "https://user@api.twilio.com"}, "base_url"),
        ({"timeout_s": "0"}, "timeout_s"),
        ({"timeout_s": "1e2"}, "timeout_s"),
        ({"validity_s": "36001"}, "validity_s"),
        ({"auth_tokn": "hush"}, "auth_tokn"),
    ],
)
def test_a_wrong_option_is_named_and_never_shown(change, option):
    with pytest.raises(SettingsError) as caught:
        TwilioChannel.from_settings(GOOD | change)
    assert caught.value.option == option
    assert repr(option) in str(caught.value)
    assert "hush" not in str(caught.value)


def test_only_a_loopback_base_url_is_loopback(http_provider):
    assert TwilioChannel.from_settings(GOOD | {"base_url": http_provider.url}).loopback()
    assert not TwilioChannel.from_settings(GOOD).loopback()
    assert not TwilioChannel.from_settings(GOOD | {"base_url": "https://127.0.0.1.example.org"}).loopback()
