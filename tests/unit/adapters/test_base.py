"""The port: what a message may be, what an error says, and how an adapter is found."""

import importlib.metadata
import pickle
from contextlib import closing
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters import base
from adapters.base import (
    AdapterError,
    Message,
    Rejected,
    SettingsError,
    Transient,
    Unconfirmed,
    check_message_id,
    check_sendable,
    is_loopback_host,
    load,
)
from adapters.options import Options
from adapters.sandbox import SandboxChannel
from adapters.sms.twilio import TwilioChannel

GOOD = {
    "message_id": "0" * 64,
    "channel": "email",
    "to": "ann@borrower.test",
    "body": "You owe 12.34",
    "language": "en",
    "created_at": datetime(2026, 3, 1, tzinfo=UTC),
}


def test_a_message_shows_no_personal_data():
    values = {"subject": "Dear Ann", "html": "<b>Ann</b>", "lender_name": "Acme", "reply_to": "help@acme.test"}
    shown = repr(Message(**GOOD | values))
    assert "0" * 64 in shown
    for private in ("ann@borrower", "12.34", "Ann", "Acme", "acme.test"):
        assert private not in shown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"message_id": "0" * 63}, "message_id"),
        ({"message_id": "A" * 64}, "message_id"),
        ({"message_id": "../" + "0" * 61}, "message_id"),
        ({"message_id": "0" * 64 + "\n"}, "message_id"),
        ({"message_id": "\u0660" * 64}, "message_id"),
        ({"channel": "fax"}, "expected one of email, letter, sms"),
        ({"created_at": datetime(2026, 3, 1)}, "aware"),  # noqa: DTZ001
    ],
)
def test_a_message_that_could_not_be_told_apart_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        Message(**GOOD | change)


@settings(deadline=None)
@given(st.text(max_size=80))
def test_only_64_hex_digits_are_a_message_id(text):
    if len(text) == 64 and set(text) <= set("0123456789abcdef"):
        assert check_message_id(text) == text
    else:
        with pytest.raises(ValueError, match="64"):
            check_message_id(text)


@pytest.mark.parametrize("kind", [AdapterError, SettingsError, Transient, Rejected, Unconfirmed])
def test_an_error_without_a_reason_says_its_docstring(kind):
    assert str(kind()) == kind.__doc__
    assert str(kind("because")) == "because"
    assert issubclass(kind, AdapterError)


def test_only_a_transient_error_says_when_to_come_back():
    assert Transient("full", retry_after_s=7.0).retry_after_s == 7.0
    assert Transient().retry_after_s is None
    assert not hasattr(Rejected(), "retry_after_s")


@pytest.mark.parametrize("part", ["to", "body", "subject", "html", "lender_name", "reply_to", "language"])
@pytest.mark.parametrize("bad", ["\0", "\ud800", "\udfff"])
def test_what_no_text_may_hold_is_rejected_everywhere(part, bad, tmp_path):
    with pytest.raises(Rejected, match=part):
        check_sendable(Message(**GOOD | {part: f"x{bad}"}), SandboxChannel(tmp_path))


@pytest.mark.parametrize("part", ["to", "subject", "lender_name", "reply_to", "language"])
@pytest.mark.parametrize("bad", ["\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\u2028", "\u2029"])
def test_a_header_or_an_address_is_one_line_without_control_characters(part, bad, tmp_path):
    with pytest.raises(Rejected, match=part):
        check_sendable(Message(**GOOD | {part: f"x{bad}y"}), SandboxChannel(tmp_path))


def test_a_body_and_a_postal_address_have_lines(tmp_path):
    channel = SandboxChannel(tmp_path)
    check_sendable(Message(**GOOD | {"body": "one\ntwo\u2028three"}), channel)
    check_sendable(Message(**GOOD | {"channel": "letter", "to": "Ann\n1 Road\nTown"}), channel)


@pytest.mark.parametrize("part", ["to", "body"])
def test_an_empty_text_or_address_is_rejected(part, tmp_path):
    with pytest.raises(Rejected, match=f"the {part} is empty"):
        check_sendable(Message(**GOOD | {part: " \u3000"}), SandboxChannel(tmp_path))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),  # noqa: S104
        ("10.0.0.1", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("", False),
    ],
)
def test_a_host_is_loopback_by_definition_or_not_at_all(host, expected):
    assert is_loopback_host(host) is expected


def test_the_adapters_that_ship_are_found_by_name():
    assert load("sandbox") is SandboxChannel
    assert load("twilio") is TwilioChannel
    for name in ("sandbox", "smtp", "twilio"):
        assert load(name).name == name


def test_an_unknown_adapter_is_answered_with_the_known_ones():
    with pytest.raises(SettingsError, match="'pigeon'; known are: sandbox, smtp, twilio"):
        load("pigeon")


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("no.such.module:X", "cannot be loaded"),
        ("adapters.base:Nothing", "cannot be loaded"),
        ("json:dumps", "no Channel"),
    ],
)
def test_a_registration_that_leads_nowhere_says_so(target, said, monkeypatch):
    point = importlib.metadata.EntryPoint("broken", target, "duly.adapters")
    monkeypatch.setattr(base, "entry_points", lambda group: [point] if group == "duly.adapters" else [])
    with pytest.raises(SettingsError, match=said):
        load("broken")


def test_a_channel_without_a_lookup_never_says_that_a_message_is_not_there():
    channel = TwilioChannel.from_settings(
        {"account_sid": "AC" + "a" * 32, "auth_token": "hush", "from": "+15005550006"}
    )
    with closing(channel), pytest.raises(Transient, match="cannot look"):
        channel.lookup("0" * 64)


def test_a_secret_option_shows_nowhere():
    secret = Options("x", {"password": "hush"}, ("password",)).secret("password")
    assert "hush" not in repr(secret) + str(secret)
    assert secret.get_secret_value() == "hush"


def test_an_unknown_option_is_answered_with_the_nearest_name():
    with pytest.raises(SettingsError, match="no option 'pasword'; did you mean 'password'"):
        Options("x", {"pasword": "hush"}, ("host", "password"))
    with pytest.raises(SettingsError, match="no option 'zzz'; known are: host, password"):
        Options("x", {"zzz": "hush"}, ("host", "password"))


def test_errors_survive_the_way_between_processes():
    error = pickle.loads(pickle.dumps(Rejected("no such number")))  # noqa: S301
    assert (type(error), str(error)) == (Rejected, "no such number")
