"""A book of loans through time with ``decide()`` and nothing else: what would be sent, to whom, when, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from policies.calendar import zone
from policies.compliance.dossier import Contact
from policies.compose import LINK_BASE
from policies.decide import Borrower, Decision, decide
from policies.facts import SECOND, Book, Event, Instant, Loan, Person
from policies.outcome import Line, to_json
from policies.shared_refusals import shared
from policies.state import LoanState, Whereabouts
from policies.versions import Policies

HISTORY_S = 31 * 86_400
"""How far back contacts are kept: longer than any cap looks."""

Outage = tuple[Instant, Instant]


class Outages:
    """Half-open intervals in which the service does nothing; it wakes at their end."""

    __slots__ = ("_spans",)

    def __init__(self, spans: Iterable[Outage]) -> None:
        self._spans = sorted(spans)

    def wake(self, at: Instant) -> Instant:
        """``at`` itself, or the end of the outage that it falls into."""
        for start, end in self._spans:
            if start <= at < end:
                at = end
        return at

    def before(self, at: Instant, horizon: Instant) -> Instant:
        """``horizon``, or the last instant before an outage that begins after ``at`` and not after it."""
        for start, _ in self._spans:
            if at < start <= horizon:
                horizon = start - 1
        return horizon


@dataclass(frozen=True, slots=True)
class Span:
    """What is simulated: [start, until), with outages. Without ``until`` it ends when nothing more can happen."""

    start: Instant
    until: Instant | None = None
    outages: Outages = Outages(())  # noqa: RUF009 - frozen in all but name: nothing changes it


def simulate(
    policies: Policies, book: Book, span: Span, link_base: str = LINK_BASE,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[Line, str]]:  # fmt: skip
    """Every line of the book's story in its order, as a value and as the JSON text that is printed.

    ``progress`` is told how many persons are done, each hundred of them.
    """
    found = []
    receipts = receipts_of(book)
    for done, (person, loans, events) in enumerate(by_person(book)):
        if progress is not None and done % 100 == 0:
            progress(done)
        home = zone(person.zone)
        for line in go_on(person, loans, events, policies, span, link_base, Standing(), receipts)[0]:
            found.append((line.order, line, to_json(line, home)))
    found.sort(key=lambda one: one[0])
    for _, line, text in found:
        yield line, text


def by_person(book: Book) -> Iterator[tuple[Person, tuple[Loan, ...], tuple[Event, ...]]]:
    """Each person of a book who has a loan, with their loans by id and all events that concern them, in order.

    What somebody else refused for an address that is theirs too is among them.
    """
    loans: dict[str, list[Loan]] = {}
    for loan in book.loans.values():
        loans.setdefault(loan.borrower_id, []).append(loan)
    events: dict[str, list[Event]] = {}
    mixed: set[str] = set()
    holders = {e.event_id: e for e in book.events if e.type in ("hold", "promise")}
    for event in book.events:
        whose = _whose(event, book, holders)
        if whose is not None:
            events.setdefault(whose, []).append(event)
    for event in shared(book.events, book.persons):
        if event.borrower_id in loans:
            mixed.add(event.borrower_id)
            events.setdefault(event.borrower_id, []).append(event)
    for borrower_id in mixed:
        events[borrower_id].sort(key=lambda e: (e.known_at, e.at, e.event_id))
    for borrower_id in sorted(loans):
        mine = sorted(loans[borrower_id], key=lambda loan: loan.loan_id)
        yield book.persons[borrower_id], tuple(mine), tuple(events.get(borrower_id, ()))


def receipts_of(book: Book) -> dict[str, list[Event]]:
    """The receipts of a book by the message that they are for; whose that is shows when it is sent."""
    found: dict[str, list[Event]] = {}
    for event in book.events:
        if event.type == "receipt":
            found.setdefault(event.ref or "", []).append(event)
    return found


def _whose(event: Event, book: Book, holders: dict[str, Event]) -> str | None:
    if event.borrower_id is not None:
        return event.borrower_id
    if event.loan_id is not None:
        return book.loans[event.loan_id].borrower_id
    held = holders.get(event.ref or "")
    if held is not None:
        return _whose(held, book, {})
    loan = book.loans.get((event.ref or "").partition("/")[0])
    return None if loan is None else loan.borrower_id


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a person's contracts stand between two decisions: what the next one starts from."""

    states: Mapping[str, LoanState] = field(default_factory=dict)
    contacts: tuple[Contact, ...] = ()
    whereabouts: Whereabouts | None = None


def story(
    person: Person, loans: tuple[Loan, ...], events: Sequence[Event], policies: Policies, span: Span,
    link_base: str = LINK_BASE,
) -> list[Line]:  # fmt: skip
    """One person's story over the span. ``events`` are in the order (known_at, at, event_id)."""
    return go_on(person, loans, events, policies, span, link_base, Standing())[0]


def go_on(
    person: Person, loans: tuple[Loan, ...], events: Sequence[Event], policies: Policies, span: Span, link_base: str,
    standing: Standing, receipts: Mapping[str, list[Event]] | None = None,
) -> tuple[list[Line], Standing]:  # fmt: skip
    """The same from where the contracts stand, and where they stand at the end of the span.

    ``receipts`` by message id become facts of this person once that message is sent.
    """
    events = list(events)
    lines: list[Line] = []
    states = dict(standing.states)
    contacts = standing.contacts
    where = standing.whereabouts
    known = 0
    now: Instant | None = span.outages.wake(max(span.start, min(loan.disbursed_at for loan in loans)))
    while now is not None and (span.until is None or now < span.until):
        while known < len(events) and events[known].known_at <= now:
            known += 1
        decision = decide(
            Borrower(person, loans, tuple(events[:known]), policies, states, contacts, where, link_base), now
        )
        lines += decision.lines
        states |= decision.states
        where = decision.whereabouts
        contacts = recent(contacts + decision.contacts, now)
        if receipts:
            answers = [e for line in decision.lines for e in receipts.get(line.message_id or "", ())]
            if answers:
                events = sorted([*events, *answers], key=lambda e: (e.known_at, e.at, e.event_id))
                known = sum(1 for e in events if e.known_at < now)
        later = _next(decision, events, known, span.outages)
        now = None if later is None else max(later, now)
    return [line for line in lines if line.at >= span.start], Standing(states, contacts, where)


def recent(contacts: tuple[Contact, ...], now: Instant) -> tuple[Contact, ...]:
    """The contacts that a cap may still count."""
    return tuple(c for c in contacts if c.at > now - HISTORY_S * SECOND)


def _next(decision: Decision, events: Sequence[Event], known: int, outages: Outages) -> Instant | None:
    wakes = [] if decision.wake_at is None else [decision.wake_at]
    if known < len(events):
        wakes.append(events[known].known_at)
    return outages.wake(min(wakes)) if wakes else None
