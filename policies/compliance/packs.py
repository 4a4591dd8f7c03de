"""The rule packs that come with the project: read once, found by name, alias or region."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import resources
from typing import Final

from policies.compliance.kinds import Pack
from policies.compliance.plan import RuleBook
from policies.compliance.reading import read_pack
from policies.language.findings import did_you_mean
from policies.problems import InputError

HOUSE: Final = "house"
PACK_NAMES: Final = (
    HOUSE, "us-reg-f", "us-tcpa", "us-nyc", "us-ma", "cn-gbt-45251", "gb-conc", "eu", "in-rbi", "au", "kr", "id", "ph",
    "mx", "br-sp", "br-rj",
)  # fmt: skip
"""The packs that are built in; one comes after those that it lies over."""

KNOWN_PACKS: Final = frozenset(PACK_NAMES)


class UnknownPack(KeyError):
    """There is no pack of that name."""

    def __init__(self, name: str, remedy: str) -> None:
        self.name, self.remedy = name, remedy
        super().__init__(f"there is no rule pack '{name}'; {remedy}")

    def __str__(self) -> str:
        return str(self.args[0])


@cache
def built_in() -> Mapping[str, Pack]:
    """All packs that are built in, by name, in their order. Raises InputError where a file of ours is wrong."""
    found: dict[str, Pack] = {}
    folder = resources.files("policies.compliance").joinpath("packs")
    for name in PACK_NAMES:
        file = f"{name}.yaml"
        pack, problems = read_pack(file, folder.joinpath(file).read_bytes(), tuple(found.values()))
        if pack is None:
            raise InputError(problems)
        found[name] = pack
    return found


def pack(name: str) -> Pack:
    """The pack of that name; raises UnknownPack, which names the nearest."""
    try:
        return built_in()[name]
    except KeyError:
        raise UnknownPack(name, did_you_mean(name, PACK_NAMES)) from None


@lru_cache(maxsize=1024)
def resolve(name: str) -> tuple[str, ...]:
    """The packs that a name means: its own, those of an alias, with ``_`` for ``-``; and what they lie over, first.

    ``us_federal`` is ``us-reg-f`` and ``us-tcpa``; ``us-ma`` is these two and itself. Raises UnknownPack.
    """
    packs = built_in()
    if name in packs:
        meant = [name]
    else:
        meant = [one.name for one in packs.values() if name in one.aliases]
        if not meant and name.replace("_", "-") in packs:
            meant = [name.replace("_", "-")]
    if not meant:
        raise UnknownPack(name, did_you_mean(name, {*packs, *(a for one in packs.values() for a in one.aliases)}))
    found: dict[str, None] = {}
    for one in meant:
        for under in packs[one].over:
            found.update(dict.fromkeys(resolve(under)))
        found[one] = None
    return tuple(found)


@lru_cache(maxsize=1024)
def packs_for_region(region: str) -> tuple[str, ...]:
    """The packs that are always in force for a borrower of ``region``: ``US-MA`` has those of ``US`` and its own."""
    found: dict[str, None] = {}
    for one in built_in().values():
        if any(region == own or region.startswith(f"{own}-") for own in one.regions):
            found.update(dict.fromkeys(resolve(one.name)))
    return tuple(found)


@lru_cache(maxsize=1024)
def packs_of(names: tuple[str, ...], region: str, *, house: bool = True) -> RuleBook:
    """The rules for a borrower of ``region`` under a policy that names these packs: the house's, its own, the region's.

    Raises UnknownPack.
    """
    found: dict[str, None] = {HOUSE: None} if house else {}
    for name in names:
        if name != HOUSE or house:
            found.update(dict.fromkeys(resolve(name)))
    found.update(dict.fromkeys(packs_for_region(region)))
    return RuleBook(tuple(pack(name) for name in found))
