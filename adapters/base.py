"""The Channel port: a Message goes in, a Receipt comes out, or one of three errors says what is known.

AdapterError                what an adapter may raise
├── SettingsError           at start: an option is missing or wrong; it is named
├── Transient               certainly not sent; may be tried again, not before ``retry_after_s``
├── Rejected                certainly not sent, and never will be; the next channel's turn
└── Unconfirmed             the provider may have it; counts as a contact, never blindly repeated

The reasons of errors and the ``repr`` of a Message hold no personal data and no secret: both go into the
journal and the logs.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import entry_points
from typing import ClassVar, Self

SMS = "sms"
EMAIL = "email"
LETTER = "letter"
CHANNELS = frozenset({SMS, EMAIL, LETTER})

ENTRY_POINT_GROUP = "duly.adapters"

_MESSAGE_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LINE_BREAKING = frozenset({"Cc", "Zl", "Zp"})


class AdapterError(Exception):
    """The message could not be handed over."""

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason or (type(self).__doc__ or "").partition("\n")[0]
        super().__init__(self.reason)


class SettingsError(AdapterError):
    """An option of the adapter is missing or wrong."""

    def __init__(self, reason: str | None = None, *, option: str | None = None) -> None:
        self.option = option
        super().__init__(reason)


class Transient(AdapterError):
    """The message was certainly not sent; it may be tried again."""

    def __init__(self, reason: str | None = None, *, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(reason)


class Rejected(AdapterError):
    """The message was refused for good; the next channel may be tried."""


class Unconfirmed(AdapterError):
    """The provider may have the message; it must not be sent again unasked."""


def _at_any_time() -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Message:
    """One rendered text to one person, ready to leave.

    ``message_id`` is the 64 hex digits of its SHA-256; ``to`` is an E.164 number, a mail address, or the lines
    of a postal address; ``created_at`` is an aware datetime, the instant that decided the message;
    ``lender_name`` and ``reply_to`` say who speaks and where an answer goes. ``may_leave`` is asked by an adapter at
    the last moment before the text goes out: false, where whoever sends has slept past the time that it had for it,
    and another may have the message by now; then it is ``Transient``.
    """

    message_id: str
    channel: str
    to: str = field(repr=False)
    body: str = field(repr=False)
    language: str
    created_at: datetime
    subject: str | None = field(default=None, repr=False)
    html: str | None = field(default=None, repr=False)
    lender_name: str | None = field(default=None, repr=False)
    reply_to: str | None = field(default=None, repr=False)
    may_leave: Callable[[], bool] = field(default=_at_any_time, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_message_id(self.message_id)
        if self.channel not in CHANNELS:
            raise ValueError(f"channel is {self.channel!r}; expected one of {', '.join(sorted(CHANNELS))}")
        if self.created_at.utcoffset() is None:
            raise ValueError("created_at has no offset; expected an aware datetime")


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider took the message over; ``reference`` is its own name for it, where it gives one.

    Taken over is not delivered: that is told later, as an event.
    """

    provider: str
    reference: str | None = None
    status: str = "accepted"


class Channel(ABC):
    """A way out for messages.

    ``channels`` names what it carries. ``thread_safe``: one instance may ``send`` from many threads at once.
    ``idempotent``: a second ``send`` of one message id is no second message. ``looks_up``: ``lookup`` knows for
    certain whether the provider has a message id; without it, an unconfirmed message stays unconfirmed.
    """

    name: ClassVar[str]
    channels: ClassVar[frozenset[str]]
    thread_safe: ClassVar[bool] = False
    idempotent: ClassVar[bool] = False
    looks_up: ClassVar[bool] = False

    @classmethod
    @abstractmethod
    def from_settings(cls, settings: Mapping[str, str]) -> Self:
        """Build the channel from its own options, all text; raises ``SettingsError`` naming the option."""

    @abstractmethod
    def send(self, message: Message) -> Receipt:
        """Hand one message over, once; raises ``Transient``, ``Rejected`` or ``Unconfirmed``."""

    @abstractmethod
    def loopback(self) -> bool:
        """Whether nothing can leave this machine by it; under a test clock only such a channel is used."""

    def lookup(self, message_id: str) -> Receipt | None:
        """The receipt of an earlier ``send``, or ``None`` where the provider never took it over.

        Raises ``Transient`` where that cannot be known now. Only meaningful where ``looks_up`` is true.
        """
        raise Transient(f"{self.name} cannot look a message up by its id")

    def close(self) -> None:  # noqa: B027  (most channels hold nothing open)
        """Let go of connections; may be called twice."""


def check_message_id(message_id: str) -> str:
    """The id itself if it is 64 lower-case hex digits; raises ``ValueError`` else. So it is safe in a path."""
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError("message_id is not the 64 lower-case hex digits of a SHA-256")
    return message_id


def check_sendable(message: Message, channel: Channel) -> None:
    """Raise ``Rejected`` for what no provider could carry: another channel, no text, NUL, half a character.

    Whatever becomes a header or an address may also hold no control character and no line break of any
    script (U+0085, U+2028 and U+2029 too); a postal address alone has lines.
    """
    if message.channel not in channel.channels:
        carried = ", ".join(sorted(channel.channels))
        raise Rejected(f"{channel.name} carries {carried}, not {message.channel}")
    for part in ("to", "body", "subject", "html", "lender_name", "reply_to", "language"):
        text: str | None = getattr(message, part)
        if text is None:
            continue
        if "\0" in text or not _encodes(text):
            raise Rejected(f"the {part} holds a NUL or half a character (lone surrogate), which no text may")
        one_line = part not in ("body", "html") and not (part == "to" and message.channel == LETTER)
        if one_line and not text.isprintable() and any(unicodedata.category(c) in _LINE_BREAKING for c in text):
            raise Rejected(f"the {part} holds a line break or control character; expected one line")
    for part in ("to", "body"):
        if not getattr(message, part).strip():
            raise Rejected(f"the {part} is empty")


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_loopback_host(host: str) -> bool:
    """Whether a host name or address is this machine by definition; nothing is resolved to find out."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def load(name: str) -> type[Channel]:
    """The adapter registered as ``name`` under the entry points ``duly.adapters``.

    Raises ``SettingsError`` that lists the known names, or says what is wrong with what is registered.
    """
    known = {point.name: point for point in entry_points(group=ENTRY_POINT_GROUP)}
    if name not in known:
        raise SettingsError(f"no adapter is called {name!r}; known are: {', '.join(sorted(known)) or 'none'}")
    try:
        found = known[name].load()
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"adapter {name!r} is registered as {known[name].value} but cannot be loaded") from error
    if not (isinstance(found, type) and issubclass(found, Channel)):
        raise SettingsError(f"adapter {name!r} is registered as {known[name].value}, which is no Channel")
    return found
