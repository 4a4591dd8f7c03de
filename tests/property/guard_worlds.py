"""Rules, records and instants for the laws of the guard, drawn around the days on which calendars are odd."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from policies.compliance.dossier import INCONVENIENT, Asked, Contact, Dossier, Evidence, Note, Times
from policies.compliance.kinds import Cap, Counts, Hours, Pack, Quiet, Rule, Stop, Window
from policies.compliance.plan import RuleBook
from policies.facts import SECOND, Instant

HOUR, DAY = 3600 * SECOND, 86_400 * SECOND
MINUTE = 60 * SECOND

ODD_DAYS = {
    "America/New_York": ("2026-03-08", "2026-11-01", "2028-02-29"),
    "America/Los_Angeles": ("2026-03-08", "2026-11-01", "2026-12-31"),
    "America/Phoenix": ("2026-03-08", "2027-01-01"),
    "Europe/Madrid": ("2026-03-29", "2026-10-25", "2028-02-29"),
    "Africa/Cairo": ("2026-04-24", "2026-10-30"),  # the clock changes at midnight
    "America/Havana": ("2026-03-08", "2026-11-01"),
    "America/Santiago": ("2026-09-06", "2026-04-05"),
    "America/Sao_Paulo": ("2018-11-04", "2018-02-18"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),  # by half an hour
    "Asia/Kathmandu": ("2028-02-29", "2026-12-31"),
    "Pacific/Kiritimati": ("2026-12-31", "2028-02-28"),
    "Pacific/Apia": ("2011-12-29", "2011-12-31"),  # had no 30th of December in 2011
    "UTC": ("2100-02-28",),  # no leap day
}
"""Zones, and days at which a clock or a calendar does something that most days do not."""

ZONES = tuple(ODD_DAYS)
CHANNELS = ("sms", "email", "call")
DEBTS = ("A", "B")

OFTEN = settings(
    database=None, deadline=None, derandomize=True, max_examples=250, suppress_health_check=list(HealthCheck)
)


@dataclass(frozen=True, slots=True)
class World:
    """What the guard is asked, and when."""

    now: Instant
    asked: tuple[Asked, ...]
    dossier: Dossier
    rules: tuple[Rule, ...]


def book(*packs: tuple[Rule, ...]) -> RuleBook:
    """One pack for each tuple of rules."""
    return RuleBook(tuple(Pack(name=f"p{n}", title="x", rules=rules) for n, rules in enumerate(packs)))


def near(zones: tuple[str, ...] = ZONES) -> st.SearchStrategy[Instant]:
    """Instants within three days of an odd day of one of the zones, often on an edge."""
    dates = sorted({text for name in zones for text in ODD_DAYS[name]})
    edges = st.sampled_from((0, -SECOND, SECOND, 1, -1, 30 * MINUTE))
    return st.builds(
        lambda day, hours, edge: _utc(day) + hours * HOUR + edge, st.sampled_from(dates), st.integers(-72, 96), edges
    )


def _utc(day: str) -> Instant:
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * SECOND


# --- rules ------------------------------------------------------------------------------------------------------

_quarters = st.integers(0, 96).map(lambda q: q * 900)


@st.composite
def _hours(draw: st.DrawFn) -> Hours:
    times = sorted(draw(st.lists(_quarters, min_size=2, max_size=4, unique=True)))
    return tuple(zip(times[0::2], times[1::2], strict=False))


def _days(hours: st.SearchStrategy[Hours]) -> st.SearchStrategy[tuple[Hours, ...]]:
    usual = hours.map(lambda one: (one,) * 7)
    return usual | st.tuples(*[hours | st.just(())] * 6, hours)


def _rule(kind: type[Any], name: str, **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    channels = st.frozensets(st.sampled_from(CHANNELS), max_size=2)
    ids = st.integers(0, 99).map(lambda n: f"{name}-{n}")
    return st.builds(kind, rule_id=ids, text=st.just("x"), cite=st.just("x"), channels=channels, **parts)


def windows() -> st.SearchStrategy[Window]:
    """Hours of the week, in the person's zones or in one of the rule's own."""
    return _rule(Window, "W", hours=_days(_hours()), zone=st.none() | st.none() | st.sampled_from(ZONES))


def caps() -> st.SearchStrategy[Cap]:
    """Calendar and rolling, for a person or for a debt, with and without a step's channels counted as one."""
    counts = st.builds(
        Counts,
        together=st.booleans(),
        channels=st.frozensets(st.sampled_from(CHANNELS), max_size=2),
        ours=st.booleans(),
    )
    span = st.tuples(st.sampled_from((1, 2, 7)), st.none()) | st.tuples(st.none(), st.sampled_from((1, 24, 168)))
    return st.builds(
        lambda cap, span: Cap(
            rule_id=cap.rule_id, text="x", cite="x", channels=cap.channels, most=cap.most, per=cap.per,
            counts=cap.counts, days=span[0], hours=span[1],
        ),
        _rule(
            Cap, "C", most=st.integers(1, 4), per=st.sampled_from(("person", "debt")), counts=counts, days=st.just(1)
        ),
        span,
    )  # fmt: skip


def stops() -> st.SearchStrategy[Stop]:
    """With an end of their own, by days, by a note, or none."""
    ends = st.sampled_from(((), ("over",)))
    length = st.none() | st.sampled_from((1, 3, 30, 60))
    return _rule(Stop, "S", begins=st.just(("stop*",)), ends=ends, days=length, default_days=length)


def rules() -> st.SearchStrategy[tuple[Rule, ...]]:
    """Some rules that restrict."""
    kinds = windows() | windows() | caps() | caps() | stops() | _rule(Quiet, "Q")
    return st.lists(kinds, min_size=1, max_size=5, unique_by=lambda r: r.rule_id).map(tuple)


# --- the record -------------------------------------------------------------------------------------------------


def evidence() -> st.SearchStrategy[Evidence]:
    """A sign of one place or of several."""
    return st.builds(Evidence, st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True).map(tuple))


def contacts(now: Instant) -> st.SearchStrategy[list[Contact]]:
    """The past weeks, with steps on two channels among it."""
    one = st.builds(
        lambda ago, key, channel, debts, by: Contact(now - ago * HOUR, f"k{key}-{ago}", channel, debts, by=by),
        st.integers(0, 240),
        st.integers(0, 1),
        st.sampled_from(CHANNELS),
        st.sampled_from(((), ("A",), ("B",), ("A", "B"))),
        st.sampled_from(("us", "us", "other")),
    )
    return st.lists(one, max_size=8)


def notes(now: Instant) -> st.SearchStrategy[tuple[Note, ...]]:
    """Stops begun and ended, and times that the person named."""
    at = st.integers(0, 20).map(lambda hours: now - hours * 5 * HOUR)
    times = st.builds(
        lambda days, span: Times(days, min(span), max(span) + 900),
        st.frozensets(st.integers(0, 6), min_size=1),
        st.tuples(st.integers(0, 95), st.integers(0, 95)).map(lambda two: (two[0] * 900, two[1] * 900)),
    )
    later = st.none() | st.integers(-24, 240).map(lambda hours: now + hours * HOUR)
    quiet = st.builds(Note, at, st.just(INCONVENIENT), times=st.tuples(times), until=later)
    begun = st.builds(Note, at, st.sampled_from(("stop_a", "stop_b", "over")), until=later)
    return st.lists(quiet | begun, max_size=3).map(tuple)


def asked(channel: str, debt: str) -> Asked:
    """A reminder."""
    return Asked(channel, debt=debt)


@st.composite
def worlds(draw: st.DrawFn, joint: bool = False) -> World:
    """A question with one channel, or where ``joint`` with two or three of one step."""
    places = draw(st.lists(evidence(), min_size=1, max_size=2).map(tuple))
    now = draw(near(tuple(name for one in places for name in one.zones)))
    channels = draw(
        st.lists(st.sampled_from(CHANNELS), min_size=2 if joint else 1, max_size=3 if joint else 1, unique=True)
    )
    debt = draw(st.sampled_from(DEBTS))
    dossier = Dossier(places, draw(contacts(now)), draw(notes(now)))
    return World(now, tuple(asked(one, debt) for one in channels), dossier, draw(rules()))
