"""What the texts of a policy say and leave unsaid, and whether a rule of its packs forbids that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from policies.compliance import content
from policies.compliance.kinds import Content
from policies.compliance.plan import RuleBook, Shape, reaches
from policies.compliance.stops import forbidden
from policies.contract import Step
from policies.language.findings import Findings
from policies.language.said import Said
from policies.language.source import Document, Node
from policies.language.timing import DUE, OFFER_ANCHORS

Key = tuple[str, str, str]
"""Message, channel, language."""

_SAYS: Final = {
    "profanity": "abuse", "ridicule": "ridicule", "shaming": "shame", "violence_threat": "a threat of violence",
    "arrest_threat": "a threat of arrest", "lawsuit_threat": "a threat of a lawsuit",
    "court_impersonation": "the look of a court", "police_impersonation": "the look of the police",
    "government_impersonation": "the look of an authority", "attorney_impersonation": "the look of a lawyer",
    "false_urgency": "false urgency", "publication_threat": "a threat to make the debt public",
    "third_party_disclosure_threat": "a threat to tell others of the debt",
    "seizure_threat": "a threat to take wages or property", "credit_bureau_threat": "a threat to the credit record",
    "induce_new_loan": "advice to borrow in order to pay", content.DEBT_VISIBLE: "a debt in its subject line",
    content.PAYMENT_LINK: "a link",
}  # fmt: skip
_LACKS: Final = {
    content.NO_OPT_OUT: ("does not say how to end these messages", "a line such as: Reply STOP to end these messages."),
    content.NO_COLLECTOR: (
        "does not say that it is from a debt collector",
        "a line such as: This is from a debt collector.",
    ),
    content.NO_INITIAL: (
        "does not say that it is an attempt to collect a debt, and that information will be used for that purpose",
        "both, in the first message",
    ),
    content.NO_IDENTITY: ("does not name the lender", "{{ lender.name }}"),
    content.NO_RESIDUAL: (
        "does not say what becomes of the part of the debt that the offer leaves out",
        "a line such as: Then the loan is settled, and we will not ask for the rest.",
    ),
}


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of one message by one channel in one language."""

    body: Said
    subject: Said | None = None


def contents_of(texts: Mapping[Key, Texts], lender: str | None) -> dict[Key, frozenset[str]]:
    """The classes of content that each text has in one reading or another."""
    return {key: frozenset(_classes(key, one, lender)) for key, one in texts.items()}


def _classes(key: Key, texts: Texts, lender: str | None) -> set[str]:
    _, channel, language = key
    found = {one.kind for one in content.findings(texts.body.words, language)}
    # A class that any reading has counts: a disclosure has to be in all of them.
    subjects: tuple[str | None, ...] = (None,) if texts.subject is None else texts.subject.readings
    for body in texts.body.readings:
        found |= _of_reading(body, language, channel, lender, subjects[0])
    for subject in subjects[1:]:
        found |= _of_reading(texts.body.readings[0], language, channel, lender, subject)
    return found


@lru_cache(maxsize=4096)
def _of_reading(body: str, language: str, channel: str, lender: str | None, subject: str | None) -> frozenset[str]:
    return content.classes_of(body, language, channel, lender_name=lender, subject=subject)


class ContentChecker:
    """Reports what the rules of a policy's packs forbid in its texts, each once, at its place."""

    def __init__(
        self, texts: Mapping[Key, Texts], contents: Mapping[Key, frozenset[str]], document: Document,
        findings: Findings, executing: bool,
    ) -> None:  # fmt: skip
        """With ``executing`` all is a warning: the guard keeps such a text from being sent."""
        self._report = findings.warning if executing else findings.error
        self._texts = texts
        self._contents = contents
        self._document = document
        self._findings = findings
        self._told: set[tuple[Key, str]] = set()

    def check(
        self, steps: Iterable[Step], books: Iterable[RuleBook], actor: str, as_collector: bool, languages: Node
    ) -> None:
        """Check the texts of every step by the rules that reach it. ``languages`` is where the policy lists them."""
        # Regions share packs, and so the very same rules.
        rules = {id(rule): rule for book in books for rule in book.rules if isinstance(rule, Content)}.values()
        first = _first_after_due(steps)
        unread: set[str] = set()
        for step in steps:
            if step.send is None:
                continue
            for key, texts in self._texts.items():
                message, channel, language = key
                if message != step.send.message or channel not in step.send.channels:
                    continue
                shape = _shape(step, channel, actor, as_collector)
                for rule in rules:
                    # A rule that asks for a fact is for the guard, which knows it; so is one that has an end.
                    if rule.when or rule.until is not None or not reaches(rule, shape):
                        continue
                    if content.list_for(language) is None:
                        unread.add(language)
                    for kind in forbidden(rule, self._contents[key]):
                        if kind != content.NO_INITIAL or step is first:
                            self._tell(key, texts, kind, rule)
        for language in sorted(unread):
            self._findings.warning(
                languages, "no-word-list", f"there is no list of forbidden words for '{language}'", found=language,
                expected=", ".join(content.known_languages()),
                remedy="have its texts read by somebody who knows the rules of the packs",
            )  # fmt: skip

    def _tell(self, key: Key, texts: Texts, kind: str, rule: Content) -> None:
        if (key, kind) in self._told:
            return
        self._told.add((key, kind))
        message, channel, language = key
        name = f"message '{message}' ({channel}, {language})"
        law = f"{rule.rule_id} ({rule.cite})"
        if kind in _LACKS:
            lacks, such = _LACKS[kind]
            self._report(
                texts.body.node, "missing-disclosure", f"{name} {lacks}", expected=such,
                remedy=f"say it in every branch of the text; {law} asks for it",
            )  # fmt: skip
            return
        where: Node | tuple[int, int] = texts.body.node
        matched = None
        for said in (texts.subject, texts.body):
            if said is None:
                continue
            found = content.findings(said.words, language, subject=said is texts.subject)
            one = next((one for one in found if one.kind == kind), None)
            if one is not None:
                where, matched = self._document.place_in(said.node, one.start), one.matched
                break
        self._report(
            where, "forbidden-content", f"{name} has {_SAYS.get(kind, kind)}", found=matched,
            expected=f"none, by {law}", remedy="say it in other words, or leave it out",
        )  # fmt: skip


def _shape(step: Step, channel: str, actor: str, as_collector: bool) -> Shape:
    before = step.at.anchor == DUE and step.at.offset.amount <= 0
    offer = step.offer is not None or step.at.anchor in OFFER_ANCHORS
    purpose = "settlement_offer" if offer else "early_warning" if before else "reminder"
    stage = "pre_due" if before else "past_due"
    return Shape(channel, purpose, stage, actor, "borrower", None, None, as_collector)


def _first_after_due(steps: Iterable[Step]) -> Step | None:
    """The step whose message is the first about a debt that is overdue, where every step is taken."""
    return next(
        (s for s in steps if s.send is not None and s.at.anchor == DUE and s.at.offset.amount > 0), None
    )  # fmt: skip
