"""The rule packs that come with the project, and a lender's own: read once, found by name, alias or region."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache, lru_cache
from hashlib import sha256
from importlib import resources
from typing import Final

from policies.compliance.kinds import Pack, Rule
from policies.compliance.plan import RuleBook
from policies.compliance.reading import read_pack
from policies.language.findings import did_you_mean
from policies.problems import InputError, Problem

HOUSE: Final = "house"
PACK_NAMES: Final = (
    HOUSE, "us-reg-f", "us-tcpa", "us-nyc", "us-ma", "cn-gbt-45251", "gb-conc", "eu", "in-rbi", "au", "kr", "id", "ph",
    "mx", "br-sp", "br-rj",
)  # fmt: skip
"""The packs that are built in; one comes after those that it lies over."""

_own: dict[str, Pack] = {}
"""A lender's own packs, as ``use_own`` was given them when the process began."""
_own_texts: dict[str, bytes] = {}


class _Names(Collection[str]):
    """The names of all packs, those that a lender adds later too."""

    def __contains__(self, name: object) -> bool:
        return name in PACK_NAMES or name in _own

    def __iter__(self) -> Iterator[str]:
        return iter((*PACK_NAMES, *_own))

    def __len__(self) -> int:
        return len(PACK_NAMES) + len(_own)


KNOWN_PACKS: Final[Collection[str]] = _Names()
"""What a policy may name in ``rules:``."""


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
    for name, data in _built_in_texts().items():
        pack, problems = read_pack(f"{name}.yaml", data, tuple(found.values()))
        if pack is None:
            raise InputError(problems)
        found[name] = pack
    return found


@cache
def _built_in_texts() -> Mapping[str, bytes]:
    folder = resources.files("policies.compliance").joinpath("packs")
    return {name: folder.joinpath(f"{name}.yaml").read_bytes() for name in PACK_NAMES}


def pack_texts() -> Mapping[str, bytes]:
    """The file of every pack as it is written, by the pack's name."""
    return {**_built_in_texts(), **_own_texts}


@lru_cache(maxsize=1)
def digest_of_all() -> str:
    """One digest over every pack: SHA-256 of the canonical JSON of {name: SHA-256 of its file}, in hexadecimal."""
    digests = {name: sha256(data).hexdigest() for name, data in pack_texts().items()}
    return sha256(json.dumps(digests, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def use_own(files: Iterable[tuple[str, bytes]]) -> None:
    """Put a lender's own packs, files by name, beside those built in; they take the place of any given before.

    It is done once, before anything is judged. Raises InputError with every problem of every file.
    """
    found: dict[str, Pack] = {}
    texts: dict[str, bytes] = {}
    wrong: list[Problem] = []
    for file, data in files:
        one, problems = read_pack(file, data, (*built_in().values(), *found.values()))
        wrong += problems
        if one is not None:
            found[one.name] = one
            texts[one.name] = data
    if wrong:
        raise InputError(wrong)
    _own.clear()
    _own.update(found)
    _own_texts.clear()
    _own_texts.update(texts)
    for kept in (resolve, packs_for_region, packs_of, digest_of_all):
        kept.cache_clear()


def every_pack() -> Mapping[str, Pack]:
    """All packs by name: those built in, and a lender's own."""
    return {**built_in(), **_own} if _own else built_in()


def pack(name: str) -> Pack:
    """The pack of that name; raises UnknownPack, which names the nearest."""
    try:
        return every_pack()[name]
    except KeyError:
        raise UnknownPack(name, did_you_mean(name, KNOWN_PACKS)) from None


@lru_cache(maxsize=1024)
def resolve(name: str) -> tuple[str, ...]:
    """The packs that a name means: its own, those of an alias, with ``_`` for ``-``; and what they lie over, first.

    ``us_federal`` is ``us-reg-f`` and ``us-tcpa``; ``us-ma`` is these two and itself. Raises UnknownPack.
    """
    packs = every_pack()
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
    for one in every_pack().values():
        if any(region == own or region.startswith(f"{own}-") for own in one.regions):
            found.update(dict.fromkeys(resolve(one.name)))
    return tuple(found)


@lru_cache(maxsize=1024)
def packs_of(names: tuple[str, ...], region: str, *, house: bool = True) -> RuleBook:
    """The rules for a borrower of ``region`` under a policy that names these packs: its own, the region's, the house's.

    The law comes first, so that where the house rules ask for the same, the law is cited. Raises UnknownPack.
    """
    found: dict[str, None] = {}
    for name in names:
        if name != HOUSE:
            found.update(dict.fromkeys(resolve(name)))
    found.update(dict.fromkeys(packs_for_region(region)))
    if house:
        found[HOUSE] = None
    return RuleBook(tuple(pack(name) for name in found))


def rule_named(rule_id: str) -> Rule | None:
    """The first rule of this id in any pack; none, where there is none."""
    return next((rule for one in every_pack().values() for rule in one.rules if rule.rule_id == rule_id), None)
