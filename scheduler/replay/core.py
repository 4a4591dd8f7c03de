"""The replay of one borrower: each look again with today's ``decide()``, on what that look could see, and compared."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from policies.calendar import zone
from policies.compliance.dossier import Contact
from policies.compliance.packs import digest_of_all
from policies.decide import Borrower, Decision, decide
from policies.facts import SECOND, Instant
from policies.outcome import SENT, WITHDRAWN, Line
from policies.simulate import HISTORY_S
from policies.state import LoanState, Unsent, Whereabouts, from_json, to_json
from policies.version_change import migrated
from scheduler import journal
from scheduler.ledger.commit import borrower_key, loan_key, message_key
from scheduler.ledger.facts import Chain, fact_digest
from scheduler.ledger.versions import versions
from scheduler.replay import differences
from scheduler.replay.differences import Difference, Place
from scheduler.replay.history import Facts, History, Versions
from scheduler.replay.looks import Aside, Moved, Recorded, taken_apart
from scheduler.store.people import new_facts

_FAILED = ":failed"
_RECEIPT = "receipt:"
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(slots=True)
class Replayed:
    """What came of a replay: how much was decided again and compared, what differs, and what else is to be said.

    ``notes`` counts entries by (what, as recorded, as it is now): another version of data is no difference as such.
    """

    looks: int = 0
    entries: int = 0
    moved: int = 0
    aside: int = 0
    differences: list[Difference] = field(default_factory=list)
    notes: Counter[tuple[str, str, str]] = field(default_factory=Counter)


class _Message(NamedTuple):
    """A message that was decided and not withdrawn since."""

    message_id: str
    key: str
    line: Line

    def unsent(self, *, alone: bool) -> Unsent:
        line = self.line
        return Unsent(
            self.message_id, line.loan_id, line.instalment or 0, line.step or "", line.occurrence or 0,
            line.channel or "", line.at, line.send_by, line.contact or "", alone, line.to,
        )  # fmt: skip


def replay(history: History, versions: Versions, since: Instant | None = None) -> Replayed:
    """Decide all looks of a borrower again; those before ``since`` are decided and not compared."""
    return _Replay(history, versions, since).run()


class _Replay:
    def __init__(self, history: History, versions: Versions, since: Instant | None) -> None:
        self._history = history
        self._versions = versions
        self._since = since
        self._key = borrower_key(history.salt, history.borrower_id)
        self._loans = {loan_key(history.salt, one.loan.loan_id): one.loan.loan_id for one in history.loans}
        self._failed = {
            one.event.event_id[len(_RECEIPT) : -len(_FAILED)]: one.revision
            for one in history.events
            if one.event.event_id.startswith(_RECEIPT) and one.event.event_id.endswith(_FAILED)
        }
        self._states: dict[str, LoanState] = {}
        self._where: Whereabouts | None = None
        self._messages: list[_Message] = []
        self._chain = Chain()
        self._done = Replayed()
        self._differed = False

    def run(self) -> Replayed:
        for one in taken_apart(self._history.entries):
            if isinstance(one, Recorded):
                self._look(one)
            elif isinstance(one, Moved):
                self._move(one)
            elif isinstance(one, Aside):
                # That decision could not be made or written: nothing came of it.
                self._done.aside += 1
        return self._done

    # --- one look ---------------------------------------------------------------------------------------------

    def _look(self, recorded: Recorded) -> None:
        now = recorded.now
        compared = self._since is None or now >= self._since
        place = self._place(now)
        found: list[Difference] = []
        facts = self._history.at(recorded.revision, now)
        found += self._compare_facts(recorded, facts, place)
        texts = None
        if facts is not None:
            try:
                decision = decide(self._borrower(recorded, facts), now)
                texts = self._entries(recorded, decision)
            except Exception as error:
                found.append(differences.of_fault(place, None, type(error).__name__))
            else:
                self._carry(decision)
        if texts is not None and texts != recorded.texts:
            found += differences.found(place, recorded.values, differences.read(texts))
        self._differed = self._differed or bool(found)
        if compared:
            self._done.looks += 1
            self._done.entries += len(recorded.texts)
            self._done.differences += found
            self._note(recorded)

    def _place(self, now: Instant) -> Place:
        home = self._history.persons[-1].person.zone if self._where is None else self._where.zone
        return Place(self._history.borrower_id, zone(home).iso(now), self._loans, self._differed)

    def _compare_facts(self, recorded: Recorded, facts: Facts | None, place: Place) -> list[Difference]:
        """Lengthen the chain by what this look was the first to see. It goes on from what was recorded."""
        value = None
        if facts is not None:
            seen, known = self._chain, facts.known
            new = new_facts(seen, facts.person.person, facts.person.revision, known, len(known.events))
            digests = [fact_digest(self._history.salt, fact) for fact in new]
            value = seen.longer(recorded.revision, recorded.now, digests).value
        self._chain = Chain(recorded.revision, recorded.now, recorded.facts)
        return [] if value == recorded.facts else [differences.of_facts(place, recorded.facts, value)]

    def _borrower(self, recorded: Recorded, facts: Facts) -> Borrower:
        known = facts.known
        unsent = self._unsent(recorded)
        waiting = {one.message_id for one in unsent}
        since = recorded.now - HISTORY_S * SECOND
        contacts = [
            Contact(one.line.at, one.line.contact or "", one.line.channel or "", (one.line.loan_id,))
            for one in self._messages
            if one.line.at > since
            and one.message_id not in waiting
            and self._failed.get(one.message_id, recorded.revision + 1) > recorded.revision
        ]
        return Borrower(
            facts.person.person, known.loans, known.events, self._versions.up_to(recorded.policies), self._states,
            tuple(contacts), self._where, str(recorded.values[0]["link"]), unsent,
        )  # fmt: skip

    def _unsent(self, recorded: Recorded) -> tuple[Unsent, ...]:
        """Whether a message had left is recorded: it depends on the dispatcher, not on any fact."""
        if not recorded.unsent:
            return ()
        parts = recorded.unsent_parts
        by_key = {one.key: one for one in self._messages}
        found = [by_key[key] for key in recorded.unsent if key in by_key]
        return tuple([one.unsent(alone=one.key not in parts) for one in found])

    def _entries(self, recorded: Recorded, decision: Decision) -> list[str]:
        look = recorded.look(self._history.salt, self._key)
        home = zone(decision.whereabouts.zone)
        made = [journal.of_line(line, home, look) for line in decision.lines] or [journal.looked(look, home)]
        return [recorded.with_versions(one.text) for one in made]

    def _carry(self, decision: Decision) -> None:
        # Through text, as the database keeps them.
        self._states.update({n: from_json(json.loads(_encode(to_json(s)))) for n, s in decision.states.items()})
        self._where = decision.whereabouts
        withdrawn = set()
        for line in decision.lines:
            if line.message_id is None:
                continue
            if line.outcome == SENT:
                self._messages.append(_Message(line.message_id, message_key(self._history.salt, line.message_id), line))
            elif line.outcome == WITHDRAWN:
                withdrawn.add(line.message_id)
        if withdrawn:
            self._messages = [one for one in self._messages if one.message_id not in withdrawn]
        self._messages.sort(key=lambda one: (one.line.at, one.message_id))

    # --- what else was written --------------------------------------------------------------------------------

    def _move(self, moved: Moved) -> None:
        now = int(moved.values["now"])
        loan_id = self._loans.get(str(moved.values["loan"]))
        state = None if loan_id is None else self._states.get(loan_id)
        self._done.moved += 1
        if loan_id is None or state is None or state.version != moved.values["from"]:
            self._differed = True
            self._done.differences.append(
                differences.of_fault(self._place(now), str(moved.values["loan"]), "no such contract to move")
            )
            return
        policies = self._versions.up_to(self._versions.all[-1].number)
        self._states[loan_id] = migrated(state, policies.version(str(moved.values["to"])), now)

    def _note(self, recorded: Recorded) -> None:
        first = recorded.values[0]
        count = len(recorded.texts)
        if first["rules"] != digest_of_all():
            self._done.notes["rules", str(first["rules"]), digest_of_all()] += count
        then, today = first.get("versions", {}), versions()
        for name in sorted({*then, *today}):
            if then.get(name) != today.get(name):
                self._done.notes[name, str(then.get(name)), str(today.get(name))] += count
