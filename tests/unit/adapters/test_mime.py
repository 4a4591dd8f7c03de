"""A mail's values stay what they are, for any text: one sender, one recipient, known headers, clean lines."""

import email
import email.policy
import re
from datetime import UTC, datetime

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.base import Message, Rejected
from adapters.email.mime import build, parse_address, wire_bytes

HEADERS = {
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Auto-Submitted",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-Language",
}
SENDER = parse_address("help@acme.test")
TO = parse_address("ann@borrower.test")

one_line = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=300)
awkward = st.text(' ab=_é中."\\<>@,;:()-[]', max_size=200)
any_text = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=300)


def made(**changes):
    values = {
        "message_id": "ab" * 32,
        "channel": "email",
        "to": TO.text,
        "body": "text",
        "language": "en",
        "created_at": datetime(2026, 3, 1, tzinfo=UTC),
    }
    return Message(**values | changes)


def arrived(message):
    content = wire_bytes(build(message, SENDER, TO), utf8=False)
    assert content.endswith(b"\r\n.\r\n")
    undotted = re.sub(rb"(?m)^\.\.", b".", content[:-3])
    return content, email.message_from_bytes(undotted, policy=email.policy.SMTP)


@settings(deadline=None)
@given(text=one_line | awkward)
@example("é" * 300)
@example("x" * 300)
@example('"\\')
def test_any_subject_and_name_stay_one_subject_and_one_name(text):
    content, mail = arrived(made(subject=text, lender_name=text))
    assert set(mail.keys()) == HEADERS
    assert len(mail.keys()) == len(HEADERS)
    # Blanks may become one line break and a blank, and are not text at the ends.
    assert mail["Subject"].split() == text.split()
    assert [address.addr_spec for address in mail["From"].addresses] == [SENDER.text]
    assert [address.addr_spec for address in mail["To"].addresses] == [TO.text]
    assert max(len(line) for line in content.split(b"\r\n")) <= 998


@settings(deadline=None)
@given(body=any_text)
@example(".")
@example("a\n.\nb")
@example("a\r.\rb\n..")
@example("x" * 2000)
def test_any_body_arrives_and_never_ends_the_mail_early(body):
    content, mail = arrived(made(body=body))
    assert re.findall(rb"(?<!\r)\n|\r(?!\n)", content) == []
    assert content.count(b"\r\n.\r\n") == 1
    expected = "\n".join(re.split(r"\r\n|\r|\n", body)).rstrip("\n")
    assert mail.get_content().replace("\r\n", "\n").rstrip("\n") == expected


@settings(deadline=None)
@given(text=one_line)
def test_what_a_mail_program_would_decode_is_rejected_in_a_subject_and_a_name(text):
    for part in ("subject", "lender_name"):
        with pytest.raises(Rejected, match=part):
            build(made(**{part: f"a =?utf-8?q?{text}?= b"}), SENDER, TO)


def test_one_message_makes_the_same_headers_each_time():
    first, second = (build(made(subject="s"), SENDER, TO).items() for _ in range(2))
    assert first == second


@settings(deadline=None)
@given(second=st.emails(), between=st.sampled_from([",", ";", " ", ", ", "\n", "\r\n", "\x85", "\u2028", "><", "\t"]))
def test_two_addresses_are_never_one(second, between):
    assert parse_address("ann@borrower.test").text == "ann@borrower.test"
    with pytest.raises(ValueError, match="expected one mail address") as caught:
        parse_address(f"ann@borrower.test{between}{second}")
    assert "borrower" not in str(caught.value)


@settings(deadline=None)
@given(text=st.emails() | one_line.map("{}@borrower.test".format))
@example("o'neill+loan@borrower.test")
@example("用户@borrower.test")
@example("ann@bücher.example")
def test_an_address_that_is_taken_fits_an_envelope(text):
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert address.text.count("@") == 1
    assert address.domain.isascii()
    assert not re.search(r"[\s,;:<>()\[\]\"\\]", address.text)


@pytest.mark.parametrize("reply_to", ["nobody", "a@b.test, c@d.test", "用户@acme.test"])
def test_an_answer_goes_to_one_plain_address(reply_to):
    with pytest.raises(Rejected, match="reply_to"):
        build(made(reply_to=reply_to), SENDER, TO)
