"""Temporary."""

from __future__ import annotations

from functools import lru_cache

from policies.compliance.kinds import Cap, Counts, Pack, Window
from policies.compliance.plan import RuleBook

_H = ((8 * 3600, 20 * 3600),)
HOUSE = Pack(
    name="house",
    title="house",
    rules=(
        Window(rule_id="HOUSE-HOURS", text="x", cite="x", pack="house", hours=(_H,) * 7),
        Cap(rule_id="HOUSE-DAY", text="x", cite="x", pack="house", most=1, days=1, counts=Counts(together=True)),
        Cap(rule_id="HOUSE-WEEK", text="x", cite="x", pack="house", most=3, days=7, counts=Counts(together=True)),
    ),
)


@lru_cache(maxsize=256)
def packs_of(names: tuple[str, ...], region: str, *, house: bool = True) -> RuleBook:
    return RuleBook((HOUSE,) if house else ())
KNOWN_PACKS = frozenset({"house"})
