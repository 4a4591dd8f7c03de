"""Caps hold whatever two loans of one person propose, in any order: counted again here, from the contacts alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from policies.compliance.dossier import Asked, Contact, Dossier, Evidence
from policies.compliance.guard import DEFER, SEND, judge
from policies.compliance.kinds import Cap, Rule, Window
from tests.property.guard_worlds import CHANNELS, DEBTS, MINUTE, OFTEN, ZONES, asked, book, caps, near

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOURS = Window(rule_id="H", text="x", cite="x", hours=(((0, 8 * 3600), (9 * 3600, 86_400)),) * 7)


@dataclass(frozen=True)
class Life:
    """Some weeks of one person: what each loan proposes, by how many minutes after the last proposal."""

    start: int
    zones: tuple[str, ...]
    caps: tuple[Cap, ...]
    proposals: tuple[tuple[int, str, tuple[str, ...]], ...]


@st.composite
def lives(draw: st.DrawFn) -> Life:
    zones = tuple(draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True)))
    channels = st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=3, unique=True).map(tuple)
    minutes = st.sampled_from((0, 0, 1, 59, 60, 61, 180, 719, 1439, 1440, 1441, 2880))
    return Life(
        draw(near(zones)),
        zones,
        draw(st.lists(caps(), min_size=1, max_size=3, unique_by=lambda cap: cap.rule_id).map(tuple)),
        tuple(draw(st.lists(st.tuples(minutes, st.sampled_from(DEBTS), channels), min_size=10, max_size=30))),
    )


def lived(life: Life) -> tuple[list[Contact], Counter[str]]:
    """The contacts that the guard let through; what it put off is proposed again when it said, among the others."""
    rules = book((HOURS, *life.caps))
    made: list[Contact] = []
    answers: Counter[str] = Counter()
    waiting: list[tuple[int, int, str, tuple[str, ...]]] = []
    now = life.start
    for number, (minutes, debt, channels) in enumerate(life.proposals):
        now += minutes * MINUTE
        waiting.append((now, number, debt, channels))
    end = now + 20 * 1440 * MINUTE
    for _ in range(150):
        waiting.sort()
        if not waiting or waiting[0][0] > end:
            break
        at, number, debt, channels = waiting.pop(0)
        step: list[Asked] = [asked(channel, debt) for channel in channels]
        dossier = Dossier((Evidence(life.zones),), list(made))
        verdict = judge(step, dossier, rules, at)
        answers[verdict.decision] += 1
        if verdict.decision == SEND:
            made += [Contact(at, f"k{number}", channel, (debt,)) for channel in channels]
        elif verdict.decision == DEFER:
            assert verdict.until is not None and verdict.until > at
            waiting.append((verdict.until, number, debt, channels))
    return made, answers


# --- the counter: nothing of the guard ----------------------------------------------------------------------------


def local_day(at: int, name: str) -> date:
    return (_EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(name)).date()


def bound_by(cap: Cap, contact: Contact) -> bool:
    """Whether the cap both reaches such a contact and counts it."""
    return all(not names or contact.channel in names for names in (cap.channels, cap.counts.channels))


def most(cap: Cap, made: list[Contact], zones: Iterable[str]) -> int:
    """The most contacts that the cap counts in any of its spans that ends with a contact."""
    found = 0
    for last in made:
        if not bound_by(cap, last):
            continue
        # What the cap counts but does not reach may come on top; it never closes more than it should.
        before = [c for c in made if bound_by(cap, c) and c.at <= last.at]
        if cap.per == "debt":
            before = [c for c in before if c.debts == last.debts]
        for name in zones:
            if cap.hours is not None:
                inside = [c for c in before if c.at > last.at - cap.hours * 60 * MINUTE]
            else:
                assert cap.days is not None
                first = local_day(last.at, name) - timedelta(days=cap.days - 1)
                inside = [c for c in before if local_day(c.at, name) >= first]
            found = max(found, len({c.key for c in inside}) if cap.counts.together else len(inside))
    return found


def test_caps_hold_under_any_interleaving_of_two_loans() -> None:
    seen: Counter[str] = Counter()

    @OFTEN
    @given(lives())
    def examine(life: Life) -> None:
        made, answers = lived(life)
        seen.update(answers)
        for cap in life.caps:
            counted = most(cap, made, life.zones)
            assert counted <= cap.most, (cap, counted, made)
            seen["full"] += counted == cap.most

    examine()
    assert min(seen[SEND], seen[DEFER], seen["full"]) >= 50, seen


def test_the_counter_sees_one_contact_too_many() -> None:
    cap = Cap(rule_id="C", text="x", cite="x", most=1, days=1)
    hour = 60 * MINUTE
    # 22:30 and 23:30 UTC on the 1st of January: one day in UTC, two in Madrid.
    at = int(datetime(2026, 1, 1, 22, 30, tzinfo=UTC).timestamp()) * 1_000_000
    made = [Contact(at, "a", "sms"), Contact(at + hour, "b", "sms")]
    assert most(cap, made, ["UTC"]) == 2
    assert most(cap, made, ["Europe/Madrid"]) == 1


def test_a_rule_may_be_asked_about_many_contacts_that_it_does_not_count() -> None:
    rules: tuple[Rule, ...] = (Cap(rule_id="C", text="x", cite="x", most=1, days=7, per="debt"),)
    at = int(datetime(2026, 1, 5, 12, tzinfo=UTC).timestamp()) * 1_000_000
    made = [Contact(at - MINUTE * n, f"k{n}", "sms", ("B",)) for n in range(1, 21)]
    dossier = Dossier((Evidence(("UTC",)),), made)
    assert judge([asked("sms", "A")], dossier, book(rules), at).decision == SEND
    assert judge([asked("sms", "B")], dossier, book(rules), at).decision == DEFER
