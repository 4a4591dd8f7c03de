"""What may be sent, by somebody who knows the promises and nothing of the program: money, refusals and hours.

It imports nothing of ours. A fact that forbids counts from the moment at which its telling was acknowledged, except for
messages that were marked as leaving by then; a fact that allows counts from the moment at which somebody began to tell
it, as the answer may have been lost. So what the model calls a breach is one in every reading.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

BEFORE_DUE = frozenset({"early"})
SIDE_STEPS = frozenset({"nudge", "again"})

# What may follow on what, where a message is: the final ones stay.
FOLLOWS = {
    None: {"queued", "sending", "withdrawn", "sent", "failed", "unconfirmed"},
    "queued": {"sending", "withdrawn", "sent", "failed", "unconfirmed"},
    "sending": {"queued", "sent", "failed", "unconfirmed", "withdrawn"},
    "sent": set(),
    "failed": set(),
    "withdrawn": set(),
    "unconfirmed": {"sent", "failed", "queued"},
}


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a provider took over: which message, for whom, when (microseconds since 1970), and how often."""

    message_id: str
    channel: str
    to: str
    borrower: str
    loan: str
    step: str
    at: int


@dataclass(slots=True)
class Money:
    """A loan's instalments as (due, minor units), and what was paid for certain and perhaps taken back."""

    borrower: str
    instalments: list[tuple[date, int]]
    payments: dict[str, int] = field(default_factory=dict)
    reversed: set[str] = field(default_factory=set)

    def paid_at_least(self) -> int:
        """What was paid for certain, less all that may have been taken back."""
        return sum(amount for ref, amount in self.payments.items() if ref not in self.reversed)

    def past_due_at_most(self, today: date) -> int:
        """What can be unpaid of the instalments whose day is over; money goes to the oldest first."""
        left, missing = self.paid_at_least(), 0
        for due, amount in sorted(self.instalments):
            covered = min(left, amount)
            left -= covered
            if due < today:
                missing += amount - covered
        return missing

    def balance_at_most(self) -> int:
        """What can be unpaid of it all."""
        return max(0, sum(amount for _, amount in self.instalments) - self.paid_at_least())


class Model:
    """The facts as the lender was promised that they count, and the rules for each send."""

    def __init__(self) -> None:
        self.zones: dict[str, ZoneInfo] = {}
        self.phones: dict[str, str] = {}
        self.loans: dict[str, Money] = {}
        self.holds: dict[str, tuple[str | None, str | None]] = {}
        self.released: set[str] = set()
        self.stopped: dict[tuple[str, str], set[str]] = {}
        self.left_numbers: dict[str, set[str]] = defaultdict(set)
        self.closed: set[str] = set()
        self.leaving: dict[tuple[str, str], frozenset[str]] = {}
        self.accepted: list[Accepted] = []
        self.times: dict[str, int] = defaultdict(int)
        self.statuses: dict[str, str] = {}
        self.looked: dict[str, int] = {}
        self.revisions: dict[str, int] = {}

    # --- what is told ------------------------------------------------------------------------------------------

    def borrower(self, borrower: str, zone: str, phone: str) -> None:
        """Somebody new."""
        self.zones[borrower] = ZoneInfo(zone)
        self.phones[borrower] = phone

    def loan(self, loan: str, borrower: str, instalments: list[tuple[date, int]]) -> None:
        """A loan, before it is told."""
        self.loans[loan] = Money(borrower, instalments)

    def begins(self, kind: str, **what: str) -> None:
        """Somebody begins to tell a fact that may allow something."""
        if kind == "reversal":
            self.loans[what["loan"]].reversed.add(what["ref"])
        elif kind == "release":
            self.released.add(what["ref"])
        elif kind == "opt_in":
            for (channel, _), exempt in self.stopped.items():
                if channel == what["channel"]:
                    exempt.add(what["borrower"])
        elif kind == "phone":
            self.left_numbers[what["borrower"]].discard(what["phone"])

    def acknowledged(self, kind: str, leaving: frozenset[str], **what: str) -> None:
        """The telling was answered well, while these messages were marked as leaving."""
        if kind == "payment":
            self.loans[what["loan"]].payments[what["event"]] = int(what["amount"])
            self._note("loan", what["loan"], leaving)
        elif kind == "hold":
            self.holds[what["event"]] = (what.get("loan"), what.get("borrower"))
            self._note("hold", what["event"], leaving)
        elif kind == "stop":
            address = what["address"]
            self.stopped[what["channel"], address] = set()
            self._note(what["channel"], address, leaving)
        elif kind == "phone":
            old = self.phones[what["borrower"]]
            self.phones[what["borrower"]] = what["phone"]
            if old != what["phone"]:
                self.left_numbers[what["borrower"]].add(old)
                self._note("number", what["borrower"], leaving)
        elif kind == "close":
            self.closed.add(what["loan"])
            self._note("closed", what["loan"], leaving)

    def _note(self, kind: str, key: str, leaving: frozenset[str]) -> None:
        self.leaving[kind, key] = leaving

    # --- what is sent ------------------------------------------------------------------------------------------

    def accept(self, one: Accepted, *, again: bool) -> list[str]:
        """A provider took a message over; ``again``: it knows the id already, and makes no second message of it."""
        found = []
        self.times[one.message_id] += 1
        if self.times[one.message_id] > 1 and not again:
            found.append(f"I1: {one.message_id[:8]} ({one.loan} {one.step} {one.channel}) was accepted twice")
        if again:
            return found
        self.accepted.append(one)
        found += self._forbidden(one)
        found += self._out_of_bounds(one)
        return found

    def _before(self, kind: str, key: str, one: Accepted) -> bool:
        return one.message_id in self.leaving.get((kind, key), frozenset())

    def _forbidden(self, one: Accepted) -> list[str]:
        who = f"{one.loan} {one.step} {one.channel} {one.message_id[:8]}"
        found = []
        money = self.loans[one.loan]
        today = self.local(one).date()
        owed = money.balance_at_most() if one.step in BEFORE_DUE else money.past_due_at_most(today)
        if owed == 0 and not self._before("loan", one.loan, one):
            found.append(f"I2: {who} was sent after all that was due was paid and acknowledged")
        for hold, (loan, borrower) in self.holds.items():
            if hold in self.released or self._before("hold", hold, one):
                continue
            if loan == one.loan or borrower == one.borrower:
                found.append(f"I2: {who} was sent under the acknowledged hold {hold}")
        exempt = self.stopped.get((one.channel, one.to))
        if exempt is not None and one.borrower not in exempt and not self._before(one.channel, one.to, one):
            found.append(f"I2: {who} was sent to {one.to}, which has refused")
        if one.to in self.left_numbers[one.borrower] and not self._before("number", one.borrower, one):
            found.append(f"I2: {who} was sent to {one.to}, which is not {one.borrower}'s any more")
        if one.loan in self.closed and not self._before("closed", one.loan, one):
            found.append(f"I2: {who} was sent after {one.loan} was closed")
        return found

    def _out_of_bounds(self, one: Accepted) -> list[str]:
        home = self.local(one)
        found = []
        if not 8 <= home.hour < 20:
            found.append(f"I3: {one.loan} {one.step} was sent at {home:%Y-%m-%d %H:%M} where {one.borrower} lives")
        contacts = {self._contact(sent) for sent in self.accepted if sent.borrower == one.borrower}
        today = [c for c in contacts if c[0] == home.date()]
        week = [c for c in contacts if home.date() - timedelta(days=6) <= c[0] <= home.date()]
        if len(today) > 1:
            found.append(f"I3: {one.borrower} had {len(today)} contacts on {home.date()}")
        if len(week) > 3:
            found.append(f"I3: {one.borrower} had {len(week)} contacts in the seven days to {home.date()}")
        return found

    def _contact(self, one: Accepted) -> tuple[date, str, str, str]:
        """A step by both channels at one moment is one contact; any other message is one of its own."""
        return (self.local(one).date(), one.loan, one.step, "" if one.step == "both" else one.message_id)

    def local(self, one: Accepted) -> datetime:
        """When it was accepted, where the borrower lives."""
        return datetime.fromtimestamp(one.at // 1_000_000, UTC).astimezone(self.zones[one.borrower])

    # --- what the database says ---------------------------------------------------------------------------------

    def compare(
        self, messages: dict[str, str], looked: dict[str, int], revisions: dict[str, int], idempotent: frozenset[str]
    ) -> list[str]:  # fmt: skip
        """Nothing goes back: statuses follow on each other, looks and revisions grow; sends have their rows."""
        found = []
        for message, status in messages.items():
            before = self.statuses.get(message)
            if status != before and status not in FOLLOWS[before]:
                found.append(f"I4: message {message[:8]} went from {before} to {status}")
        for message in self.statuses.keys() - messages.keys():
            found.append(f"I4: message {message[:8]} is gone")
        for kind, before_all, now in (("looked", self.looked, looked), ("revision", self.revisions, revisions)):
            for key, value in before_all.items():
                if now.get(key, -1) < value:
                    found.append(f"I4: {kind} of {key} went back from {value} to {now.get(key)}")
        for one in self.accepted:
            status = messages.get(one.message_id)
            if status is None:
                found.append(f"I8: {one.message_id[:8]} was sent and is not in the outbox")
            elif status in ("failed", "withdrawn") or (status == "queued" and one.channel not in idempotent):
                found.append(f"I1: {one.message_id[:8]} was accepted by the provider and is {status}")
        self.statuses, self.looked, self.revisions = messages, looked, revisions
        return found
