"""S17: whatever JSON a provider answers with, it settles one message, and the rest of the batch goes on."""

from __future__ import annotations

import json

import pytest

from scheduler.store.database import connect
from tests.attacks.journey import POLICY, SPAN, book, write_book

SID = "SM" + "a" * 32
GOOD = json.dumps({"sid": SID, "status": "queued", "error_code": None}).encode()

UNREADABLE = {
    "two keys of one name": b'{"sid": "%s", "sid": "%s", "status": "queued"}' % (SID.encode(), SID.encode()),
    "two meanings of one key": b'{"sid": "%s", "status": "failed", "status": "queued"}' % SID.encode(),
    "NaN": b'{"sid": "%s", "error_code": NaN}' % SID.encode(),
    "Infinity": b'{"sid": "%s", "price": -Infinity}' % SID.encode(),
    "1e400 as an error code": b'{"sid": "%s", "error_code": 1e400}' % SID.encode(),
    "a number of 6,000 digits": b'{"sid": "%s", "error_code": %s}' % (SID.encode(), b"9" * 6_000),
    "a number of 4,000 digits": b'{"sid": "%s", "error_code": %s}' % (SID.encode(), b"9" * 4_000),
    "nested 30,000 deep": b'{"sid": ' + b"[" * 30_000,
    "nested deep and closed": b'{"sid": ' + b"[" * 30_000 + b"]" * 30_000 + b"}",
    "a list as error code": b'{"sid": "%s", "error_code": []}' % SID.encode(),
    "a list as sid": b'{"sid": ["%s"]}' % SID.encode(),
    "half a character as sid": b'{"sid": "SM\\ud800"}',
    "a sid with a line break": b'{"sid": "%s\\n2026-03-02 ERROR paid"}' % SID.encode(),
    "true as everything": b'{"sid": true, "status": true, "error_code": true}',
    "a list": b"[%s]" % GOOD,
    "a number": b"1",
    "nothing": b"",
    "no UTF-8": b'{"sid": "\xff\xfe"}',
    "no JSON": b"<html>Created</html>",
    "JSON and more": GOOD + GOOD,
}  # fmt: skip
READABLE = {
    "a mapping as status": (b'{"sid": "%s", "status": {}}' % SID.encode(), "sent"),
    "a list as status": (b'{"sid": "%s", "status": [[]]}' % SID.encode(), "sent"),
    "a failure": (b'{"sid": "%s", "status": "failed", "error_code": 30007}' % SID.encode(), "failed"),
    "good": (GOOD, "sent"),
}


@pytest.fixture
def outcomes(stored, tmp_path, monkeypatch, http_provider):
    """Runs a book of as many borrowers as there are answers; says what became of each answer's message, by name."""

    def run(answers: dict[str, bytes], status: int) -> dict[str, str]:
        names = list(answers)

        def answer(handler, form):
            body = answers[names[int(dict(form)["Body"].split()[1])]]
            http_provider._reply(handler, status, body)

        monkeypatch.setattr(http_provider, "_created", answer)
        monkeypatch.setenv("DULY_SMS_ADAPTER", "twilio")
        monkeypatch.setenv("DULY_TWILIO_ACCOUNT_SID", "AC" + "0" * 32)
        monkeypatch.setenv("DULY_TWILIO_AUTH_TOKEN", "a-token")
        monkeypatch.setenv("DULY_TWILIO_FROM", "+15005550006")
        monkeypatch.setenv("DULY_TWILIO_BASE_URL", http_provider.url)
        policy = tmp_path / "policy.yaml"
        policy.write_text(POLICY.replace("{all: [sms, email]}", "[sms]"), encoding="utf-8")
        people = [{"first_name": str(number), "email": ""} for number in range(len(names))]
        assert stored("policy", "publish", policy).code == 0
        assert stored("import", write_book(tmp_path / "book", book(*people))).code == 0
        ended = stored("run", "--json", *SPAN)
        assert ended.code == 0, ended.err
        assert ended.err == ""
        assert len(http_provider.requests) == len(names)
        listed = [json.loads(line) for line in stored("messages", "--json").out.split("\n") if line]
        by_borrower = {one["borrower_id"]: one["outcome"] for one in listed}
        return {name: by_borrower[f"b-{number + 1:03}"] for number, name in enumerate(names)}

    return run


def test_an_answer_that_cannot_be_read_never_makes_a_message_sent_and_stops_no_other(outcomes, database_url):
    answers = {**UNREADABLE, **{name: body for name, (body, _) in READABLE.items()}}
    found = outcomes(answers, 201)
    assert found == {**dict.fromkeys(UNREADABLE, "unconfirmed"), **{name: what for name, (_, what) in READABLE.items()}}
    with connect(database_url) as connection:
        reasons = connection.execute("SELECT reason FROM message WHERE status = 'unconfirmed'").fetchall()
    assert all(len(reason) < 200 and "in the adapter" not in reason for (reason,) in reasons)


def test_an_error_that_cannot_be_read_fails_the_message_and_stops_no_other(outcomes):
    assert outcomes(UNREADABLE, 400) == dict.fromkeys(UNREADABLE, "failed")
