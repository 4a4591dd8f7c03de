"""What borrowers and their lender do, drawn by seed: each act is files to tell, and what the model is to know of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random

from tests.simulation import book
from tests.simulation.model import Model

MINUTE = 60_000_000
DAY = 86_400_000_000


@dataclass(slots=True)
class Act:
    """Something told by import: its files, and the facts (kind, values) that the model takes from it."""

    name: str
    files: dict[str, bytes]
    facts: list[tuple[str, dict[str, str]]] = field(default_factory=list)


def together(acts: list[Act]) -> Act:
    """Several acts of events as one import."""
    rows = [line for act in acts for line in act.files["events.csv"].decode().splitlines()[1:]]
    return Act(
        "; ".join(act.name for act in acts), book.files(events=rows), [fact for act in acts for fact in act.facts]
    )


class Borrowers:
    """Draws acts that fit what was told so far."""

    def __init__(self, random: Random, model: Model) -> None:
        self._random = random
        self._model = model
        self.people = book.people(random, random.randint(4, 8))
        self.loans: list[book.Loan] = []
        self.borrower_of: dict[str, str] = {}
        self._events = 0
        self._numbers = 0
        self._payments: list[tuple[str, str]] = []
        self._holds: list[str] = []
        self._released: set[str] = set()

    def first_book(self) -> Act:
        """The book with which it begins."""
        for person in self.people:
            self._model.borrower(person.borrower, person.zone, person.phone)
            for _ in range(self._random.choice((1, 1, 2))):
                self._new_loan(person.borrower, book.BEGIN.date())
        return self._whole("the book", self.people, self.loans)

    def draw(self, now: int) -> Act:
        """One act."""
        choices = (
            (self._pay, 8), (self._pay_in_full, 4), (self._reverse, 2), (self._hold, 3), (self._release, 4),
            (self._stop, 2), (self._opt_in, 1), (self._promise, 1), (self._change_phone, 1), (self._change_segment, 1),
            (self._another_loan, 1), (self._newcomer, 1), (self._close, 1), (self._told_twice, 1),
        )  # fmt: skip
        act = None
        while act is None:
            act = self._random.choices([c for c, _ in choices], [w for _, w in choices])[0](now)
        return act

    def stopping(self, loan_id: str, now: int) -> Act:
        """An act that stops what is said to be about to leave for this loan."""
        loan = next(one for one in self.loans if one.loan == loan_id)
        owed = self._model.loans[loan_id].balance_at_most()
        if owed and self._random.random() < 0.6:
            return self._payment(loan, owed, now, now, "pays in full")
        return self._hold(now, loan)

    def release_all(self, now: int) -> list[Act]:
        """An act for each hold that is still there."""
        return [self._release_of(ref, now) for ref in self._holds if ref not in self._released]

    def pay_all(self, now: int) -> list[Act]:
        """An act for each loan of which something is unpaid."""
        acts = []
        for loan in self.loans:
            owed = self._model.loans[loan.loan].balance_at_most()
            if owed and loan.loan not in self._model.closed:
                acts.append(self._payment(loan, owed, now, now, "pays all"))
        return acts

    # --- money ------------------------------------------------------------------------------------------------

    def _pay(self, now: int) -> Act:
        loan = self._random.choice(self.loans)
        amount = self._random.choice((100, 2_500, 5_000, 7_550))
        at = now - self._random.choice((0, 0, 0, MINUTE, 2 * DAY, 5 * DAY))
        return self._payment(loan, amount, self._not_before(loan, at), now, "pays")

    def _pay_in_full(self, now: int) -> Act | None:
        loan = self._random.choice(self.loans)
        owed = self._model.loans[loan.loan].balance_at_most()
        return self._payment(loan, owed, now, now, "pays in full") if owed else None

    def _payment(self, loan: book.Loan, amount: int, at: int, now: int, how: str) -> Act:
        event = self._id("pay")
        self._payments.append((event, loan.loan))
        row = book.event_row(
            event_id=event, at=book.stamp(at), known_at=book.stamp(now), type="payment", loan_id=loan.loan,
            amount=book.money(amount),
        )  # fmt: skip
        known = {"loan": loan.loan, "event": event, "amount": str(amount)}
        return Act(f"{loan.loan} {how} {book.money(amount)}", book.files(events=[row]), [("payment", known)])

    def _reverse(self, now: int) -> Act | None:
        if not self._payments:
            return None
        ref, loan = self._payments.pop(self._random.randrange(len(self._payments)))
        row = book.event_row(event_id=self._id("rev"), at=book.stamp(now), type="reversal", loan_id=loan, ref=ref)
        return Act(f"{ref} of {loan} is reversed", book.files(events=[row]), [("reversal", {"loan": loan, "ref": ref})])

    # --- what stops --------------------------------------------------------------------------------------------

    def _hold(self, now: int, about: book.Loan | None = None) -> Act:
        loan = about or self._random.choice(self.loans)
        event = self._id("hold")
        value = self._random.choice(("dispute", "hardship", "attorney", "cease", "bankruptcy"))
        whole = self._random.random() < 0.3
        at = now - self._random.choice((0, 0, DAY))
        who = {"borrower_id": loan.borrower} if whole else {"loan_id": loan.loan}
        row = book.event_row(
            event_id=event, at=book.stamp(self._not_before(loan, at)), known_at=book.stamp(now), type="hold",
            value=value, **who,
        )  # fmt: skip
        self._holds.append(event)
        known = {"event": event, **({"borrower": loan.borrower} if whole else {"loan": loan.loan})}
        return Act(
            f"{event}: {value} of {loan.borrower if whole else loan.loan}", book.files(events=[row]), [("hold", known)]
        )

    def _release(self, now: int) -> Act | None:
        open_ = [ref for ref in self._holds if ref not in self._released]
        return self._release_of(self._random.choice(open_), now) if open_ else None

    def _release_of(self, ref: str, now: int) -> Act:
        self._released.add(ref)
        row = book.event_row(event_id=self._id("rel"), at=book.stamp(now), type="release", ref=ref)
        return Act(f"{ref} is released", book.files(events=[row]), [("release", {"ref": ref})])

    def _promise(self, now: int) -> Act:
        loan = self._random.choice(self.loans)
        until = datetime.fromtimestamp(now // 1_000_000, UTC).date() + timedelta(days=self._random.randint(1, 5))
        row = book.event_row(
            event_id=self._id("prom"), at=book.stamp(now), type="promise", loan_id=loan.loan, amount="50.00",
            until=until.isoformat(),
        )  # fmt: skip
        return Act(f"{loan.loan} promises until {until}", book.files(events=[row]))

    def _close(self, now: int) -> Act | None:
        if self._random.random() < 0.5:
            return None
        loan = self._random.choice(self.loans)
        row = book.event_row(
            event_id=self._id("close"), at=book.stamp(now), type="close", loan_id=loan.loan, value="written_off"
        )
        return Act(f"{loan.loan} is closed", book.files(events=[row]), [("close", {"loan": loan.loan})])

    # --- refusals -----------------------------------------------------------------------------------------------

    def _stop(self, now: int) -> Act:
        person = self._random.choice(self.people)
        channel = self._random.choice(("sms", "sms", "email"))
        common = {
            "event_id": self._id("stop"), "at": book.stamp(now), "borrower_id": person.borrower, "channel": channel,
        }  # fmt: skip
        if channel == "sms" and self._random.random() < 0.7:
            text = self._random.choice(("STOP", "stop", " Stop. ", "UNSUBSCRIBE"))
            row = book.event_row(type="reply", text=text, **common)
        else:
            row = book.event_row(type="opt_out", **common)
        address = person.phone if channel == "sms" else person.email
        known = {"channel": channel, "address": address, "borrower": person.borrower}
        return Act(f"{person.borrower} refuses {channel}", book.files(events=[row]), [("stop", known)])

    def _opt_in(self, now: int) -> Act:
        person = self._random.choice(self.people)
        channel = self._random.choice(("sms", "email"))
        row = book.event_row(
            event_id=self._id("in"), at=book.stamp(now), type="opt_in", borrower_id=person.borrower, channel=channel
        )
        known = {"channel": channel, "borrower": person.borrower}
        return Act(f"{person.borrower} takes {channel} again", book.files(events=[row]), [("opt_in", known)])

    # --- the book changes ---------------------------------------------------------------------------------------

    def _change_phone(self, now: int) -> Act:
        person = self._random.choice(self.people)
        others = [one.phone for one in self.people if one is not person]
        person.phone = self._random.choice((self._phone(), self._phone(), self._random.choice(others)))
        act = self._whole(f"{person.borrower} has {person.phone}", [person], [])
        act.facts.append(("phone", {"borrower": person.borrower, "phone": person.phone}))
        return act

    def _change_segment(self, now: int) -> Act:
        loan = self._random.choice(self.loans)
        loan.segment = self._random.choice(("gold", "silver", ""))
        person = next(one for one in self.people if one.borrower == loan.borrower)
        return self._whole(f"{loan.loan} is {loan.segment or 'of no segment'}", [person], [loan])

    def _another_loan(self, now: int) -> Act | None:
        if len(self.loans) > 15:
            return None
        person = self._random.choice(self.people)
        loan = self._new_loan(person.borrower, self._today(now))
        return self._whole(f"{loan.loan} is new, of {person.borrower}", [person], [loan])

    def _newcomer(self, now: int) -> Act | None:
        if len(self.people) > 9:
            return None
        number = len(self.people) + 1
        phone = self._random.choice((self._phone(), self.people[0].phone))
        person = book.Person(f"P{number}", self._random.choice(book.ZONES), phone, f"p{number}@example.com")
        self.people.append(person)
        self._model.borrower(person.borrower, person.zone, person.phone)
        loan = self._new_loan(person.borrower, self._today(now))
        return self._whole(f"{person.borrower} is new, with {loan.loan}", [person], [loan])

    def _told_twice(self, now: int) -> Act:
        return self._whole("the whole book again", self.people, self.loans)

    def _new_loan(self, borrower: str, since: date) -> book.Loan:
        self._numbers += 1
        loan = book.loan_of(self._random, self._numbers, borrower, since)
        self.loans.append(loan)
        self.borrower_of[loan.loan] = borrower
        self._model.loan(loan.loan, borrower, loan.instalments)
        return loan

    def _whole(self, name: str, people: list[book.Person], loans: list[book.Loan]) -> Act:
        rows = [replace(person).row() for person in people]
        parts = [row for loan in loans for row in loan.instalment_rows()]
        return Act(name, book.files(borrowers=rows, loans=[loan.row() for loan in loans], instalments=parts))

    # --- small things -------------------------------------------------------------------------------------------

    def _id(self, kind: str) -> str:
        self._events += 1
        return f"{kind}{self._events}"

    def _phone(self) -> str:
        self._events += 1
        return f"+1202555{2000 + self._events}"

    def _today(self, now: int) -> date:
        return datetime.fromtimestamp(now // 1_000_000, UTC).date()

    def _not_before(self, loan: book.Loan, at: int) -> int:
        return max(at, int(datetime.fromisoformat(loan.disbursed).timestamp()) * 1_000_000)
