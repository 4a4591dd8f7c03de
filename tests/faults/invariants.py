"""What must hold after all kills, reckoned from the provider's own record, the book's CSV and plain SQL."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from policies.facts import SECOND
from scheduler.dispatch import link_token
from scheduler.ledger.commit import message_key
from tests import running
from tests.faults import kills
from tests.faults.kills import JUMP, SERVE, Done
from tests.faults.provider import KIND, LATER, LOSES, REFUSES, Request
from tests.faults.world import LINK_KEY


def none(found: Collection[object], what: str) -> None:
    """Nothing was found; else it is shown, as far as a person reads."""
    assert not found, f"{what}: {len(found)}, such as {list(found)[:4]}"


CUT_OFF_S = 1.0
"""A message that was marked as leaving when a fact was acknowledged may still arrive; this is how long it takes."""
SLACK_S = 1.0
"""How late, in real time, a request may arrive at the provider after it was marked as leaving within its hours."""

TOO_LATE = ("no answer within", "without a readable SID")
"""What we say of an answer that came after our time-out, whole or in part."""

_MANY = 50
"""Of fewer kills, by the chance of the moment, nothing can be said about where they fall."""

_MESSAGES = """
SELECT m.message_id, m.borrower_id, m.loan_id, m.channel, m.status, m.decided_at, m.next_attempt_at, m.handed_at,
       b.key, p.salt, m.reason
FROM message m JOIN borrower b USING (lender_id, clock_id, borrower_id)
JOIN person p USING (lender_id, clock_id, borrower_id)
"""


class Seen:
    """Both records, read once and laid side by side."""

    def __init__(self, done: Done) -> None:
        self.done = done
        self.messages = {row[0]: row for row in done.world.rows(_MESSAGES)}
        self.by_token = {link_token(LINK_KEY.encode(), one): one for one in self.messages}
        self.accepted = done.world.provider.accepted()
        self.requests = done.world.provider.requests()
        self.lines = [json.loads(line) for line in running.told(done.world.url, done.span)]

    def message(self, request: Request) -> tuple[Any, ...]:
        """Our row for what the provider has."""
        return self.messages[self.by_token[request.token]]

    def met(self, *manners: frozenset[str]) -> set[str]:
        """The ids of messages with a request that was met in one of these manners."""
        wanted = frozenset().union(*manners)
        return {self.by_token[one.token] for one in self.requests if one.manner in wanted}


def check(done: Done) -> None:
    """All of them, each by its name."""
    seen = Seen(done)
    i1_never_two_accepted_sends_for_one_id(seen)
    i2_nothing_after_a_fact_that_forbids_it(seen)
    i3_lawful_hours_and_caps(seen)
    i4_every_step_ends_once(seen)
    i4_the_story_is_the_one_simulated(seen)
    i5_what_was_acknowledged_is_there(seen)
    i6_the_ledger_holds_every_send(seen)
    i7_a_replay_decides_the_same(seen)
    unconfirmed_only_what_was_in_the_air_or_lost(seen)
    kills_fell_where_it_matters(seen)


def i1_never_two_accepted_sends_for_one_id(seen: Seen) -> None:
    """By the token: the provider accepted nothing twice, and nothing that was never decided."""
    twice = [token for token, many in Counter(one.token for one in seen.accepted).items() if many > 1]
    none(twice, "accepted twice")
    none([one for one in seen.accepted if one.token not in seen.by_token], "accepted and never decided")
    # And what it has is what we think it has.
    wrong = [
        (row[0], row[4]) for one in seen.accepted if (row := seen.message(one))[4] not in ("sent", "unconfirmed")
    ]  # fmt: skip
    none(wrong, "accepted, and by our word it was not")
    had = {seen.by_token[one.token] for one in seen.accepted}
    none([r for r in seen.messages.values() if r[3:5] == ("sms", "sent") and r[0] not in had], "sent, and never there")
    assert len(seen.accepted) * 3 > len(seen.done.files["borrowers.csv"].splitlines()), "hardly anything was sent"


def i2_nothing_after_a_fact_that_forbids_it(seen: Seen) -> None:
    """After the answer and the cut-off, no SMS for a loan paid, closed or disputed, or to who opted out."""
    if seen.done.plan.manner != SERVE:
        return
    told = {f["id"]: f for f in kills.facts_to_tell(seen.done.files, seen.done.plan.seed, seen.done.world.start)}
    arrived = defaultdict(list)
    for one in seen.accepted:
        row = seen.message(one)
        arrived[row[2]].append(one.ns)
        arrived[row[1]].append(one.ns)
    late = []
    for event_id, ns in seen.done.world.acknowledged.items():
        fact = told[event_id]
        whom = fact["borrower"] if fact["kind"] == "opt_out" else fact["loan"]
        late += [(event_id, (at - ns) / 1e9) for at in arrived[whom] if at > ns + CUT_OFF_S * 1e9]
    none(late, "after the acknowledgement, in seconds")
    assert len(seen.done.world.acknowledged) > len(told) // 3


def i3_lawful_hours_and_caps(seen: Seen) -> None:
    """08:00 to 20:00 by the borrower's clock, one contact a day, three in a week; of SMS accepted, and mails."""
    zones = {row["borrower_id"]: ZoneInfo(row["zone"]) for row in kills.rows(seen.done.files["borrowers.csv"])}
    contacts: dict[str, set[datetime]] = defaultdict(set)
    found = []
    for one in seen.accepted:
        row = seen.message(one)
        contacts[row[1]].add(_left(row).astimezone(zones[row[1]]))
        if seen.done.plan.manner == SERVE and one.ns < seen.done.finish_ns:
            # Here the provider's own time says when it arrived, however long it was on the way.
            last, first = (seen.done.world.instant_of(one.ns - int(late_s * 1e9)) for late_s in (0.0, SLACK_S))
            times = [
                datetime.fromtimestamp(at / 1e6, zones[row[1]]) for at in (*range(first, last, 600 * SECOND), last)
            ]
            if not any(8 <= at.hour < 20 for at in times):
                found.append(f"{row[1]}: arrived at {times[-1]}")
    for row in seen.messages.values():
        if row[3] == "email" and row[4] == "sent":
            contacts[row[1]].add(_left(row).astimezone(zones[row[1]]))
    for who, times in contacts.items():
        days = Counter(at.date() for at in times)
        found += [f"{who}: {at} is outside the hours" for at in times if not 8 <= at.hour < 20]
        found += [f"{who}: {many} contacts on {day}" for day, many in days.items() if many > 1]
        found += [f"{who}: {_week(days, day)} contacts in a week from {day}" for day in days if _week(days, day) > 3]
    none(found, "against the rules")


def _left(row: tuple[Any, ...]) -> datetime:
    """When a message left by our own word; for one that was found abandoned, when it was to leave."""
    left: datetime = row[7] if row[4] == "sent" else max(row[5], row[6])
    return left


def _week(days: Counter[date], first: date) -> int:
    return sum(days[first + timedelta(days=n)] for n in range(7))


def i4_every_step_ends_once(seen: Seen) -> None:
    """Nothing waits, nobody is set aside, and each channel of each step that was handed over has exactly one end.

    A step that is not handed over may be told of again, where a payment is taken back: as ``simulate`` has it.
    """
    rows = seen.done.world.rows
    assert rows("SELECT count(*) FROM message WHERE status IN ('queued', 'sending')") == [(0,)]
    assert rows("SELECT count(*) FROM borrower WHERE wake_at IS NOT NULL OR set_aside IS NOT NULL") == [(0,)]
    ends = Counter(_step_of(line) for line in seen.lines if line["outcome"] in ("sent", "failed", "unconfirmed"))
    none([key for key, many in ends.items() if many > 1], "more than one end of a channel")
    sent = Counter(row[4] for row in seen.messages.values())
    told = Counter(line["outcome"] for line in seen.lines if line["channel"] is not None)
    for outcome in ("sent", "failed", "unconfirmed"):
        assert told[outcome] == sent[outcome], outcome


def _step_of(line: dict[str, Any]) -> tuple[Any, ...]:
    return line["loan_id"], line["instalment"], line["step"], line["occurrence"], line["channel"]


def i4_the_story_is_the_one_simulated(seen: Seen) -> None:
    """Where the provider refused nothing, the lines are those of ``simulate``; a lost answer changes one word."""
    if seen.done.plan.manner != JUMP:
        return
    unkind = {seen.messages[one][1] for one in seen.met(REFUSES, LATER)}
    book = running.read(seen.done.files)
    expected = [json.loads(line) for line in running.simulated(kills.POLICIES, book, seen.done.span)]
    wanted = [line for line in expected if line["borrower_id"] not in unkind]
    found = [line for line in seen.lines if line["borrower_id"] not in unkind]
    for line in found:
        line["outcome"] = "sent" if line["outcome"] == "unconfirmed" else line["outcome"]
    different = [(one, other) for one, other in zip(wanted, found, strict=False) if one != other]
    assert not different and len(wanted) == len(found), (len(wanted), len(found), different[:1])
    assert len({line["borrower_id"] for line in wanted}) * 10 > len(book.persons)


def i5_what_was_acknowledged_is_there(seen: Seen) -> None:
    """Every fact whose import answered is in the database, whoever was killed afterwards."""
    there = {row[0] for row in seen.done.world.rows("SELECT event_id FROM event")}
    none(set(seen.done.world.acknowledged) - there, "acknowledged and not there")


def i6_the_ledger_holds_every_send(seen: Seen) -> None:
    """It verifies against all checkpoints that its witness keeps, and tells of every message what became of it."""
    code, out = seen.done.world.duly("ledger", "verify", "--json")
    assert code == 0, out
    assert json.loads(out.splitlines()[0])["waiting"] == 0
    told: dict[str, list[str]] = defaultdict(list)
    for (entry,) in seen.done.world.rows("SELECT entry FROM journal WHERE kind = 'hand_over' ORDER BY xact, entry_id"):
        values = json.loads(entry)
        told[values["message_key"]].append(values["status"])
    for row in seen.messages.values():
        entries = told[message_key(row[9], row[0])]
        if row[4] == "withdrawn":
            assert set(entries) <= {"queued"}, row[0]
        else:
            assert entries and entries[-1] == row[4] and set(entries[:-1]) <= {"queued"}, (row[0], row[4], entries)


def i7_a_replay_decides_the_same(seen: Seen) -> None:
    """``duly replay --all`` finds no difference."""
    code, out = seen.done.world.duly("replay", "--all")
    assert code == 0, out[-2000:]


def unconfirmed_only_what_was_in_the_air_or_lost(seen: Seen) -> None:
    """Held as unconfirmed is only what was in the air at a kill, or whose answer the provider lost."""
    unconfirmed = {row[0] for row in seen.messages.values() if row[4] == "unconfirmed"}
    lost = seen.met(LOSES)
    # On a host with too much to do a good answer may come too late; to us it is lost like the others.
    late = {row[0] for row in seen.messages.values() if any(word in (row[10] or "") for word in TOO_LATE)} - lost
    if len(seen.done.moments) >= _MANY:
        assert len(late) * 20 <= len(seen.messages), f"{len(late)} good answers came too late: give the host more room"
    unexplained = unconfirmed - seen.done.world.killed_in_air - lost - late
    none([(one, seen.messages[one][10]) for one in unexplained], "held without a reason")
    # What the provider lost, we hold: unless an answer that came says more.
    none(lost - unconfirmed - seen.met(KIND), "lost, and not held")


def kills_fell_where_it_matters(seen: Seen) -> None:
    """At least half of them while a transaction was open or a request in the air, where they are many enough to say."""
    if len(seen.done.moments) >= _MANY:
        assert seen.done.busy * 2 >= len(seen.done.moments), seen.done.report()
