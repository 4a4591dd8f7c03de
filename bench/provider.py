"""A provider of SMS on this machine, in a process of its own: it answers each request after a fixed time.

It speaks as much of Twilio's API as a hand-over needs: any POST is taken over, up to its rate, where it has one; past
that it answers 429. GET says how many were taken over and how many refused, how many were in the air at most, and,
where it was asked to remember them, the bodies that it took over, each with the second of the monotonic clock.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection as Pipe
from typing import Any
from urllib.request import urlopen

from scheduler.clock import SystemClock

_LIMIT = 1 << 16
_BACKLOG = 1_024
_CLOCK = SystemClock()


@dataclass(slots=True)
class _Seen:
    taken: int = 0
    in_air: int = 0
    most_in_air: int = 0
    refused: int = 0
    bodies: list[tuple[float, str]] = field(default_factory=list)


class _Rate:
    """At most so many in each second; none, where there is no limit."""

    def __init__(self, per_s: int | None) -> None:
        self._per_s = per_s
        self._second = 0
        self._left = 0

    def takes(self) -> bool:
        if self._per_s is None:
            return True
        second = int(_CLOCK.monotonic())
        if second != self._second:
            self._second, self._left = second, self._per_s
        self._left -= 1
        return self._left >= 0


@contextmanager
def provider(answers_s: float, *, per_s: int | None = None, remembers: bool = False) -> Iterator[str]:
    """The base URL of a provider that answers after ``answers_s``; it ends with the context."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, answers_s, per_s, remembers), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


def seen(url: str) -> dict[str, Any]:
    """What the provider counted since it was asked last: ``taken``, ``refused``, ``most_in_air``, ``bodies``."""
    with urlopen(url) as answer:  # noqa: S310 - this machine's own
        found: dict[str, Any] = json.load(answer)
    return found


def _serve(pipe: Pipe, answers_s: float, per_s: int | None, remembers: bool) -> None:
    asyncio.run(_main(pipe, answers_s, _Rate(per_s), remembers))


async def _main(pipe: Pipe, answers_s: float, rate: _Rate, remembers: bool) -> None:
    now = _Seen()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal now
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.lower().split(b"\r\n")
                length = next((int(one[15:]) for one in lines if one.startswith(b"content-length:")), 0)
                body = await reader.readexactly(length)
                after = b""
                if head.startswith(b"GET"):
                    status, answer = b"200 OK", json.dumps(asdict(now)).encode()
                    now = _Seen()
                elif rate.takes():
                    status, answer = b"201 Created", await _take(now, body if remembers else None, answers_s)
                else:
                    now.refused += 1
                    status, answer, after = b"429 Too Many Requests", b'{"code":20429}', b"Retry-After: 1\r\n"
                close = b"connection: close" in lines
                writer.write(
                    b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s"
                    % (status, len(answer), after + (b"Connection: close\r\n" if close else b""), answer)
                )
                await writer.drain()
                if close:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # whoever asked has gone
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, limit=_LIMIT, backlog=_BACKLOG)
    pipe.send(server.sockets[0].getsockname()[1])
    async with server:
        await server.serve_forever()


async def _take(now: _Seen, body: bytes | None, answers_s: float) -> bytes:
    now.taken += 1
    now.in_air += 1
    now.most_in_air = max(now.most_in_air, now.in_air)
    if body is not None:
        now.bodies.append((_CLOCK.monotonic(), body.decode()))
    sid = b"SM%032x" % now.taken
    answered = asyncio.Event()
    asyncio.get_running_loop().call_later(answers_s, answered.set)
    await answered.wait()
    now.in_air -= 1
    return b'{"sid":"%s","status":"queued"}' % sid
