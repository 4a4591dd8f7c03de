"""Compiles a policy file: all errors and warnings at once, and the executable policy when there is no error."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from policies.calendar import WEEKDAYS, has_holidays
from policies.compliance.packs import KNOWN_PACKS, packs_of
from policies.compliance.plan import RuleBook
from policies.contract import Offer, Policy, Share
from policies.language import effects, source
from policies.language.canonical import COMPONENTS, canonical_form, digest_of
from policies.language.contents import ContentChecker, contents_of
from policies.language.findings import Findings, did_you_mean
from policies.language.model import Offer as WrittenOffer
from policies.language.model import PolicyFile
from policies.language.reading import find, load
from policies.language.source import Document, Map
from policies.language.steps import StepCompiler
from policies.language.texts import TextCompiler
from policies.language.timing import DUE
from policies.money import MoneyError, parse_minor
from policies.problems import Problem

DEFAULT_TOD = 10 * 3600 + 30 * 60


def compile_policy(
    file_name: str,
    data: bytes | str,
    *,
    known_packs: Collection[str] = KNOWN_PACKS,
    executing: bool = False,
    notes: bool = False,
) -> tuple[Policy | None, list[Problem]]:
    """Check and compile a policy file. Answers the policy (none where there is an error) and every finding in order.

    ``file_name`` is only shown. With ``executing``, a test that can never hold is a warning: what a lender has
    published or simulates is executed as written, and such a step is skipped. With ``notes`` also what the rule packs
    will do to each step, which needs no change.
    """
    document, _, problems = source.read(file_name, data)
    if document is None:
        return None, problems
    findings = Findings(document)
    policy = _Compiler(document, findings, known_packs, executing).compile()
    if policy is not None and isinstance(document.root, Map):
        effects.report(policy, document.root, findings, notes=notes)
    return (None if findings.failed else policy), findings.all()


class _Compiler:
    def __init__(self, document: Document, findings: Findings, packs: Collection[str], executing: bool) -> None:
        self._document = document
        self._findings = findings
        self._packs = packs
        self._executing = executing

    def compile(self) -> Policy | None:
        document, findings = self._document, self._findings
        file, replaced = load(document, findings)
        root = document.root
        if file is None or not isinstance(root, Map):
            return None
        self._file, self._root = file, root
        overdue_from = self._overdue_from()
        rules, house = self._rules()
        offers = self._offers()
        compiler = StepCompiler(file, root, findings, overdue_from, self._executing)
        steps = compiler.compile() if "steps" not in replaced else ()
        self._calendar(file)
        self._collector(file)
        self._end()
        self._unused_offers(file)
        texts = TextCompiler(file, document, findings, steps)
        templates = texts.compile() if "languages" not in replaced else {}
        contents = contents_of(texts.texts, None if file.lender is None else file.lender.name)
        ContentChecker(texts.texts, contents, document, findings, self._executing).check(
            steps, self._books(rules, house), file.actor, file.first_party_as_collector,
            root.get("languages") or root,
        )  # fmt: skip
        if findings.failed:
            return None
        form = canonical_form(file, steps, offers, compiler.whens, rules, house, overdue_from)
        return Policy(
            name=file.policy,
            title=file.title or file.policy,
            digest=digest_of(form),
            canonical=form,
            products=None if file.applies_to.product is None else tuple(file.applies_to.product),
            regions=None if file.applies_to.region is None else tuple(file.applies_to.region),
            currency=file.currency,
            actor=file.actor,
            first_party_as_collector=file.first_party_as_collector,
            languages=tuple(file.languages),
            rules=rules,
            house=house,
            send_at=DEFAULT_TOD if file.send_at is None else file.send_at,
            overdue_from_minor=overdue_from,
            lender={} if file.lender is None else file.lender.model_dump(exclude_none=True),
            steps=steps,
            offers=offers,
            templates=templates,
            contents=contents,
            calendar=file.calendar,
            end=file.end,
            review_after=file.review_after,
            ladder=tuple(step for step in steps if step.at.anchor == DUE),
            side_steps=tuple(step for step in steps if step.at.anchor != DUE),
        )

    def _money(self, text: str, *path: str) -> int | None:
        try:
            return parse_minor(text.strip(), self._file.currency)
        except MoneyError as error:
            self._findings.error(
                find(self._root, path)[0], error.code, str(error), found=text[:60], expected=error.expected,
                remedy="write digits and a point",
            )  # fmt: skip
            return None

    def _overdue_from(self) -> int:
        written = self._file.overdue_from
        amount = 1 if written is None else self._money(written, "overdue_from")
        if amount == 0:
            self._findings.error(
                self._root.get("overdue_from") or self._root, "overdue-from-zero", "nothing would make a loan overdue",
                found=written, expected="more than 0", remedy="write the least amount that is worth a message",
            )  # fmt: skip
        return amount or 1

    def _rules(self) -> tuple[tuple[str, ...], bool]:
        written: Any = self._file.rules
        switched: dict[str, bool] = written if isinstance(written, dict) else dict.fromkeys(written, True)
        tree = self._root.get("rules")
        for index, name in enumerate(switched):
            node, key = find(self._root, ("rules", name if isinstance(tree, Map) else index))
            if name not in self._packs:
                self._findings.error(
                    key or node, "unknown-pack", f"there is no rule pack '{name}'", found=name,
                    expected=f"known: {', '.join(sorted(self._packs))}", remedy=did_you_mean(name, self._packs),
                )  # fmt: skip
            elif not switched[name] and name != "house":
                self._findings.warning(
                    key or node, "pack-stays-on", f"'{name}' stays in force for the borrowers of its regions",
                    found="off", expected="on, or nothing", remedy="take it out: no region can be switched off",
                )  # fmt: skip
        house = switched.get("house", True)
        if not house:
            node, key = find(self._root, ("rules", "house"))
            self._findings.warning(
                key or node, "house-rules-off", "the house rules are off: no hours and no caps of their own hold",
                found="off", expected="on", remedy="switch them off only where other rules are stricter",
            )  # fmt: skip
        return tuple(sorted(name for name, on in switched.items() if on and name != "house")), house

    def _books(self, rules: tuple[str, ...], house: bool) -> list[RuleBook]:
        """The rules in force for the borrowers of each region that the policy names."""
        known = tuple(name for name in rules if name in KNOWN_PACKS)
        return [packs_of(known, region, house=house) for region in self._file.applies_to.region or ("",)]

    def _offers(self) -> dict[str, Offer]:
        return {name: self._offer(name, written) for name, written in self._file.offers.items()}

    def _offer(self, name: str, written: WrittenOffer) -> Offer:
        waive: list[tuple[str, Share]] = []
        for key, component in COMPONENTS.items():
            value = None if written.waive is None else getattr(written.waive, key)
            if isinstance(value, str):
                amount = self._money(value, "offers", name, "waive", key)
                value = None if amount is None else Share(amount_minor=amount)
            if value is not None:
                waive.append((component, value))
        pay = written.pay
        instalments = 1 if pay is None else pay.instalments
        node = find(self._root, ("offers", name, "pay"))[0]
        if pay is not None and instalments > 1 and pay.every is None:
            self._findings.error(
                node, "instalments-without-every", f"{instalments} instalments, and not how far apart",
                expected="every: 1 month", remedy="add 'every'",
            )  # fmt: skip
        if pay is not None and instalments == 1 and pay.every is not None:
            self._findings.error(
                node, "every-without-instalments", "one payment has no distance to the next", expected="instalments: 2",
                remedy="add 'instalments', or leave 'every' out",
            )  # fmt: skip
        tree, heading = find(self._root, ("offers", name))
        terms = [tree.get(key) for key in ("waive", "pay")] if isinstance(tree, Map) else []
        if not any(term is not None and (not isinstance(term, Map) or term.entries) for term in terms):
            self._findings.error(
                heading or node, "offer-gives-nothing", f"offer '{name}' offers nothing",
                expected="waive or pay", remedy="say what is waived, or in how many instalments the rest is paid",
            )  # fmt: skip
        floor, floor_of = written.floor or (None, None)
        return Offer(
            name, tuple(waive), instalments, None if pay is None else pay.every,
            None if pay is None else pay.first_after, floor, floor_of, written.expires,
        )  # fmt: skip

    def _end(self) -> None:
        steps = self._root.get("steps")
        hands_off = isinstance(steps, Map) and any(
            isinstance(step, Map) and "hand_off" in step.entries for _, step in steps.entries.values()
        )
        end = self._root.get("end")
        if not hands_off and (end is None or getattr(end, "value", None) in ("false", "off")):
            self._findings.error(
                end or steps or self._root, "no-end", "the ladder has no end",
                expected="a hand_off, or end: true", remedy="add a step that hands the loan off, or write end: true",
            )  # fmt: skip

    def _calendar(self, file: PolicyFile) -> None:
        name = file.calendar
        if name is not None and name != WEEKDAYS and not has_holidays(name):
            self._findings.warning(
                self._root.get("calendar") or self._root, "no-holidays-known", f"no holidays of {name} are known",
                found=name, expected="a country with a table of holidays",
                remedy="its business days will be Monday to Friday; name another region, or 'weekdays'",
            )  # fmt: skip

    def _collector(self, file: PolicyFile) -> None:
        where = self._root.key("first_party_as_collector")
        if file.first_party_as_collector or where is None:
            return
        if file.actor == "agency":
            self._findings.error(
                where, "agency-is-collector", "an agency is a collector, and is bound as one", found="off",
                expected="nothing, or actor: lender", remedy="take the key out",
            )  # fmt: skip
        else:
            self._findings.warning(
                where, "collector-rules-off", "the rules that bind collectors do not hold for this lender",
                found="off", expected="on", remedy="ask your counsel; the rules that bind lenders too stay in force",
            )  # fmt: skip

    def _unused_offers(self, file: PolicyFile) -> None:
        steps = self._root.get("steps")
        made = {
            getattr(step.get("offer"), "value", None)
            for _, step in (steps.entries.values() if isinstance(steps, Map) else ())
            if isinstance(step, Map)
        }
        for name in file.offers:
            if name not in made and not self._findings.failed:
                self._findings.warning(
                    find(self._root, ("offers", name))[1] or self._root, "unused-offer",
                    f"no step makes offer '{name}'", found=name, expected="a step with this offer",
                    remedy="remove it, or offer it",
                )  # fmt: skip
