"""The suite that every adapter must pass, also a third party's; see ``Harness`` for what it needs from you.

@pytest.mark.parametrize("check", conformance.checks(MyHarness.modes), ids=str)
def test_it_conforms(check, harness):
    check.run(harness)
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol

from adapters.base import AdapterError, Channel, Message, Receipt, Rejected, Transient, Unconfirmed

ACCEPT = "accept"
REJECT = "reject"
THROTTLE = "throttle"
UNREACHABLE = "unreachable"
LOSE_ANSWER = "lose_answer"
HANG = "hang"
GARBAGE = "garbage"
MODES = (ACCEPT, REJECT, THROTTLE, UNREACHABLE, LOSE_ANSWER, HANG, GARBAGE)

# Scripts, a character outside the basic plane, a right-to-left word, and what must stay text on any channel.
STRANGE_TEXT = "Ünïcødé 中文 हिन्दी עברית 👩\u200d👩\u200d👧 {{7*7}} ${HOME} <b>&amp;</b> .\n.\r\nFrom x\n.\nend"


class Nonconformity(AssertionError):
    """The adapter breaks the contract of ``Channel``."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """One message that the provider took over: to whom, and the text that arrived."""

    to: tuple[str, ...]
    body: str


class Harness(Protocol):
    """A provider under the test's control, started afresh for each check.

    ``modes`` are those of ``MODES`` that it can play, ``ACCEPT`` at least. ``REJECT``: refused for good.
    ``THROTTLE``: not now. ``UNREACHABLE``: nothing can be handed over. ``LOSE_ANSWER``: takes the message and
    says nothing. ``HANG``: takes it and never ends its answer (the channel's time limit should be short).
    ``GARBAGE``: takes it and answers with what is no answer.
    """

    modes: Sequence[str]
    secrets: Sequence[str]
    """Passwords and tokens that the channel was given."""
    to: str
    """An address that the channel can carry to."""
    kind: str
    """Which of its ``channels`` is tried."""

    def play(self, mode: str) -> None:
        """Behave so from now on; asked once, before the channel."""

    def channel(self) -> Channel:
        """A new channel to this provider."""

    def accepted(self) -> Sequence[Accepted]:
        """Everything taken over so far."""


@dataclass(frozen=True, slots=True)
class Check:
    """One sentence of the contract; ``run`` raises ``Nonconformity`` where it is broken."""

    name: str
    mode: str
    run: Callable[[Harness], None]

    def __str__(self) -> str:
        return self.name


_Body = Callable[[Harness, Channel], None]
_CHECKS: list[Check] = []


def checks(modes: Sequence[str]) -> list[Check]:
    """Those checks that a provider with these modes can be put to; ``ACCEPT`` must be among them."""
    unknown = sorted(set(modes) - set(MODES))
    if unknown or ACCEPT not in modes:
        raise ValueError(f"modes are {list(modes)}; expected 'accept' and others of {', '.join(MODES)}")
    return [check for check in _CHECKS if check.mode in modes]


def message(harness: Harness, number: int = 0, **changes: Any) -> Message:
    """A message that the harness's channel can carry; another ``number`` is another message."""
    made = Message(
        message_id=hashlib.sha256(f"conformance {number}".encode()).hexdigest(),
        channel=harness.kind,
        to=harness.to,
        body=f"Number {number}: your instalment was due.",
        language="en",
        created_at=datetime(2026, 3, 1, 10, 30, tzinfo=UTC),
        subject="Your instalment" if harness.kind == "email" else None,
        lender_name="Acme Credit",
    )
    return replace(made, **changes)


def _check(mode: str) -> Callable[[_Body], _Body]:
    def register(body: _Body) -> _Body:
        def run(harness: Harness) -> None:
            harness.play(mode)
            with _open(harness) as channel:
                body(harness, channel)

        _CHECKS.append(Check(body.__name__, mode, run))
        return body

    return register


@_check(ACCEPT)
def an_accepted_message_arrives_once_and_has_a_receipt(harness: Harness, channel: Channel) -> None:
    sent = message(harness)
    receipt = channel.send(sent)
    _expect(isinstance(receipt, Receipt), f"send returned {type(receipt).__name__}; expected a Receipt")
    _expect(receipt.provider == channel.name, "the receipt's provider is not the channel's name")
    _arrived(harness, [sent])


@_check(ACCEPT)
def the_text_arrives_as_it_was_written(harness: Harness, channel: Channel) -> None:
    sent = message(harness, body=STRANGE_TEXT)
    channel.send(sent)
    _arrived(harness, [sent])


@_check(ACCEPT)
def no_address_becomes_two_recipients_or_a_header(harness: Harness, channel: Channel) -> None:
    for number, tail in enumerate(
        (f",{harness.to}", f";{harness.to}", f" {harness.to}", "\r\nBcc: x@y.example", "\x85")
    ):
        hostile = message(harness, number, to=harness.to + tail)
        try:
            channel.send(hostile)
        except Rejected:
            continue
        except AdapterError as error:
            raise Nonconformity(f"a broken address raised {type(error).__name__}; expected Rejected") from None
    for arrived in harness.accepted():
        _expect(len(arrived.to) == 1, f"one message went to {len(arrived.to)} recipients")
        _expect(len(arrived.to[0].splitlines()) == 1, "a line break in an address reached the provider")


@_check(ACCEPT)
def what_cannot_be_text_is_rejected_and_not_sent(harness: Harness, channel: Channel) -> None:
    for broken in ("a NUL \0", "half a character \ud83d"):
        _raises(Rejected, partial(channel.send, message(harness, body=broken)), "a body that is no text")
    _arrived(harness, [])


@_check(ACCEPT)
def a_message_for_another_channel_is_rejected(harness: Harness, channel: Channel) -> None:
    for other in sorted({"sms", "email", "letter"} - channel.channels):
        _raises(Rejected, partial(channel.send, message(harness, channel=other)), f"a message by {other}")
    _arrived(harness, [])


@_check(ACCEPT)
def many_threads_may_send_where_it_says_so(harness: Harness, channel: Channel) -> None:
    if not channel.thread_safe:
        return
    sent = [message(harness, number) for number in range(24)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(channel.send, sent))
    _arrived(harness, sent)


@_check(ACCEPT)
def the_same_id_twice_is_one_message_where_it_says_so(harness: Harness, channel: Channel) -> None:
    if not channel.idempotent:
        return
    first = channel.send(message(harness))
    _expect(channel.send(message(harness)) == first, "the second receipt for one message id differs from the first")
    _arrived(harness, [message(harness)])


@_check(ACCEPT)
def it_finds_what_was_sent_and_nothing_else_where_it_looks_up(harness: Harness, channel: Channel) -> None:
    if not channel.looks_up:
        return
    sent, never = message(harness, 1), message(harness, 2)
    receipt = channel.send(sent)
    _expect(channel.lookup(sent.message_id) == receipt, "lookup does not find a message that was sent")
    _expect(channel.lookup(never.message_id) is None, "lookup finds a message that was never sent")


@_check(ACCEPT)
def closing_twice_is_closing_once(harness: Harness, channel: Channel) -> None:
    channel.send(message(harness))
    channel.close()
    channel.close()


@_check(ACCEPT)
def it_says_that_a_provider_on_this_machine_is_loopback(harness: Harness, channel: Channel) -> None:
    _expect(channel.loopback() is True, "loopback() is not True for the test's own provider")


@_check(REJECT)
def a_refusal_for_good_is_rejected(harness: Harness, channel: Channel) -> None:
    _raises(Rejected, partial(channel.send, message(harness)), "a refusal")
    _arrived(harness, [])


@_check(THROTTLE)
def a_refusal_for_now_is_transient(harness: Harness, channel: Channel) -> None:
    error = _raises(Transient, partial(channel.send, message(harness)), "a refusal for now")
    wait_s = getattr(error, "retry_after_s", None)
    _expect(wait_s is None or wait_s >= 0, f"retry_after_s is {wait_s}; expected seconds from 0, or None")
    _arrived(harness, [])


@_check(UNREACHABLE)
def an_unreachable_provider_is_transient(harness: Harness, channel: Channel) -> None:
    _raises(Transient, partial(channel.send, message(harness)), "an unreachable provider")
    _arrived(harness, [])


def _doubt(mode: str) -> _Body:
    def body(harness: Harness, channel: Channel) -> None:
        sent = message(harness)
        _raises(Unconfirmed, partial(channel.send, sent), f"an answer that was lost ({mode})")
        _arrived(harness, [sent])  # exactly once: sent again unasked, it would be there twice
        if channel.looks_up:
            _expect(channel.lookup(sent.message_id) is not None, "lookup does not find what the provider took")

    body.__name__ = f"after_{mode}_it_is_unconfirmed_and_not_sent_again"
    return body


for _mode in (LOSE_ANSWER, HANG, GARBAGE):
    _check(_mode)(_doubt(_mode))


def _discretion(mode: str) -> _Body:
    def body(harness: Harness, channel: Channel) -> None:
        sent = message(harness, body="Ms Private owes 12.34")
        shown = repr(channel) + str(channel)
        try:
            shown += repr(channel.send(sent))
        except AdapterError as error:
            # The traceback too: a chained error of a library may quote what it was given.
            shown += repr(error) + "".join(traceback.format_exception(error))
        for what, words in (("a secret", harness.secrets), ("personal data", (harness.to, "Private", "12.34"))):
            _expect(not any(word in shown for word in words), f"{what} shows in a repr, a receipt or an error")

    body.__name__ = f"in_{mode}_no_secret_and_no_personal_data_shows"
    return body


for _mode in MODES:
    _check(_mode)(_discretion(_mode))


@contextmanager
def _open(harness: Harness) -> Iterator[Channel]:
    channel = harness.channel()
    try:
        yield channel
    finally:
        channel.close()


def _expect(holds: bool, broken: str) -> None:
    if not holds:
        raise Nonconformity(broken)


def _raises(kind: type[AdapterError], send: Callable[[], Receipt], what: str) -> AdapterError:
    try:
        send()
    except kind as error:
        return error
    except Exception as error:
        raise Nonconformity(f"{what} raised {type(error).__name__}; expected {kind.__name__}") from error
    raise Nonconformity(f"{what} was reported as sent; expected {kind.__name__}")


def _arrived(harness: Harness, sent: Sequence[Message]) -> None:
    """Each of these reached the provider exactly once, to its one recipient, and nothing else did."""
    found = sorted((arrived.to, _lines(arrived.body)) for arrived in harness.accepted())
    expected = sorted(((each.to,), _lines(each.body)) for each in sent)
    _expect(len(found) == len(expected), f"the provider took {len(found)} messages; expected {len(expected)}")
    _expect(found == expected, "what the provider took differs from what was sent, in recipient or text")


def _lines(text: str) -> list[str]:
    """Line ends and the last line's end belong to the carrier; everything else to the text."""
    return text.replace("\r\n", "\n").rstrip("\n").split("\n")
