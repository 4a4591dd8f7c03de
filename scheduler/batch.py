"""The rows of one commit: what was decided for a batch of borrowers, written by a fixed number of statements."""

from __future__ import annotations

import json
from typing import Any

from policies.calendar import zone
from policies.compliance.packs import digest_of_all
from policies.decide import Decision
from policies.facts import Instant
from policies.outcome import SENT, WITHDRAWN, Line
from policies.state import Whereabouts, to_json
from scheduler import journal
from scheduler.ledger.commit import borrower_key, message_key
from scheduler.store import queries
from scheduler.store.copying import copy_line, copy_lines, stamp
from scheduler.store.database import Connection
from scheduler.store.people import Claimed

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Batch:
    """Gathers decisions, then writes contract states, journal, outbox and next wakes in the caller's transaction."""

    def __init__(self, clock_id: int, policies: int, link_base: str) -> None:
        """``policies``: the number of the newest version that is decided by."""
        self._clock_id = clock_id
        self._policies = policies
        self._link_base = link_base
        self._rules = digest_of_all()
        self._borrowers: list[dict[str, Any]] = []
        self._loans: list[dict[str, Any]] = []
        self._looked_again: list[tuple[str, int, list[str], list[str]]] = []
        self._journal: list[str] = []
        self._messages: list[str] = []
        self._bodies: list[str] = []
        self._saved = ("[]", "[]")
        self._copied: list[tuple[str, bytes]] = []
        self.lines = 0

    @property
    def messages(self) -> int:
        """How many messages go into the outbox."""
        return len(self._messages)

    def add(self, one: Claimed, decision: Decision) -> None:
        """What was decided for one borrower."""
        home = zone(decision.whereabouts.zone)
        lender_id = one.lender_id
        withdrawn = []
        look = self._look(one)
        if not decision.lines:
            self._journal.append(journal_line(lender_id, self._clock_id, journal.looked(look, home)))
        for line in decision.lines:
            self._journal.append(journal_line(lender_id, self._clock_id, journal.of_line(line, home, look)))
            if line.outcome == SENT:
                self._message(one, line)
            elif line.outcome == WITHDRAWN and line.message_id is not None:
                withdrawn.append(line.message_id)
        self.lines += len(decision.lines)
        for loan_id, state in decision.states.items():
            self._loans.append({"lender_id": lender_id, "loan_id": loan_id, "state": to_json(state)})
        if one.reconfirm:
            keep = [m for m in one.reconfirm if m not in withdrawn]
            self._looked_again.append((lender_id, one.revision, withdrawn, keep))
        wakes = [w for w in (decision.wake_at, one.next_known) if w is not None]
        self._borrower(one, min(wakes, default=None), decision.whereabouts, _set_aside(one, decision))

    def _look(self, one: Claimed) -> journal.Look:
        salt = one.salt
        return journal.Look(
            salt, borrower_key(salt, one.borrower_id), one.at, one.revision, one.chain.value, self._policies,
            self._rules, self._link_base, tuple([message_key(salt, m) for m in one.reconfirm]),
            tuple([message_key(salt, m.message_id) for m in one.borrower.unsent if not m.alone]),
        )  # fmt: skip

    def _borrower(self, one: Claimed, wake: Instant | None, where: Whereabouts, reason: str | None) -> None:
        self._borrowers.append(
            {
                "lender_id": one.lender_id,
                "borrower_id": one.borrower_id,
                "wake_at": None if wake is None else stamp(wake),
                "whereabouts": where,
                "set_aside": reason,
                "facts": str(one.chain),
            }
        )

    def _message(self, one: Claimed, line: Line) -> None:
        lender = one.borrower.policies.version(line.policy).lender if line.policy is not None else {}
        at = stamp(line.at)
        key = (one.lender_id, self._clock_id, line.message_id)
        self._messages.append(
            copy_line(
                *key, one.borrower_id, line.loan_id, line.instalment, line.step, line.occurrence, line.contact,
                line.channel, "queued", at, one.revision, at, None if line.send_by is None else stamp(line.send_by), 0,
            )
        )  # fmt: skip
        self._bodies.append(
            copy_line(*key, line.to, line.language, line.subject, line.body, lender.get("name"), lender.get("reply_to"))
        )

    def close(self) -> None:
        """Nothing more is added: put every row into the form in which it travels, so that ``write`` only waits."""
        self._saved = _encode(self._borrowers), _encode(self._loans)
        self._copied = [
            (statement, "".join(lines).encode())
            for statement, lines in (
                (queries.COPY_JOURNAL, self._journal),
                (queries.COPY_MESSAGES, self._messages),
                (queries.COPY_BODIES, self._bodies),
            )
            if lines
        ]

    def write(self, connection: Connection) -> None:
        """Every row, in the transaction that holds the claim."""
        clock = {"clock": self._clock_id}
        for lender_id, revision, withdrawn, keep in self._looked_again:
            keys = {"lender": lender_id, **clock}
            connection.execute(queries.WITHDRAW, {**keys, "messages": withdrawn})
            connection.execute(queries.CONFIRM, {**keys, "messages": keep, "revision": revision})
        borrowers, loans = self._saved
        connection.execute(queries.SAVE_BORROWERS, {**clock, "rows": borrowers})
        if self._loans:
            connection.execute(queries.SAVE_LOANS, {**clock, "rows": loans})
        for statement, lines in self._copied:
            copy_lines(connection, statement, lines)


def _set_aside(one: Claimed, decision: Decision) -> str | None:
    states = {**one.borrower.states, **decision.states}
    reasons = {loan_id: s.set_aside for loan_id, s in states.items() if s.set_aside is not None}
    return "; ".join([f"loan {loan_id}: {reasons[loan_id]}" for loan_id in sorted(reasons)]) or None


def journal_line(lender_id: str, clock_id: int, made: journal.Entry) -> str:
    """The row of COPY_JOURNAL."""
    return copy_line(
        lender_id, clock_id, stamp(made.at), made.kind, made.borrower_key, made.loan_key, made.place,
        made.channel_place, made.text,
    )  # fmt: skip


def write_journal(connection: Connection, lender_id: str, clock_id: int, entries: list[journal.Entry]) -> None:
    """Append entries in the caller's transaction."""
    lines = "".join([journal_line(lender_id, clock_id, made) for made in entries])
    copy_lines(connection, queries.COPY_JOURNAL, lines.encode())
