"""The dispatcher: what is in the outbox leaves through its channel, and what is then known is written down.

A message is marked as leaving before it is handed over, and at most as many are as there are connections. One whose
outcome is unknown is ``unconfirmed``; it is not sent again unless its channel makes a second sending harmless.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import repeat
from typing import Any

import structlog

from adapters.base import AdapterError, Channel, Message, Receipt, Rejected, Transient, Unconfirmed
from policies.calendar import to_datetime
from policies.compose import TOKEN_PLACEHOLDER
from policies.facts import SECOND, Instant
from policies.language.mail import html_of
from scheduler import journal, pauses
from scheduler.batch import write_journal
from scheduler.clock import SystemClock
from scheduler.ledger.commit import borrower_key, digest, loan_key, message_key, message_path
from scheduler.pauses import Pauses
from scheduler.store import queries
from scheduler.store.database import LOST, Connection
from scheduler.store.people import instant

_log = structlog.get_logger(__name__)

QUEUED = "queued"
SENDING = "sending"
SENT = "sent"
FAILED = "failed"
UNCONFIRMED = "unconfirmed"
WITHDRAWN = "withdrawn"

MOST_ATTEMPTS = 12
_QUEUED_AT_MOST = timedelta(days=1)
"""A provider that says when to come again has a queue, not a fault: for so long that is waited for."""
_CLOCK = SystemClock()
_FIRST_PAUSE_S = 30
_LONGEST_PAUSE_S = 3_600


@dataclass(frozen=True, slots=True)
class Leaving:
    """One message marked as leaving."""

    lender_id: str
    message_id: str
    borrower_id: str
    loan_id: str
    channel: str
    decided_at: datetime
    attempts: int
    at: datetime
    sent_to: str
    language: str
    subject: str | None
    body: str
    lender_name: str | None
    reply_to: str | None
    salt: bytes


@dataclass(frozen=True, slots=True)
class Result:
    """What is known of a message after handing it over; ``again`` is when a passing failure may be tried again."""

    status: str
    provider: str | None = None
    reference: str | None = None
    reason: str | None = None
    again: Instant | None = None


@dataclass(frozen=True, slots=True)
class _Handed:
    """A message and what is known of it now, as the journal tells it; ``attempts`` is whose it is."""

    lender_id: str
    message_id: str
    borrower_id: str
    loan_id: str
    salt: bytes
    attempts: int
    at: datetime
    result: Result


class Dispatcher:
    """Sends for one clock, with at most ``connections`` messages in the air."""

    def __init__(
        self, connection: Connection, clock_id: int, channels: Mapping[str, Channel], *, link_key: bytes,
        connections: int, lease_s: int,
    ) -> None:  # fmt: skip
        self._connection = connection
        self._clock_id = clock_id
        self._channels = channels
        self._link_key = link_key
        self._connections = connections
        self._lease_s = lease_s
        self._unwritten: list[_Handed] = []
        self.outcomes: Counter[tuple[str, str]] = Counter()
        """How often each adapter came to each status, as (adapter, status), since this dispatcher began."""
        self._pool = ThreadPoolExecutor(connections, thread_name_prefix="dispatch")

    def tick(self, now: Instant, horizon: Instant | None = None, paused: Pauses = pauses.NONE) -> int:
        """Hand over what is ready, once; answers how many messages it dealt with.

        One whose hour has passed is not handed over but given back to the engine, and counts too.
        With a test clock's ``horizon``, a message whose time comes until then is handed over at its time; one that lies
        before now, as real time was set back, keeps what was decided later from leaving. What is ``paused`` stays.
        """
        self._write()
        keys = {"clock": self._clock_id, "now": to_datetime(now), "horizon": to_datetime(horizon or now)}
        ends_s = _CLOCK.monotonic() + self._lease_s
        leaving: list[Leaving] = []
        try:
            with self._connection.transaction():
                overtaken = self._connection.execute(queries.OVERTAKEN, keys).rowcount
                rows = self._connection.execute(
                    queries.LEAVE_UNPAUSED if paused.any else queries.LEAVE,
                    {**keys, "limit": self._connections, "lease": self._lease_s, **self._paused(paused)},
                ).fetchall()
                leaving = [Leaving(*row) for row in rows]
        except LOST:
            # Marked as leaving or not, they have not left: where the commit came through, they are put back.
            self._unwritten = [_handed(one, _never_left("the database was lost before it left")) for one in leaving]
            raise
        if leaving:
            self._unwritten = self._hand_over(leaving, ends_s)
            self._write()
        return len(leaving) + overtaken

    @property
    def connection(self) -> Connection:
        """What it works on."""
        return self._connection

    def use(self, connection: Connection) -> None:
        """Go on with another connection, where the one before was lost.

        Nothing is assumed of a commit whose answer was lost: what was being written is written again, to the messages
        that are still marked as leaving, by this very attempt. Before that nothing else leaves.
        """
        self._connection = connection

    def next_attempt(self) -> Instant | None:
        """When the next message in the outbox may be tried."""
        row = self._connection.execute(queries.NEXT_ATTEMPT, {"clock": self._clock_id}).fetchone()
        return None if row is None or row[0] is None else instant(row[0])

    def recover(self, now: Instant, *, everything: bool = False) -> int:
        """Settle what a dispatcher marked as leaving and did not come back for; answers how many messages.

        ``everything``: also what is under a lease, where nobody else can be sending for this clock.
        """
        self._write()
        with self._connection.transaction():
            keys = {"clock": self._clock_id, "all": everything, "now": to_datetime(now)}
            rows = self._connection.execute(queries.ABANDONED, keys).fetchall()
            self._save([_handed(one, self._settle(one, as_it_was)) for as_it_was, one in map(_abandoned, rows)])
        return len(rows)

    def close(self) -> None:
        """Wait for what is in the air, and let go of the threads."""
        self._pool.shutdown(wait=True)

    def _paused(self, paused: Pauses) -> dict[str, Any]:
        """What LEAVE_UNPAUSED leaves out; a provider is paused by the channels that it carries here."""
        if not paused.any:
            return {}
        carried = {name for name, channel in self._channels.items() if channel.name in paused.providers}
        policies = sorted(paused.policies)
        return {
            "paused_lenders": sorted(paused.lenders), "paused_channels": sorted(paused.channels | carried),
            "paused_of": [whose for whose, _ in policies], "paused_policies": [name for _, name in policies],
        }  # fmt: skip

    # --- sending ----------------------------------------------------------------------------------------------

    def _hand_over(self, leaving: list[Leaving], ends_s: float) -> list[_Handed]:
        if len(leaving) == 1:
            return [_handed(leaving[0], self._send(leaving[0], ends_s))]
        results = self._pool.map(self._send, leaving, repeat(ends_s))
        return [_handed(one, result) for one, result in zip(leaving, results, strict=True)]

    def _send(self, one: Leaving, ends_s: float) -> Result:
        if _CLOCK.monotonic() >= ends_s:
            # This process slept past its lease, and another may have the message by now.
            return _never_left("the lease had run out before it left")
        channel = self._channels.get(one.channel)
        if channel is None:
            return Result(FAILED, reason=f"no adapter for {one.channel}")
        try:
            receipt = channel.send(self._message(one, lambda: _CLOCK.monotonic() < ends_s))
        except Transient as error:
            queued = error.retry_after_s is not None and one.at - one.decided_at < _QUEUED_AT_MOST
            if one.attempts >= MOST_ATTEMPTS and not queued:
                return Result(FAILED, channel.name, reason=f"given up after {one.attempts} attempts: {error.reason}")
            pause = error.retry_after_s if error.retry_after_s is not None else _pause_s(one)
            return Result(QUEUED, channel.name, reason=error.reason, again=instant(one.at) + round(pause * SECOND))
        except Rejected as error:
            return Result(FAILED, channel.name, reason=error.reason)
        except Unconfirmed as error:
            return Result(UNCONFIRMED, channel.name, reason=error.reason)
        except Exception as error:
            # A fault of the adapter's own says nothing of where the message is: it is held, never repeated.
            _log.exception("adapter failed", adapter=channel.name, message_id=one.message_id)
            return Result(UNCONFIRMED, channel.name, reason=f"{type(error).__name__} in the adapter")
        return Result(SENT, receipt.provider, receipt.reference)

    def _message(self, one: Leaving, may_leave: Callable[[], bool]) -> Message:
        token = link_token(self._link_key, one.message_id)
        body = one.body.replace(TOKEN_PLACEHOLDER, token)
        return Message(
            one.message_id,
            one.channel,
            one.sent_to,
            body,
            one.language,
            one.decided_at,
            one.subject,
            html_of(body) if one.channel == "email" else None,
            one.lender_name,
            one.reply_to,
            may_leave,
        )

    def _settle(self, one: Leaving, as_it_was: bool) -> Result:
        """What becomes of an abandoned message: sent again only where that cannot make two of it.

        It may have left already. So it never goes back to the outbox, where it could yet be withdrawn and its step done
        again: where its channel knows its id, and it may leave as it was decided, it is handed over once more at once.
        """
        channel = self._channels.get(one.channel)
        if channel is not None and channel.idempotent and as_it_was:
            try:
                again = channel.send(self._message(one, lambda: True))
            except AdapterError as error:
                return Result(UNCONFIRMED, channel.name, reason=error.reason)
            return Result(SENT, again.provider, again.reference)
        if channel is not None and channel.looks_up:
            try:
                receipt: Receipt | None = channel.lookup(one.message_id)
            except AdapterError as error:
                return Result(UNCONFIRMED, channel.name, reason=error.reason)
            if receipt is None:
                return Result(QUEUED, channel.name, reason="the provider never had it")
            return Result(SENT, receipt.provider, receipt.reference)
        return Result(UNCONFIRMED, None if channel is None else channel.name, reason="interrupted while leaving")

    # --- what is known afterwards -----------------------------------------------------------------------------

    def _write(self) -> None:
        """Write what is known and was not written yet; it is known until that has come through."""
        if not self._unwritten:
            return
        with self._connection.transaction():
            kept = self._save(self._unwritten)
            failed = [one for one in kept if one.result.status == FAILED]
            if failed:
                self._tell_failed(failed)
        self._unwritten = []
        self.outcomes.update((one.result.provider or "none", one.result.status) for one in kept)

    def _tell_failed(self, failed: list[_Handed]) -> None:
        """A failure is a fact like any other: the engine tries the step's next channel."""
        keys = {"clock": self._clock_id}
        # Borrowers are locked in the order of their keys, as everywhere.
        people = sorted({(o.lender_id, o.borrower_id): o.at for o in failed}.items())
        self._connection.execute(
            queries.TOLD,
            {
                **keys, "lenders": [p[0][0] for p in people], "borrowers": [p[0][1] for p in people],
                "wakes": [p[1] for p in people],
            },
        )  # fmt: skip
        self._connection.execute(
            queries.ADD_RECEIPTS,
            {
                **keys, "lenders": [o.lender_id for o in failed],
                "events": [f"receipt:{o.message_id}:failed" for o in failed],
                "borrowers": [o.borrower_id for o in failed], "loans": [o.loan_id for o in failed],
                "refs": [o.message_id for o in failed], "values": ["failed"] * len(failed),
                "ats": [o.at for o in failed],
            },
        )  # fmt: skip

    def _save(self, handed: list[_Handed]) -> list[_Handed]:
        """Save and journal what became of messages; answers those of them that were still this dispatcher's."""
        if not handed:
            return []
        results = [one.result for one in handed]
        rows = self._connection.execute(
            queries.HANDED,
            {
                "clock": self._clock_id, "lenders": [one.lender_id for one in handed],
                "messages": [one.message_id for one in handed], "attempts": [one.attempts for one in handed],
                "ats": [one.at for one in handed],
                "statuses": [r.status for r in results], "providers": [r.provider for r in results],
                "references": [r.reference for r in results], "reasons": [r.reason for r in results],
                "agains": [None if r.again is None else to_datetime(r.again) for r in results],
            },
        ).fetchall()  # fmt: skip
        ours = {(row[0], row[1]) for row in rows}
        kept = [one for one in handed if (one.lender_id, one.message_id) in ours]
        if len(kept) < len(handed):
            _log.warning("messages were settled by another meanwhile", messages=len(handed) - len(kept))
        by_lender: dict[str, list[journal.Entry]] = {}
        for one in kept:
            by_lender.setdefault(one.lender_id, []).append(_entry(one))
        for lender_id, entries in by_lender.items():
            write_journal(self._connection, lender_id, self._clock_id, entries)
        return kept


def _abandoned(row: tuple[Any, ...]) -> tuple[bool, Leaving]:
    """A row of ABANDONED: whether the message may leave as it was decided, and the message."""
    return row[0], Leaving(*row[1:])


def _handed(one: Leaving, result: Result) -> _Handed:
    return _Handed(one.lender_id, one.message_id, one.borrower_id, one.loan_id, one.salt, one.attempts, one.at, result)


def _never_left(reason: str) -> Result:
    return Result(QUEUED, reason=reason)


def _entry(one: _Handed) -> journal.Entry:
    """What a provider says, its reference and its reasons, may name the person: the entry has digests of them."""
    salt, result = one.salt, one.result
    values: dict[str, Any] = {"message_key": message_key(salt, one.message_id), "status": result.status}
    if result.provider is not None:
        values["provider"] = result.provider
    for part, said in (("reference", result.reference), ("reason", result.reason)):
        if said is not None:
            values[part] = digest(salt, message_path(one.message_id, part), said).hex()
    return journal.entry(
        instant(one.at), journal.HAND_OVER, values, borrower_key=borrower_key(salt, one.borrower_id),
        loan_key=loan_key(salt, one.loan_id),
    )  # fmt: skip


def link_token(key: bytes, message_id: str) -> str:
    """The token of a message's link: HMAC-SHA-256 of its id under the link key, 43 characters of base64url."""
    return urlsafe_b64encode(hmac.new(key, message_id.encode(), hashlib.sha256).digest()).decode().rstrip("=")


def _pause_s(one: Leaving) -> int:
    """How long to wait after a passing failure: doubling, up to an hour, spread by the message's own id."""
    pause = min(_FIRST_PAUSE_S << (one.attempts - 1), _LONGEST_PAUSE_S)
    return int(pause + pause * int(one.message_id[:4], 16) // 0x20000)
