"""SMS through Twilio's Messages API, version 2010-04-01.

The API has no idempotency key and cannot find a message by an id of ours, so an unconfirmed message can only
wait for its status callback: ``looks_up`` and ``idempotent`` are false.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Self
from urllib.parse import urlsplit

import phonenumbers
from pydantic import SecretStr

from adapters.base import SMS, AdapterError, Channel, Message, Receipt, Rejected, Transient, Unconfirmed, check_sendable
from adapters.http import Answer, HttpClient, Transport
from adapters.options import Options

_BASE_URL = "https://api.twilio.com"
_SID = re.compile(r"(SM|MM)[0-9a-fA-F]{32}", re.ASCII)
_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|[0-9]{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 +_&-]{1,11}", re.ASCII)

# Twilio's own numbers for what is wrong with the account or the moment, not with this message: credentials,
# inactive account, too many requests, full queue of this sender, full queue, suspended account.
_PASSING_CODES = frozenset({20003, 20005, 20429, 21611, 30001, 30002})
_FAILED = frozenset({"failed", "undelivered", "canceled"})


class TwilioChannel(Channel):
    """Sends one SMS with one POST; safe from many threads, each request on a connection of its own."""

    name = "twilio"
    channels = frozenset({SMS})
    thread_safe = True

    def __init__(
        self,
        account_sid: str,
        auth_token: SecretStr,
        sender: Mapping[str, str],
        *,
        status_callback: str | None = None,
        validity_s: int = 3600,
        base_url: str = _BASE_URL,
        timeout_s: float = 15.0,
        transport: Transport | None = None,
    ) -> None:
        self._account_sid = account_sid
        self._fixed = {**sender, "ValidityPeriod": str(validity_s)}
        if status_callback is not None:
            self._fixed["StatusCallback"] = status_callback
        self._client = HttpClient(
            self.name,
            base_url,
            timeout_s=timeout_s,
            auth=(account_sid, auth_token.get_secret_value()),
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"TwilioChannel({self._account_sid!r}, {self._client!r})"

    @classmethod
    def from_settings(cls, settings: Mapping[str, str]) -> Self:
        """Options: ``account_sid``, ``auth_token``, and one of ``from`` and ``messaging_service_sid``.

        Optional: ``status_callback`` (https), ``validity_s`` (1 to 36000, default 3600: how long Twilio may keep
        the message in its queue; its own default of ten hours reaches from a lawful evening into the night),
        ``base_url``, ``timeout_s`` (1 to 120, default 15).
        """
        known = ("account_sid", "auth_token", "from", "messaging_service_sid", "status_callback", "validity_s")
        options = Options(cls.name, settings, (*known, "base_url", "timeout_s"))
        account_sid = options.text("account_sid")
        if not re.fullmatch(r"AC[0-9a-fA-F]{32}", account_sid, re.ASCII):
            raise options.wrong("account_sid", "AC and 32 hex digits")
        callback = options.optional("status_callback")
        if callback is not None and not _is_https(callback):
            raise options.wrong("status_callback", "https://host/…, a host without underscores")
        return cls(
            account_sid,
            options.secret("auth_token"),
            _sender(options),
            status_callback=callback,
            validity_s=options.integer("validity_s", 3600, low=1, high=36_000),
            base_url=options.text("base_url", _BASE_URL),
            timeout_s=options.integer("timeout_s", 15, low=1, high=120),
        )

    def send(self, message: Message) -> Receipt:
        """Create one message; a 201 with a SID means that Twilio took it over, not that it was delivered."""
        check_sendable(message, self)
        form = {"To": _number(message.to), "Body": message.body, **self._fixed}
        path = f"/2010-04-01/Accounts/{self._account_sid}/Messages.json"
        answer = self._client.post_form(path, form, message.may_leave)
        return self._receipt(answer)

    def loopback(self) -> bool:
        """Whether ``base_url`` is this machine."""
        return self._client.loopback

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _receipt(self, answer: Answer) -> Receipt:
        found = answer.json() or {}
        # Only the number of an error is repeated: Twilio's own words quote the phone number.
        code = _error_number(found.get("code"))
        error = self._client.failure(answer, f"error {code}" if code is not None else "")
        if error is not None:
            raise _by_code(error, code)
        sid, status, failed_code = found.get("sid"), found.get("status"), _error_number(found.get("error_code"))
        if (isinstance(status, str) and status in _FAILED) or failed_code is not None:
            shown = f" with error {failed_code}" if failed_code is not None else ""
            refused = Rejected(f"twilio: HTTP {answer.status}, but the message failed{shown}")
            raise _by_code(refused, failed_code)
        if found.get("error_code") is not None:
            raise Unconfirmed(f"twilio: HTTP {answer.status} whose error code is none; the message may be on its way")
        if not (isinstance(sid, str) and _SID.fullmatch(sid)):
            raise Unconfirmed(f"twilio: HTTP {answer.status} without a readable SID; the message may be on its way")
        return Receipt(self.name, sid)


def _error_number(value: object) -> int | None:
    """A number of Twilio's for what is wrong; nothing else that an answer may hold, however large, becomes one."""
    return value if type(value) is int and 0 < value < 1_000_000 else None


def _by_code(error: AdapterError, code: int | None) -> AdapterError:
    """The same refusal, as passing where Twilio's number says that it is not about this message."""
    if isinstance(error, Rejected) and code in _PASSING_CODES:
        return Transient(error.reason)
    return error


def _number(to: str) -> str:
    """The number in E.164; raises ``Rejected`` for what is none."""
    try:
        parsed = phonenumbers.parse(to, None)
    except phonenumbers.NumberParseException:
        raise Rejected("the phone number is none; expected E.164, a plus sign and digits") from None
    if parsed.extension or not phonenumbers.is_possible_number(parsed):
        raise Rejected("the phone number cannot exist; expected E.164, a plus sign and digits")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def _sender(options: Options) -> dict[str, str]:
    number, service = options.optional("from"), options.optional("messaging_service_sid")
    if (number is None) == (service is None):
        raise options.wrong("from", "this or 'messaging_service_sid', exactly one of them")
    if number is not None:
        if not _SENDER.fullmatch(number):
            raise options.wrong("from", "an E.164 number, a short code, or a sender name of up to 11 characters")
        return {"From": number}
    if service is None or not re.fullmatch(r"MG[0-9a-fA-F]{32}", service, re.ASCII):
        raise options.wrong("messaging_service_sid", "MG and 32 hex digits")
    return {"MessagingServiceSid": service}


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and "_" not in (parts.hostname or "")
