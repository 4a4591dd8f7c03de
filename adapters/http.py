"""One HTTP request to a provider, once, within a total time; says for sure whether it ever left.

The only module that knows httpx. Nothing is tried again here (that is dispatch's to decide), no redirect is
followed, no proxy is taken from the environment, and each request has a connection of its own: one kept open
may be closed by the server just as a request leaves, and whether that one arrived nobody could say.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from adapters.base import AdapterError, Rejected, SettingsError, Transient, Unconfirmed, is_loopback_host
from adapters.deadline import Deadline

Transport = httpx.BaseTransport

_NEVER_LEFT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_LEAVES = frozenset({"http11.send_request_headers.started", "http11.send_request_body.started"})
_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.start_tls.complete"})


class _TooLate(Exception):
    """Whoever sends has slept for too long; raised before anything that a server acts on has left."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered. ``body`` is empty where it was cut off, too long or compressed: the status stands."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    whole: bool = True

    def json(self) -> dict[str, Any] | None:
        """The JSON object in the body, or ``None`` where there is no whole one that has one meaning (RFC 8259, 4)."""
        try:
            found = json.loads(self.body, object_pairs_hook=_each_once, parse_constant=_no_number)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class HttpClient:
    """Sends requests to one base URL; safe from many threads.

    ``timeout_s`` bounds the whole exchange from the first byte of the connection to the last of the answer,
    ``connect_timeout_s`` each try to connect, ``max_bytes`` the answer's body. ``auth`` is user and password.
    ``transport`` is the seam for tests, ``tls`` the context for servers with a certificate of one's own.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        *,
        timeout_s: float,
        connect_timeout_s: float = 5.0,
        max_bytes: int = 65_536,
        auth: tuple[str, str] | None = None,
        transport: Transport | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._provider = provider
        self._base_url, host = _checked(provider, base_url)
        self.loopback = is_loopback_host(host)
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._client = httpx.Client(
            auth=auth,
            # Without Connection: close, one that has just become idle may be taken by another thread before the pool
            # has closed it, while the server closes it too.
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "Connection": "close",
                "User-Agent": "duly",
            },
            timeout=httpx.Timeout(timeout_s, connect=min(connect_timeout_s, timeout_s)),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
            follow_redirects=False,
            trust_env=False,
            verify=tls or ssl.create_default_context(),
            transport=transport,
        )

    def __repr__(self) -> str:
        return f"HttpClient({self._provider!r}, {self._base_url!r})"

    def post_form(
        self, path: str, fields: Mapping[str, str], may_leave: Callable[[], bool] | None = None
    ) -> Answer:  # fmt: skip
        """POST a form once; any whole answer is returned, whatever its status.

        ``may_leave`` is asked before the head and before the body goes out; without its body no server acts on a form.
        Raises ``Transient`` where the request provably never left, ``Unconfirmed`` where it may have.
        """
        return self._exchange("POST", path, may_leave, data=fields)

    def post_text(self, path: str, text: str) -> Answer:
        """The same with plain text in UTF-8 as the body."""
        return self._exchange(
            "POST", path, content=text.encode(), headers={"Content-Type": "text/plain; charset=utf-8"}
        )

    def get(self, path: str) -> Answer:
        """GET once. Raises ``Transient`` where there is no whole answer: asking changes nothing, so it may be again."""
        try:
            answer = self._exchange("GET", path, headers={"Accept": "text/plain"})
        except Unconfirmed as error:
            raise Transient(error.reason) from None
        if not answer.whole:
            raise Transient(f"{self._provider}: the answer was cut off, too long or compressed")
        return answer

    def _exchange(
        self, method: str, path: str, may_leave: Callable[[], bool] | None = None, **request: Any
    ) -> Answer:  # fmt: skip
        with Deadline(self._timeout_s) as deadline:

            def trace(event: str, info: dict[str, Any]) -> None:
                if event in _CONNECTED:
                    deadline.watch(info["return_value"].get_extra_info("socket"))
                elif event in _LEAVES and may_leave is not None and not may_leave():
                    raise _TooLate

            url = self._base_url + path
            try:
                with self._client.stream(method, url, extensions={"trace": trace}, **request) as response:
                    body = self._read(response)
                    return Answer(response.status_code, response.headers, body or b"", body is not None)
            except _NEVER_LEFT as error:
                raise Transient(f"{self._provider}: no connection ({type(error).__name__})") from None
            except _TooLate:
                raise Transient(f"{self._provider}: too late to send, and nothing whole was sent") from None
            except httpx.LocalProtocolError:
                raise Rejected(f"{self._provider}: the request breaks HTTP's own rules and was not sent") from None
            except httpx.HTTPError as error:
                late = deadline.expired or isinstance(error, httpx.TimeoutException)
                what = f"no answer within {self._timeout_s:g} s" if late else f"no answer ({type(error).__name__})"
                raise Unconfirmed(f"{self._provider}: {what}, the request may have arrived") from None

    def failure(self, answer: Answer, detail: str = "") -> AdapterError | None:
        """What an answer's status says about a message, or ``None`` for 2xx. ``detail`` joins the reason.

        429, 503 with Retry-After, 408 and 425 were not processed; 401 is about our password, not about the
        message. After any other 5xx a POST may have been accepted.
        """
        status = answer.status
        said = f"{self._provider}: HTTP {status}" + (f", {detail}" if detail else "")
        if 200 <= status < 300:
            return None
        if 300 <= status < 400:
            return Rejected(f"{said}: a redirect, which is not followed")
        if status in (408, 425, 429):
            return Transient(said, retry_after_s=retry_after_s(answer.headers))
        if status == 401:
            return Transient(f"{said}: our credentials were not accepted")
        if status == 503 and (wait_s := retry_after_s(answer.headers)) is not None:
            return Transient(said, retry_after_s=wait_s)
        if 400 <= status < 500:
            return Rejected(said)
        return Unconfirmed(f"{said}: the message may have been accepted")

    def close(self) -> None:
        """Let go of what is open; may be called twice."""
        self._client.close()

    def _read(self, response: httpx.Response) -> bytes | None:
        """The body; none, where it is not to be had whole."""
        if response.headers.get("Content-Encoding", "identity") != "identity":
            return None  # we asked for none; a few bytes could unpack to gigabytes
        body = bytearray()
        try:
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > self._max_bytes:
                    return None
        except httpx.HTTPError:
            return None
        return bytes(body)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for (RFC 9110, 10.2.3), or ``None``.

    A date is measured from the answer's own Date header, so that no clock of ours is asked.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value) if len(value) < 10 else None
    until, since = _http_date(value), _http_date(headers.get("Date", ""))
    if until is None or since is None:
        return None
    return max(0.0, (until - since).total_seconds())


def _http_date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _checked(provider: str, base_url: str) -> tuple[str, str]:
    """The base URL without its last slash, and its host; https, unless it is this machine."""
    try:
        parts = urlsplit(base_url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or "@" in parts.netloc or parts.query or parts.fragment or parts.scheme not in ("http", "https"):
        expected = "expected https://host, without a user, a query or a fragment"
        raise SettingsError(f"{provider}: option 'base_url' is wrong; {expected}", option="base_url")
    if parts.scheme == "http" and not is_loopback_host(host):
        raise SettingsError(f"{provider}: option 'base_url' is not encrypted; expected https://", option="base_url")
    return base_url.rstrip("/"), host
