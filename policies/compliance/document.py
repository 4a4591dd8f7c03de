"""The second half of ``docs/compliance.md``, made from the packs: every rule, what it asks and where it is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from policies.compliance.describe import in_force, parameters, reach
from policies.compliance.kinds import KIND_OF, Pack, Rule
from policies.compliance.reading import SHARED

BEGIN = "<!-- The rest of this page is made from the packs: duly rules list --docs. Do not edit it here. -->"
"""What stands before the generated half of the page."""


def generated(packs: Iterable[Pack]) -> Iterator[str]:
    """The lines of the generated half, from ``BEGIN`` on."""
    packs = tuple(packs)
    yield BEGIN
    yield ""
    yield "## Regions"
    yield ""
    yield "| pack | in force in | lies over | also called |"
    yield "|---|---|---|---|"
    for pack in packs:
        regions = ", ".join(pack.regions) or "every region, unless `house: off`"
        over = ", ".join(f"`{name}`" for name in pack.over)
        aliases = ", ".join(f"`{name}`" for name in pack.aliases)
        yield f"| [`{pack.name}`](#{pack.name}) | {regions} | {over} | {aliases} |"
    yield ""
    yield "## Rules"
    yield ""
    yield "### What all packs share"
    shared = {rule.rule_id: rule for pack in packs for rule in pack.rules if rule.rule_id in SHARED}
    for rule in shared.values():
        names = ", ".join(f"`{pack.name}`" for pack in packs if rule.rule_id in {r.rule_id for r in pack.rules})
        yield from _rules((rule,))
        yield ""
        yield f"In {names}."
    for pack in packs:
        yield from _pack(pack)


def _pack(pack: Pack) -> Iterator[str]:
    yield ""
    yield f"### {pack.name}"
    yield ""
    yield f"**{pack.title}.**"
    if pack.about:
        yield f"{pack.about}"
    if pack.zones:
        yield ""
        yield f"Where no place is known: {', '.join(pack.zones)}."
    yield from _rules(rule for rule in pack.rules if rule.rule_id not in SHARED)


def _rules(rules: Iterable[Rule]) -> Iterator[str]:
    last = None
    for rule in rules:
        yield ""
        if rule.rule_id != last:
            yield f"#### {rule.rule_id}"
            yield ""
        last = rule.rule_id
        yield f"{rule.text}  "
        yield "  \n".join(_lines(rule))


def _lines(rule: Rule) -> Iterator[str]:
    yield f"*{KIND_OF[type(rule)]}:* {parameters(rule)}"
    if reached := reach(rule):
        yield f"*reaches:* {reached}"
    if rule.unless:
        yield f"*unless:* {', '.join(rule.unless)}"
    dates = in_force(rule)
    yield f"*{rule.status}{f', {dates}' if dates else ''}; sure: {rule.sure}:* {rule.cite}"
