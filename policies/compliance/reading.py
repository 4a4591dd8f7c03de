"""Reads a rule pack: from its text to a ``kinds.Pack``, with every problem at its line and column at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from pydantic import BaseModel

from policies.compliance import pack_model as written
from policies.compliance.kinds import KINDS, Counts, Hours, Lift, Pack, Rule, Stop
from policies.compliance.lifts import CONSENT, REPLY, UNREACHED
from policies.compliance.pack_leaves import DAYS, SEVERAL
from policies.compliance.vocabulary import channels_of
from policies.language import source
from policies.language.findings import Findings, did_you_mean
from policies.language.shapes import Kind, find, load_as
from policies.language.source import Document, Map, Node, Seq, Text
from policies.problems import Problem

_PACK: Final = Kind(written.PackFile, "pack", {"pack": "unnamed", "title": "untitled", "rules": {}})
SHARED: Final = frozenset({"POL-OFFER-01", "POL-OPTOUT-01", "POL-REPLY-01"})
"""The ids that packs share: policies that hold in every jurisdiction, word for word the same."""

Place = tuple[str | int, ...]


def read_pack(file: str, data: bytes | str, others: Sequence[Pack] = ()) -> tuple[Pack | None, list[Problem]]:
    """Read a pack file. Answers the pack (none where there is an error) and every finding in order.

    ``file`` is only shown. ``others`` are the packs beside which it lies: their names, and the ids of their rules,
    are taken, and it may lie over them.
    """
    document, _, problems = source.read(file, data)
    if document is None:
        return None, [_of_a_pack(problem) for problem in problems]
    findings = Findings(document)
    pack = _Reader(document, findings, others).pack()
    return (None if findings.failed else pack), findings.all()


def _of_a_pack(problem: Problem) -> Problem:
    if problem.code == "empty-file":
        return replace(problem, expected="a rule pack", remedy="write `pack: NAME` and its rules")
    return problem


class _Reader:
    def __init__(self, document: Document, findings: Findings, others: Sequence[Pack]) -> None:
        self._root = document.root
        self._findings = findings
        self._others = others
        self._kinds = self._written()

    def pack(self) -> Pack | None:
        root, findings = self._root, self._findings
        if not isinstance(root, Map):
            findings.error(
                root, "not-a-pack", "this is no rule pack", expected="a mapping that begins with pack: NAME",
                remedy="write the keys of a pack",
            )  # fmt: skip
            return None
        file, _ = load_as(_PACK, written.PackFile, root, findings)
        if file is None:
            return None
        self._names(file)
        if root.get("rules") is not None and isinstance(root.get("rules"), Map) and not self._kinds:
            findings.error(
                root.get("rules") or root, "no-rules", "the pack has no rules", expected="at least one rule",
                remedy="write a rule under its id",
            )  # fmt: skip
        rules: list[Rule] = []
        for rule_id, entry in file.rules.items():
            listed = isinstance(entry, list)
            parts = [(one, ("rules", rule_id, i) if listed else ("rules", rule_id)) for i, one in
                     enumerate(entry if isinstance(entry, list) else [entry])]  # fmt: skip
            made = [self._rule(file.pack, rule_id, one, place) for one, place in parts]
            if sum(isinstance(rule, Lift) for rule in made) > 1:
                self._error(
                    ("rules", rule_id), "two-exceptions", f"{rule_id} is an exception twice", None,
                    "one exception under an id", "give the other an id of its own, and name both in 'unless'",
                )  # fmt: skip
            rules.extend(rule for rule in made if rule is not None)
        return Pack(
            name=file.pack, title=file.title, about=file.about, rules=tuple(rules), regions=tuple(file.regions),
            over=tuple(file.over), aliases=tuple(file.aliases), zones=tuple(file.zones), options=dict(file.options),
            holidays=file.holidays,
        )  # fmt: skip

    # --- the pack as a whole ------------------------------------------------------------------------------------------

    def _names(self, file: written.PackFile) -> None:
        names = {pack.name for pack in self._others}
        aliases = {alias for pack in self._others for alias in pack.aliases}
        if file.pack in names or file.pack.replace("-", "_") in aliases:
            self._error(
                ("pack",), "pack-name-taken", f"there is a pack '{file.pack}' already", file.pack,
                "a name that no other pack has", "give it a name of your own, such as our-rules",
            )  # fmt: skip
        for number, name in enumerate(file.over):
            if name not in names:
                self._error(
                    ("over", number), "unknown-pack", f"there is no pack '{name}'", name,
                    ", ".join(sorted(names)) or "none", did_you_mean(name, names),
                )  # fmt: skip
        for number, alias in enumerate(file.aliases):
            if alias.replace("_", "-") in names:
                self._error(
                    ("aliases", number), "pack-name-taken", f"there is a pack '{alias}' already", alias,
                    "an alias that is no pack's name", "choose another, or leave it out",
                )  # fmt: skip
        taken = {rule.rule_id: pack.name for pack in self._others for rule in pack.rules}
        for rule_id in file.rules:
            if rule_id in taken and rule_id not in SHARED:
                _, key = find(self._root, ("rules", rule_id))
                self._findings.error(
                    key or self._root, "rule-id-taken", f"{rule_id} is a rule of the pack '{taken[rule_id]}'",
                    found=rule_id, expected="an id that no other pack has", remedy="give it an id of your own",
                )  # fmt: skip

    def _written(self) -> dict[str, str]:
        """The kinds of the rules as they stand in the file, by id; of several under one id, an exception first."""
        rules = self._root.get("rules") if isinstance(self._root, Map) else None
        found: dict[str, str] = {}
        for rule_id, (_, node) in rules.entries.items() if isinstance(rules, Map) else ():
            kinds = [_kind(one) for one in (node.items if isinstance(node, Seq) else (node,))]
            found[rule_id] = "lift" if "lift" in kinds else kinds[0] if kinds else ""
        return found

    # --- one rule -----------------------------------------------------------------------------------------------------

    def _rule(self, pack: str, rule_id: str, one: written.RuleFile, place: Place) -> Rule | None:
        if one.kind not in KINDS:
            return None
        since, until = (one.effective.from_, one.effective.to) if one.effective else (None, None)
        if since is not None and until is not None and until < since:
            self._error(
                (*place, "effective", "to"), "effective-ends-early", "the rule ends before it begins", str(until),
                f"a day not before {since}", "correct one of the two days",
            )  # fmt: skip
        self._unless(rule_id, one, place)
        self._when(one, place)
        values = _values(one, but=("text", "kind", "cite", "effective", "hours", "counts", "within"))
        values.update(
            rule_id=rule_id, pack=pack, text=one.text, cite=one.cite, when=dict(one.when),
            since=None if since is None else since.toordinal(),
            until=None if until is None else until.toordinal() + 1,
        )  # fmt: skip
        if isinstance(one, written.WindowFile):
            values["hours"] = self._hours(one.hours, (*place, "hours"))
        elif isinstance(one, written.CapFile):
            values.update(hours=one.hours, counts=Counts(**_values(one.counts)))
            self._cap(one, place)
        elif isinstance(one, written.LiftFile):
            values["within_s"] = one.within
            values["to"] = one.to or ("inbound" if one.by == REPLY else "contact")
            self._lift(one, place)
        rule = KINDS[one.kind](**values)
        self._ends(rule, place)
        return rule

    def _unless(self, rule_id: str, one: written.RuleFile, place: Place) -> None:
        kinds = self._kinds
        lifts = [name for name, kind in kinds.items() if kind == "lift"]
        for number, name in enumerate(one.unless):
            if name not in kinds:
                self._error(
                    (*place, "unless", number), "unknown-exception", f"the pack has no rule '{name}'", name,
                    "a rule of kind lift in this pack", did_you_mean(name, lifts),
                )  # fmt: skip
            elif kinds[name] != "lift":
                self._error(
                    (*place, "unless", number), "not-an-exception", f"{name} is no exception but a {kinds[name]}", name,
                    "a rule of kind lift in this pack", f"known: {', '.join(lifts)}" if lifts else "write one",
                )  # fmt: skip
        if one.unless and one.kind in ("lift", "scope", "retention"):
            self._error(
                (*place, "unless"), "nothing-to-lift", f"a {one.kind} closes nothing, so nothing opens it", rule_id,
                "no 'unless' here", "remove it",
            )  # fmt: skip

    def _when(self, one: written.RuleFile, place: Place) -> None:
        zones = one.when.get("zones")
        if zones is not None and zones not in SEVERAL:
            self._error(
                (*place, "when", "zones"), "not-a-test", f"'{zones}' is no test of zones", zones, "several, or one",
                "write several: more than one zone, or none known",
            )  # fmt: skip

    def _hours(self, hours: Any, place: Place) -> tuple[Hours, ...]:
        week: list[Hours | None] = [None] * 7 if isinstance(hours, dict) else [hours] * 7
        for days, spans in hours.items() if isinstance(hours, dict) else ():
            for day in days:
                if week[day] is not None:
                    self._error(
                        place, "day-twice", f"{DAYS[day]} is written twice", DAYS[day], "each day once",
                        'put all hours of a day together: "08:00-12:00, 14:00-18:00"',
                    )  # fmt: skip
                week[day] = spans
        node, _ = find(self._root, place)
        whole = not isinstance(node, Map) or len(node.entries) == len(hours)
        if whole and not any(week):
            self._error(
                place, "never-open", "these hours are never open", None, "hours on some day",
                "write them; where contact is never lawful, the kind is stop",
            )  # fmt: skip
        return tuple(spans or () for spans in week)

    def _cap(self, one: written.CapFile, place: Place) -> None:
        if (one.days is None) == (one.hours is None):
            self._error(
                (*place, "most"), "cap-without-span", "a cap counts in days or in hours", None,
                "one of days and hours", "days are calendar days of the person, hours roll",
            )  # fmt: skip

    def _lift(self, one: written.LiftFile, place: Place) -> None:
        if one.by == REPLY and one.to not in (None, "inbound", "opt_out"):
            self._error(
                (*place, "to"), "unknown-reply", f"there is no reply to '{one.to}'", one.to, "inbound, opt_out",
                did_you_mean(one.to or "", ("inbound", "opt_out")),
            )  # fmt: skip
        unused = {
            "to": one.by in (REPLY, CONSENT) or one.to is None,
            "within": one.by == REPLY or one.within is None,
            "days": one.by == CONSENT or one.days is None,
            "until_spoken": one.by == CONSENT or not one.until_spoken,
            "most": one.by in (REPLY, UNREACHED) or one.most == 1,
        }
        for name, good in unused.items():
            if not good:
                self._error(
                    (*place, name), "not-for-this-exception", f"an exception by {one.by} has no '{name}'", name,
                    "keys of that exception only", "remove it",
                )  # fmt: skip
        if one.by == "fact" and not one.when:
            self._error(
                (*place, "by"), "exception-without-fact", "an exception by fact says no fact", None,
                "when: {fact: true}", "add 'when'",
            )  # fmt: skip

    def _ends(self, rule: Rule, place: Place) -> None:
        node, _ = find(self._root, place)
        if isinstance(rule, Stop) and isinstance(node, Map) and node.get("begins") is None:
            if not rule.when and not (rule.address_kinds or rule.relations):
                self._error(
                    place, "stop-without-beginning", f"nothing begins the stop {rule.rule_id}", None,
                    "begins, or when", "name the notes that begin it, or the fact while which it holds",
                )  # fmt: skip
            for name in ("ends", "kinds", "but_kinds", "days", "business_days", "default_days", "by_person"):
                if getattr(rule, name):
                    self._error(
                        (*place, name), "stop-without-beginning", f"'{name}' is about notes, and none begins the stop",
                        name, "begins", "name the notes that begin it, or remove this",
                    )  # fmt: skip

    def _error(
        self, place: Place, code: str, message: str, found: str | None, expected: str | None, remedy: str | None
    ) -> None:
        node, _ = find(self._root, place)
        self._findings.error(node, code, message, found=found, expected=expected, remedy=remedy)


def _kind(node: Node) -> str:
    kind = node.get("kind") if isinstance(node, Map) else None
    return kind.value if isinstance(kind, Text) else ""


_SETS: Final = frozenset(
    {
        "purposes", "but_purposes", "stages", "relations", "but_relations", "modes", "address_kinds",
        "but_address_kinds", "outcomes", "but_outcomes", "kinds", "but_kinds", "allows",
    }
)  # fmt: skip


def _values(model: BaseModel, but: Sequence[str] = ()) -> dict[str, Any]:
    """The fields of a model as the kinds hold them."""
    return {name: _frozen(name, getattr(model, name)) for name in type(model).model_fields if name not in but}


def _frozen(name: str, value: Any) -> Any:
    if name == "channels":
        return channels_of(tuple(value))
    if name in _SETS:
        return frozenset(value)
    return tuple(value) if isinstance(value, list) else value
