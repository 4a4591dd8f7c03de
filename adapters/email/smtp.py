"""E-mail by SMTP (RFC 5321): one connection, one message, one recipient; says what the last reply proved.

Until the server has answered DATA with 354, nothing can have been sent. After that, only its reply tells.
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from pydantic import SecretStr

from adapters.base import (
    EMAIL,
    AdapterError,
    Channel,
    Message,
    Receipt,
    Rejected,
    Transient,
    Unconfirmed,
    check_sendable,
    is_loopback_host,
)
from adapters.deadline import Deadline
from adapters.email.mime import MailAddress, build, message_id_header, parse_address, wire_bytes
from adapters.options import Options

STARTTLS = "starttls"
TLS = "tls"
PLAIN = "none"
_PORTS = {STARTTLS: 587, TLS: 465, PLAIN: 25}

# What a command's reply is when all is well (RFC 5321, 4.2.3).
_READY, _OK, _FORWARDED, _GO_ON = 220, 250, 251, 354
_NO_REPLY = 0

_ENHANCED_STATUS = re.compile(rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}\b")


@dataclass(frozen=True, slots=True)
class Server:
    """Where mail is handed over. ``timeout_s`` bounds one whole delivery; ``login`` is user and password."""

    host: str
    port: int
    security: str
    timeout_s: float
    login: tuple[str, SecretStr] | None = field(default=None, repr=False)
    ca_file: Path | None = None


class SmtpChannel(Channel):
    """Hands each message over on a connection of its own; safe from many threads.

    SMTP knows no message ids of ours, so an unconfirmed message can only wait for a bounce or an answer.
    """

    name = "smtp"
    channels = frozenset({EMAIL})
    thread_safe = True

    def __init__(self, server: Server, sender: MailAddress) -> None:
        self._server = server
        self._sender = sender
        self._tls = ssl.create_default_context(cafile=server.ca_file)

    def __repr__(self) -> str:
        return f"SmtpChannel({self._server!r}, {self._sender.text!r})"

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> Self:
        """Options: ``host``, ``from`` (the address that the mails come from).

        Optional: ``security`` (``starttls``, the default; ``tls``; ``none``, for this machine only), ``port``
        (default 587, 465, 25), ``username`` and ``password``, ``ca_file`` (certificates to trust instead of the
        system's), ``timeout_s`` (1 to 300, default 60).
        """
        known = ("host", "from", "security", "port", "username", "password", "ca_file", "timeout_s")
        options = Options(cls.name, settings, known)
        host = options.text("host")
        security = options.choice("security", tuple(_PORTS), STARTTLS)
        if security == PLAIN and not is_loopback_host(host):
            raise options.wrong("security", f"{STARTTLS} or {TLS}; {PLAIN} is for localhost only")
        username = options.optional("username")
        if username is None and options.optional("password") is not None:
            raise options.wrong("password", "no password without a 'username'")
        for name in ("username", "password"):
            if not (options.optional(name) or "").isascii():
                raise options.wrong(name, "ASCII characters only")
        server = Server(
            host=host,
            port=options.integer("port", _PORTS[security], low=1, high=65_535),
            security=security,
            timeout_s=options.integer("timeout_s", 60, low=1, high=300),
            login=None if username is None else (username, options.secret("password")),
            ca_file=options.file("ca_file"),
        )
        return cls(server, _sender(options))

    def send(self, message: Message) -> Receipt:
        """Hand one mail over; the receipt's reference is its Message-ID."""
        check_sendable(message, self)
        try:
            to = parse_address(message.to)
        except ValueError as error:
            raise Rejected(f"the address is none; {error}") from None
        content = wire_bytes(build(message, self._sender, to), utf8=to.needs_smtputf8)
        smtp = smtplib.SMTP(local_hostname=self._sender.domain)
        with Deadline(self._server.timeout_s) as deadline:
            try:
                self._hand_over(smtp, deadline, to, content, message.may_leave)
            finally:
                # What it says to QUIT changes nothing that is known by now.
                with contextlib.suppress(OSError):
                    smtp.quit()
                smtp.close()
        return Receipt(self.name, message_id_header(message.message_id, self._sender.domain))

    def loopback(self) -> bool:
        """Whether ``host`` is this machine."""
        return is_loopback_host(self._server.host)

    def _hand_over(
        self, smtp: smtplib.SMTP, deadline: Deadline, to: MailAddress, content: bytes, may_leave: Callable[[], bool]
    ) -> None:  # fmt: skip
        try:
            self._open(smtp, deadline)
            self._offer(smtp, to)
        except OSError as error:  # smtplib's own errors are OSErrors too
            late = deadline.expired or isinstance(error, TimeoutError)
            what = f"not ready within {self._server.timeout_s:g} s" if late else _without_text(error)
            raise Transient(f"smtp: {what}, before the message was sent") from None
        if not may_leave():
            smtp.close()
            raise Transient("smtp: too late to send, and the message was not sent")
        try:
            smtp.send(content)
            code, text = smtp.getreply()
        except OSError:
            code, text = _NO_REPLY, b""
        # A reply that the time limit cut in two may begin like a good one.
        if deadline.expired or code == _NO_REPLY:
            what = f"no reply within {self._server.timeout_s:g} s" if deadline.expired else "the connection ended"
            raise Unconfirmed(f"smtp: {what} after the message was sent") from None
        if code != _OK:
            raise _refusal("the message", code, text, otherwise=Unconfirmed)

    def _open(self, smtp: smtplib.SMTP, deadline: Deadline) -> None:
        """Connect, encrypt, log in. What goes wrong here is not about the message: ``Transient``."""
        server = self._server
        plain = socket.create_connection((server.host, server.port), timeout=server.timeout_s)
        smtp.sock = plain
        deadline.watch(plain)
        if server.security == TLS:
            self._encrypt(smtp, plain, deadline)
        _ready("the greeting", _READY, smtp.getreply())
        _ready("EHLO", _OK, smtp.ehlo())
        if server.security == STARTTLS:
            if not smtp.has_extn("starttls"):
                raise Transient("smtp: the server does not offer STARTTLS; nothing is sent in the clear")
            _ready("STARTTLS", _READY, smtp.docmd("STARTTLS"))
            self._encrypt(smtp, plain, deadline)
            _ready("EHLO", _OK, smtp.ehlo())
        if server.login is not None:
            username, password = server.login
            smtp.login(username, password.get_secret_value())

    def _encrypt(self, smtp: smtplib.SMTP, plain: socket.socket, deadline: Deadline) -> None:
        smtp.sock = self._tls.wrap_socket(plain, server_hostname=self._server.host)
        smtp.file = None  # what was said in the clear before is forgotten (RFC 3207, 4.2)
        deadline.watch(smtp.sock)

    def _offer(self, smtp: smtplib.SMTP, to: MailAddress) -> None:
        options = []
        if to.needs_smtputf8:
            if not smtp.has_extn("smtputf8"):
                raise Rejected("smtp: the address is not in ASCII and the server has no SMTPUTF8")
            options = ["SMTPUTF8", "BODY=8BITMIME"]
        for what, (code, text) in (
            ("the sender", smtp.mail(self._sender.text, options)),
            ("the recipient", smtp.rcpt(to.text)),
        ):
            if code not in (_OK, _FORWARDED):
                raise _refusal(what, code, text, otherwise=Transient)
        code, text = smtp.docmd("DATA")
        if code != _GO_ON:
            raise _refusal("DATA", code, text, otherwise=Transient)


def _sender(options: Options) -> MailAddress:
    try:
        sender = parse_address(options.text("from"))
    except ValueError:
        raise options.wrong("from", "one mail address, such as name@example.org") from None
    if sender.needs_smtputf8:
        raise options.wrong("from", "an address whose part before the @ is ASCII; not every server carries others")
    return sender


def _ready(what: str, expected: int, reply: tuple[int, bytes]) -> None:
    code, text = reply
    if code != expected:
        raise Transient(f"smtp: {what} was answered with {_shown(code, text)}")


def _refusal(what: str, code: int, text: bytes, *, otherwise: type[AdapterError]) -> AdapterError:
    """4xx passes, 5xx is for good; ``otherwise`` is what a reply that is neither proves."""
    passing_or_final: dict[int, type[AdapterError]] = {4: Transient, 5: Rejected}
    kind = passing_or_final.get(code // 100, otherwise)
    return kind(f"smtp: {what} was answered with {_shown(code, text)}")


def _shown(code: int, text: bytes) -> str:
    """The reply's numbers; its words may quote an address."""
    enhanced = _ENHANCED_STATUS.match(text)
    return f"{code} {enhanced[0].decode()}" if enhanced else str(code)


def _without_text(error: OSError) -> str:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"our credentials were not accepted ({error.smtp_code})"
    return f"no usable connection ({type(error).__name__})"
