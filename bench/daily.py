"""The daily job as it is plainly written over ORM objects, deciding and writing the very same, beside our wave.

A session reads by ``yield_per``, one writes with a commit each 1,000 rows; the same tables and indexes, the same
``decide()``, the same entries. It is run in two ways: each borrower's rows are asked for as the loop comes to
them, and, as ``by thousands``, those of 1,000 borrowers at once. Afterwards both databases hold the same rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from uuid import UUID

from sqlalchemy import insert
from sqlmodel import Session, col, create_engine, select

from bench import wave
from bench.book import PAST_DUE, WAVE
from bench.figures import Asked, Row, clone, drop, in_turn, row
from policies.calendar import to_datetime, zone
from policies.compliance.packs import digest_of_all
from policies.decide import Borrower, Decision, decide
from policies.facts import Instalment, Loan, Person
from policies.outcome import SENT, Line
from policies.state import Whereabouts, from_json, to_json
from policies.versions import Policies
from scheduler import journal
from scheduler.clock import SystemClock
from scheduler.engine import read_versions
from scheduler.ledger.commit import borrower_key
from scheduler.ledger.facts import Chain, fact_digest
from scheduler.store import tables
from scheduler.store.database import connect
from scheduler.store.embedded import Server
from scheduler.store.people import Known, instant, new_facts

FLOOR = 3.0
_AT_ONCE = 1_000
_LINK_BASE = "https://pay.example.invalid"
_CLOCK = SystemClock()

# What must be the same afterwards. The order of entries is not: several engines write at once.
_SAME = (
    "SELECT md5(string_agg(entry, E'\\n' ORDER BY entry)) FROM journal",
    "SELECT md5(string_agg(m::text, E'\\n' ORDER BY message_id)) FROM message m",
    "SELECT md5(string_agg(t::text, E'\\n' ORDER BY message_id)) FROM message_body t",
    "SELECT md5(string_agg(loan_id || ' ' || state::jsonb, E'\\n' ORDER BY loan_id)) FROM loan",
    "SELECT md5(string_agg(concat_ws(' ', borrower_id, wake_at, whereabouts::jsonb, facts), E'\\n' "
    "ORDER BY borrower_id)) FROM borrower",
)


def run(asked: Asked) -> Iterator[Row]:
    """A wave of loans of which each has one step due."""
    count = asked.size(1_500, 100_000)
    wave.prepare(asked.server, count)

    def ours() -> float:
        url = clone(asked.server, "bench_pre", "bench_run")
        with ExitStack() as stack:
            working = wave.engines(url, stack)
            for engine in working:
                engine.tick(PAST_DUE)
            pool = stack.enter_context(ThreadPoolExecutor(len(working)))
            begun = _CLOCK.monotonic()
            sent = sum(pool.map(lambda engine: wave.until_done(engine, WAVE), working))
            seconds = _CLOCK.monotonic() - begun
        assert sent == count, (sent, count)
        return seconds

    for together in (False, True):

        def reference(together: bool = together) -> float:
            url = clone(asked.server, "bench_pre", "bench_daily")
            begun = _CLOCK.monotonic()
            sent = job(url, together)
            seconds = _CLOCK.monotonic() - begun
            assert sent == count, (sent, count)
            return seconds

        mine, theirs = in_turn(asked.pairs, ours, reference)
        different = [
            statement for statement in _SAME if _one(asked.server, "bench_run", statement)
            != _one(asked.server, "bench_daily", statement)
        ]  # fmt: skip
        assert not different, different
        yield row("daily job" + (", by thousands" if together else ""), count, mine, theirs, floor=FLOOR)
    drop(asked.server, "bench_pre", "bench_run", "bench_daily")


def job(url: str, together: bool) -> int:
    """The daily job: everybody whose wake has come. Answers how many messages it put in the outbox."""
    with connect(url) as connection:
        by_lender, newest = read_versions(connection, 0)
    engine = create_engine(url)
    sent = 0
    with Session(engine) as reading, Session(engine, autoflush=False) as session:
        due = (
            select(tables.Borrower, tables.PersonRow)
            .join(tables.PersonRow, col(tables.PersonRow.borrower_id) == col(tables.Borrower.borrower_id))
            .where(tables.Borrower.clock_id == 0, col(tables.Borrower.wake_at) <= to_datetime(WAVE))
            .where(tables.PersonRow.lender_id == tables.Borrower.lender_id, tables.PersonRow.clock_id == 0)
            .order_by(col(tables.Borrower.wake_at), col(tables.Borrower.borrower_id))
            .execution_options(yield_per=_AT_ONCE)
        )
        for some in reading.exec(due).partitions(_AT_ONCE):
            work = _Work(session, by_lender["default"], newest)
            groups = [some] if together else [[one] for one in some]
            for group in groups:
                work.load([borrower.borrower_id for borrower, _ in group])
                for borrower, person in group:
                    work.add(borrower, person)
            sent += work.finish()
            session.commit()
            session.expunge_all()
    engine.dispose()
    return sent


class _Work:
    """One commit of the job."""

    def __init__(self, session: Session, policies: Policies, newest: int) -> None:
        self._session = session
        self._policies = policies
        self._newest = newest
        self._loans: dict[str, list[tables.LoanRow]] = {}
        self._instalments: dict[str, list[tables.InstalmentRow]] = {}
        self._journal: list[dict[str, Any]] = []
        self._messages: list[Any] = []

    def load(self, borrower_ids: Sequence[str]) -> None:
        """The rows of these borrowers; in this book nothing has happened and nothing was sent yet."""
        loan, part, event, sent = tables.LoanRow, tables.InstalmentRow, tables.EventRow, tables.MessageRow
        self._loans, self._instalments = {}, {}
        mine = (loan.lender_id == "default", loan.clock_id == 0, col(loan.borrower_id).in_(borrower_ids))
        for one in self._session.exec(select(loan).where(*mine).order_by(loan.loan_id)):
            self._loans.setdefault(one.borrower_id, []).append(one)
        ids = [one.loan_id for some in self._loans.values() for one in some]
        parts = select(part).where(part.lender_id == "default", part.clock_id == 0, col(part.loan_id).in_(ids))
        for each in self._session.exec(parts.order_by(col(part.number))):
            self._instalments.setdefault(each.loan_id, []).append(each)
        for table in (event, sent):
            of_them = (table.lender_id == "default", table.clock_id == 0, col(table.borrower_id).in_(borrower_ids))
            assert self._session.exec(select(table).where(*of_them)).first() is None

    def add(self, borrower: tables.Borrower, person: tables.PersonRow) -> None:
        """Decide for one borrower, and change and add their rows."""
        rows = self._loans[borrower.borrower_id]
        loans = tuple(_loan(one, self._instalments[one.loan_id]) for one in rows)
        states = {one.loan_id: from_json(one.state) for one in rows if one.state is not None}
        who = Person(
            borrower.borrower_id, person.first_name, person.last_name, borrower.language, borrower.zone,
            borrower.region, person.phone, person.email, person.address,
        )  # fmt: skip
        where = None if borrower.whereabouts is None else Whereabouts(*borrower.whereabouts)
        decision = decide(Borrower(who, loans, (), self._policies, states, (), where, _LINK_BASE), WAVE)
        known = Known(loans, states, (), [], tuple(one.revision for one in rows), ())
        seen = Chain.parse(borrower.facts)
        new = [fact_digest(person.salt, fact) for fact in new_facts(seen, who, person.revision, known, 0)]
        chain = seen.longer(borrower.revision, WAVE, new)
        self._write(borrower, person.salt, decision, chain)
        stored = self._session.merge(borrower, load=False)
        stored.wake_at = None if decision.wake_at is None else to_datetime(decision.wake_at)
        stored.whereabouts = list(decision.whereabouts)
        stored.set_aside = None
        stored.facts = str(chain)
        for one in rows:
            if one.loan_id in decision.states:
                one.state = to_json(decision.states[one.loan_id])

    def finish(self) -> int:
        """Add what was decided; answers how many messages that were."""
        self._session.add_all(self._messages)
        self._session.execute(insert(tables.JournalRow), self._journal)
        return len(self._messages) // 2

    def _write(self, borrower: tables.Borrower, salt: bytes, decision: Decision, chain: Chain) -> None:
        home = zone(decision.whereabouts.zone)
        look = journal.Look(
            salt, borrower_key(salt, borrower.borrower_id), WAVE, borrower.revision, chain.value, self._newest,
            digest_of_all(), _LINK_BASE,
        )  # fmt: skip
        for entry in [journal.of_line(line, home, look) for line in decision.lines] or [journal.looked(look, home)]:
            self._journal.append(
                {
                    "lender_id": "default", "clock_id": 0, "at": to_datetime(entry.at), "kind": entry.kind,
                    "borrower_key": _uuid(entry.borrower_key), "loan_key": _uuid(entry.loan_key),
                    "place": entry.place, "channel_place": entry.channel_place, "entry": entry.text,
                }
            )  # fmt: skip
        for line in decision.lines:
            if line.outcome == SENT:
                self._messages += self._message(borrower, line)

    def _message(self, borrower: tables.Borrower, line: Line) -> tuple[tables.MessageRow, tables.MessageBody]:
        lender = self._policies.version(line.policy).lender if line.policy is not None else {}
        at = to_datetime(line.at)
        key: dict[str, Any] = {"lender_id": "default", "clock_id": 0, "message_id": line.message_id}
        message: dict[str, Any] = {
            "borrower_id": borrower.borrower_id, "loan_id": line.loan_id, "instalment": line.instalment,
            "step": line.step, "occurrence": line.occurrence, "contact_key": line.contact, "channel": line.channel,
            "status": "queued", "decided_at": at, "revision": borrower.revision, "next_attempt_at": at,
            "send_by": None if line.send_by is None else to_datetime(line.send_by), "attempts": 0,
        }  # fmt: skip
        body: dict[str, Any] = {
            "sent_to": line.to, "language": line.language, "subject": line.subject, "body": line.body,
            "lender_name": lender.get("name"), "reply_to": lender.get("reply_to"),
        }  # fmt: skip
        return tables.MessageRow(**key, **message), tables.MessageBody(**key, **body)


def _uuid(key: str | None) -> UUID | None:
    return None if key is None else UUID(hex=key)


def _loan(one: tables.LoanRow, parts: list[tables.InstalmentRow]) -> Loan:
    return Loan(
        one.loan_id, one.borrower_id, one.product, one.currency, one.principal_minor, instant(one.disbursed_at),
        tuple(
            Instalment(each.number, each.due_on, each.principal_minor, each.interest_minor, each.fees_minor)
            for each in parts
        ),
        one.policy, one.segment, tuple(one.tags), tuple(one.allocation),
    )  # fmt: skip


def _one(server: Server, name: str, statement: str) -> Any:
    with connect(server.database_url(name)) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return row[0]
