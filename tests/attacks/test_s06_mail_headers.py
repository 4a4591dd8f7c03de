"""S6: nothing that anybody writes becomes a second header, a second recipient or another sender of a mail."""

from __future__ import annotations

import json

import pytest

from tests.attacks.journey import BORROWER, POLICY, SPAN, book, table, write_book

BREAKS = ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\0"]
EVIL = "Bcc: evil@evil.example"
HEADERS = {
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    "Content-Language",
}  # fmt: skip
ONE_LINE = [
    "Ann, bob@evil.example", "Ann <evil@evil.example>", '"Ann" <evil@evil.example>,', "Ann; evil@evil.example",
    "=?utf-8?q?Ann=0D=0ABcc=3A_evil=40evil.example?=", "Bcc: evil@evil.example", "Ann\\r\\nBcc: evil@evil.example",
    "Ann%0d%0aBcc: evil@evil.example", "(comment) Ann", ".", "é" * 100, "Ünï 中文 👩", "<script>", "undisclosed:;",
]  # fmt: skip


@pytest.fixture
def mailing(stored, tmp_path, monkeypatch, smtp_server):
    """Publishes, imports and runs with a real SMTP server; answers with what it accepted."""

    def run(policy, files):
        server = smtp_server()
        for name, value in {
            "EMAIL_ADAPTER": "smtp", "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(server.port), "SMTP_SECURITY": "none",
            "SMTP_FROM": "help@acme.example",
        }.items():  # fmt: skip
            monkeypatch.setenv(f"DULY_{name}", value)
        path = tmp_path / "policy.yaml"
        path.write_text(policy, encoding="utf-8")
        ended = stored("policy", "publish", path)
        assert ended.code == 0, ended.err
        assert stored("import", write_book(tmp_path / "book", files)).code == 0
        ended = stored("run", "--json", *SPAN)
        assert (ended.code, ended.err) == (0, "")
        return server

    return run


def assert_clean(server):
    """Each mail that arrived has one recipient, one sender, each known header once, and no other."""
    for (to, _), mail in zip(server.accepted, server.mails(), strict=True):
        assert to == (BORROWER["email"],)
        assert [one.addr_spec for one in mail["To"].addresses] == [BORROWER["email"]]
        assert [one.addr_spec for one in mail["From"].addresses] == ["help@acme.example"]
        assert mail["Reply-To"] == "help@acme.example"
        assert set(mail.keys()) == HEADERS
        assert len(mail.keys()) == len(HEADERS)


@pytest.mark.parametrize("field", ["first_name", "last_name", "email", "phone", "address"])
def test_no_line_break_of_any_kind_enters_a_book(stored, tmp_path, field):
    rows = [
        {"borrower_id": f"b-{number}", **BORROWER, "address": "",
        field: f"{BORROWER.get(field, '1 Road')}{break_}{EVIL}"}
        for number, break_ in enumerate(BREAKS)
    ]  # fmt: skip
    files = {**book({}), "borrowers.csv": table(rows)}
    ended = stored("import", "--json", write_book(tmp_path / "book", files))
    assert ended.code == 1
    found = [json.loads(line) for line in ended.out.split("\n") if line]
    told = [one for one in found if one["file"] == "borrowers.csv" and one["message"].startswith(f"{field}: ")]
    assert [one["code"] for one in told] == ["forbidden-character"] * len(BREAKS)
    assert all(one["line"] and one["column"] for one in told)
    assert json.loads(stored("status", "--json").out)["borrowers"] == 0


@pytest.mark.parametrize("break_", BREAKS, ids=ascii)
@pytest.mark.parametrize(
    "written",
    ['"For {{ borrower.first_name }}"', "help@acme.example", "Acme Credit", '"+44 20 7946 0000"', "plain"],
    ids=["subject", "reply_to", "lender name", "phone", "name of the policy"],
)
def test_no_line_break_of_any_kind_enters_a_header_by_a_policy(duly, tmp_path, written, break_):
    escaped = "".join(f"\\u{ord(char):04x}" for char in break_)
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.replace(written, f'"x@acme.example{escaped}{EVIL}"', 1), encoding="utf-8")
    ended = duly("policy", "check", "--json", path)
    problems = [json.loads(line) for line in ended.out.split("\n") if line]
    errors = [one for one in problems if one["severity"] == "error"]
    assert ended.code == 1
    assert len(errors) == 1
    assert errors[0]["line"] == POLICY[: POLICY.index(written)].count("\n") + 1
    assert errors[0]["column"] > 1


@pytest.mark.parametrize("reply_to", ["a@x.example, b@x.example", "a@x.example;b@x.example", "Ann <a@x.example>", "a"])
def test_no_second_address_enters_reply_to(duly, tmp_path, reply_to):
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY.replace("help@acme.example", f'"{reply_to}"', 1), encoding="utf-8")
    ended = duly("policy", "check", "--json", path)
    assert ended.code == 1
    assert "not-a-mail-address" in ended.out


def test_no_name_of_a_borrower_becomes_a_header_or_a_recipient(mailing):
    server = mailing(POLICY, book(*({"first_name": name, "last_name": name} for name in ONE_LINE)))
    encoded = [name for name in ONE_LINE if "=?" in name]
    assert len(server.accepted) == len(ONE_LINE) - len(encoded)
    assert_clean(server)
    subjects = {mail["Subject"].replace(" ", "") for mail in server.mails()}
    assert "ForBcc:evil@evil.example" in subjects
    assert "ForÜnï中文👩" in subjects


@pytest.mark.parametrize("name", ["Acme <evil@evil.example>", 'Acme", evil@evil.example, "', "Bcc: evil@evil.example"])
def test_no_name_of_a_lender_becomes_an_address(mailing, name):
    server = mailing(POLICY.replace("Acme Credit", json.dumps(name)), book({}))
    assert len(server.accepted) == 1
    assert_clean(server)
    assert server.mails()[0]["From"].addresses[0].display_name == name


@pytest.mark.parametrize(
    "sender", ["a@acme.example\nBcc: evil@evil.example", "a@acme.example, b@acme.example", "Acme <a@acme.example>"]
)
def test_no_second_address_enters_the_sender_by_its_variable(stored, tmp_path, monkeypatch, sender):
    monkeypatch.setenv("DULY_EMAIL_ADAPTER", "smtp")
    monkeypatch.setenv("DULY_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("DULY_SMTP_FROM", sender)
    ended = stored("run", *SPAN)
    assert ended.code == 1
    assert "DULY_SMTP_FROM" in ended.err
    assert "evil" not in ended.err
