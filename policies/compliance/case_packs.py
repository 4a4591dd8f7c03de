"""The rule packs that a case file names, exactly those and what they lie over, and the words that packs give cases."""

from __future__ import annotations

from functools import lru_cache

from policies.compliance import packs
from policies.compliance.case_known import Known, known_of
from policies.compliance.plan import RuleBook


@lru_cache(maxsize=64)
def book_of(names: tuple[str, ...]) -> RuleBook:
    """The rules of the packs named in a case, by any of their names; raises UnknownPack."""
    found = tuple(dict.fromkeys(pack for name in names for pack in packs.resolve(name)))
    return RuleBook(tuple(packs.pack(name) for name in found))


def words_of(names: tuple[str, ...]) -> Known:
    """The words of these packs; raises UnknownPack."""
    return known_of(book_of(names).packs)


@lru_cache(maxsize=1)
def every() -> Known:
    """The words of all packs."""
    return known_of(packs.pack(name) for name in packs.PACK_NAMES)
