"""What the fixtures of the pytest plugin give: a clock to move, a book to write, and what came of it as text."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, Final

from adapters.base import Channel
from policies.book_rows import BORROWERS, EVENTS, INSTALMENTS, LOANS
from policies.book_values import instant_or_date
from policies.calendar import to_datetime, to_instant, zone
from policies.facts import Instant
from scheduler import history
from scheduler.clock import SystemClock
from scheduler.clocks import Clocks
from scheduler.durations import later
from scheduler.engine import read_policies
from scheduler.ingest import import_book, read_files
from scheduler.named_clocks import find
from scheduler.publish import publish

When = datetime | date | str
"""An aware datetime, or a date (00:00 UTC), or either as text."""
Amount = Decimal | int | str
"""Money in units of its currency, never a float."""

_FILES: Final = (BORROWERS, LOANS, INSTALMENTS, EVENTS)


class ClockOfTest:
    """A test clock that stands still until the test moves it; it begins when it is first used.

    While freezegun's ``freeze_time`` is on, it begins at the frozen instant, ``sync`` brings it to the frozen instant,
    and whenever it is moved on, frozen time comes along.
    """

    def __init__(self, clocks: Clocks, name: str) -> None:
        self.name = name
        self.book = BookOfTest(self)
        self._clocks = clocks
        self._begun = False
        self._copies: list[ClockOfTest] = []

    def start(self, at: When | None = None) -> None:
        """Begin at an instant; without, now. RuntimeError where it has begun."""
        if self._begun:
            raise RuntimeError(f"clock {self.name} has begun already, and stands at {self.now.isoformat()}")
        self._clocks.create(self.name, _present() if at is None else instant_of(at))
        self._begun = True

    @property
    def now(self) -> datetime:
        """Where it stands, in UTC."""
        return to_datetime(self._instant())

    @property
    def messages(self) -> Path:
        """The folder in which the sandbox writes this clock's messages."""
        return self._clocks.folder(self.name)

    def carry_by(self, channel: Channel) -> None:
        """Let an adapter carry the messages of its channels. ClockError, where it could reach anybody but this host."""
        self._clocks.carry_by(self.name, channel)

    def advance(self, *, to: When | None = None, by: timedelta | str | None = None) -> list[dict[str, Any]]:
        """Do all that is due up to and including the new instant, and answer its printed lines, in their order.

        ``by`` may be text such as ``1 month``. Raises ClockError where ``to`` is in the past.
        """
        if (to is None) == (by is None):
            raise TypeError("advance() takes one of to= and by=")
        now = self._instant()
        if to is not None:
            target = instant_of(to)
        else:
            target = later(now, by) if isinstance(by, str) else now + _microseconds(by)
        lines = self._go(target)
        _move_frozen(target)
        return lines

    def sync(self) -> list[dict[str, Any]]:
        """Come to the present, which is freezegun's where that is on: the same as ``advance(to=datetime.now(UTC))``."""
        self._instant()
        return self._go(_present())

    def fork(self, name: str) -> ClockOfTest:
        """A copy with all that this one has, its past too, under ``name`` behind its own; it is dropped with it."""
        self._instant()
        self.book.tell()
        copy = ClockOfTest(self._clocks, f"{self.name}-{name}")
        self._clocks.fork(self.name, copy.name)
        copy._begun = True
        copy.book._told = self.book._told
        self._copies.append(copy)
        return copy

    def story(self, loan_id: str | None = None) -> list[dict[str, Any]]:
        """The printed lines of all that was decided, or of one loan, as ``duly run --json`` has them."""
        self._instant()
        one = find(self._clocks.connection, self.name)
        return [json.loads(line) for line in history.story(self._clocks.connection, one.clock_id, loan_id=loan_id)]

    def drop(self) -> None:
        """Let go of it, its copies, and all that they have."""
        for copy in self._copies:
            copy.drop()
        if self._begun:
            self._clocks.drop(self.name)
            self._begun = False

    def _instant(self) -> Instant:
        if not self._begun:
            self.start()
        return find(self._clocks.connection, self.name).now

    def _go(self, target: Instant) -> list[dict[str, Any]]:
        self.book.tell()
        done = self._clocks.advance(self.name, target)
        lines = history.story(
            self._clocks.connection, done.clock.clock_id, since=done.clock.began, after=done.after
        )  # fmt: skip
        return [json.loads(line) for line in lines]


class BookOfTest:
    """The book of a test's clock. What is told to it is read in, as a whole, when the clock next moves."""

    def __init__(self, clock: ClockOfTest) -> None:
        self._clock = clock
        self._rows: dict[str, list[dict[str, str]]] = {name: [] for name in _FILES}
        self._told = 0

    def policy(self, source: Path | str, *, since: When | None = None) -> str:
        """Publish a policy, a file or its text; answers its digest. Raises InputError with every problem."""
        name, data = ("policy.yaml", source.encode()) if isinstance(source, str) else (str(source), source.read_bytes())
        connection, clock_id, now = self._place()
        begins = None if since is None else instant_of(since)
        with connection.transaction():
            return publish(connection, name, data, now, clock_id=clock_id, since=begins).policy.digest

    def borrower(
        self, borrower_id: str = "b1", *, first_name: str = "Ada", last_name: str = "Example", language: str = "en",
        zone: str = "UTC", region: str = "GB", phone: str | None = None, email: str | None = "ada@example.com",
        address: str | None = None,
    ) -> str:  # fmt: skip
        """A borrower; answers the id."""
        self._add(
            BORROWERS, borrower_id=borrower_id, first_name=first_name, last_name=last_name, language=language,
            zone=zone, region=region, phone=phone, email=email, address=address,
        )  # fmt: skip
        return borrower_id

    def loan(
        self, loan_id: str = "L1", *, instalments: Mapping[date | str, Amount], currency: str,
        borrower_id: str = "b1", product: str = "personal", disbursed_at: When | None = None,
        policy: str | None = None, segment: str | None = None,
    ) -> str:  # fmt: skip
        """A loan whose principal falls due in ``instalments``, day to amount; disbursed now, without an instant.

        Answers the id.
        """
        amounts = {str(day): Decimal(_amount(amount)) for day, amount in instalments.items()}
        disbursed = self._place()[2] if disbursed_at is None else instant_of(disbursed_at)
        self._add(
            LOANS, loan_id=loan_id, borrower_id=borrower_id, product=product, currency=currency,
            principal=str(sum(amounts.values())), disbursed_at=zone("UTC").iso(disbursed), policy=policy,
            segment=segment,
        )  # fmt: skip
        for number, (day, amount) in enumerate(sorted(amounts.items()), 1):
            self._add(
                INSTALMENTS, loan_id=loan_id, number=str(number), due_on=day, principal=str(amount), interest="0",
                fees="0",
            )  # fmt: skip
        return loan_id

    def payment(self, loan_id: str, amount: Amount, *, at: When | None = None, known_at: When | None = None) -> str:
        """A payment, now without an instant; answers the id of its event."""
        return self.event("payment", at=at, known_at=known_at, loan_id=loan_id, amount=_amount(amount))

    def event(self, type: str, *, at: When | None = None, known_at: When | None = None, **columns: str | None) -> str:
        """Any event, its columns as ``events.csv`` has them; ``from`` is written ``from_``. Answers its id."""
        self._told += 1
        event_id = f"event-{self._told}"
        happened = self._place()[2] if at is None else instant_of(at)
        self._add(
            EVENTS, event_id=event_id, at=zone("UTC").iso(happened), type=type,
            known_at=None if known_at is None else zone("UTC").iso(instant_of(known_at)),
            **{name.rstrip("_"): value for name, value in columns.items()},
        )  # fmt: skip
        return event_id

    def load(self, folder: Path) -> None:
        """Read a book's folder in, at once. Raises InputError with every problem."""
        self.tell()
        with read_files(folder) as files:
            self._import(files)

    def tell(self) -> None:
        """Read in what is not yet; the clock does so before it moves. Raises InputError with every problem."""
        files = {name: BytesIO(_csv(rows).encode()) for name, rows in self._rows.items() if rows}
        for rows in self._rows.values():
            rows.clear()
        if files:
            self._import(files)

    def _import(self, files: Mapping[str, Any]) -> None:
        connection, clock_id, now = self._place()
        known = read_policies(connection, clock_id)["default"]
        import_book(connection, files, clock_id=clock_id, now=now, policies=known)

    def _place(self) -> tuple[Any, int, Instant]:
        now = self._clock._instant()
        connection = self._clock._clocks.connection
        return connection, find(connection, self._clock.name).clock_id, now

    def _add(self, file: str, **columns: str | None) -> None:
        self._rows[file].append({name: value for name, value in columns.items() if value is not None})


class Timeline:
    """Tells what came of loans under one clock as text: a line an outcome, the same for the same book and policy."""

    def __init__(self, clock: ClockOfTest) -> None:
        self._clock = clock

    def __call__(self, loan_id: str, *, text: bool = False) -> str:
        """The lines of a loan: local time, step, outcome, channel, rule; with ``text`` to whom, and what it said."""
        return "\n".join([_line(line, text) for line in self._clock.story(loan_id)])


def _line(line: Mapping[str, Any], text: bool) -> str:
    parts = [line["at"], line["step"] or "-", line["outcome"]]
    parts += [f"by {line['channel']}"] if line["channel"] else []
    parts += [f"until {line['until']}"] if line["until"] else []
    parts += [f"[{line['because'][0]['rule']}]"] if line["because"] else []
    if text and line["to"] is not None:
        said = " ".join([*([line["subject"]] if line["subject"] else []), *line["body"].split()])
        parts.append(f"to {line['to']}: {said}")
    return "  ".join(parts)


def instant_of(when: When) -> Instant:
    """The instant meant. ValueError for a datetime without an offset, as no zone is more likely than another."""
    if isinstance(when, str):
        read = instant_or_date(when)
        return read if isinstance(read, int) else zone("UTC").instant(read.toordinal())
    if isinstance(when, datetime):
        if when.utcoffset() is None:
            raise ValueError(
                f"{when.isoformat()} has no offset; expected an aware datetime, such as one with tzinfo=UTC"
            )
        return to_instant(when)
    return zone("UTC").instant(when.toordinal())


def _frozen() -> Any:
    """What freezegun's innermost ``freeze_time`` moves time by; none, where it is not on, or not even installed."""
    factories = getattr(sys.modules.get("freezegun.api"), "freeze_factories", ())
    return factories[-1] if factories else None


def _present() -> Instant:
    frozen = _frozen()
    return SystemClock().now() if frozen is None else to_instant(frozen().replace(tzinfo=UTC))


def _move_frozen(to: Instant) -> None:
    frozen = _frozen()
    if frozen is not None and hasattr(frozen, "move_to"):
        frozen.move_to(to_datetime(to))


def _microseconds(by: timedelta | None) -> Instant:
    return (by or timedelta()) // timedelta(microseconds=1)


def _amount(amount: Amount) -> str:
    if isinstance(amount, float):
        raise TypeError(f"{amount!r} is a float, which cannot hold money; write it as text, or as a Decimal")
    return str(amount)


def _csv(rows: list[dict[str, str]]) -> str:
    text = StringIO(newline="")
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
