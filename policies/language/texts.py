"""Compiles the messages of a policy: each in every language it lists, checked, and tried on strange borrowers."""

from __future__ import annotations

from typing import Any, Final

from policies.contract import Renderer, Step
from policies.language.contents import Key, Texts
from policies.language.findings import Findings
from policies.language.messages import CannotRender, Writer, mail_renderer, plain_renderer, trials, writer
from policies.language.model import Message, PolicyFile
from policies.language.said import Said, said
from policies.language.segments import is_gsm7, sms_segments
from policies.language.source import Document, Map, Text
from policies.language.templates import Checker, parse
from policies.language.timing import OFFER_ANCHORS
from policies.language.variables import VARIABLES, Variable, trial_values
from policies.language.vocabulary import CHANNELS

MAX_SMS: Final = 1_600
"""Characters that providers join into one message."""

# Characters of typography that the plain ones say as well, at half the price of an SMS.
_PLAIN: Final = {
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u2018": "'", "\u2019": "'", "\u2013": "-", "\u2014": "-",
    "\u2026": "...", "\xa0": " ", "\u2022": "-",
}  # fmt: skip

Templates = dict[tuple[str, str, str], Renderer]


class TextCompiler:
    """The messages of one file, given its compiled steps."""

    def __init__(self, file: PolicyFile, document: Document, findings: Findings, steps: tuple[Step, ...]) -> None:
        self._file = file
        self._document = document
        self._findings = findings
        self._steps = steps
        root = document.root
        tree = root.get("messages") if isinstance(root, Map) else None
        self._tree = tree if isinstance(tree, Map) else Map({}, 0, 0)
        self._lender = {} if file.lender is None else file.lender.model_dump(exclude_none=True)
        self.texts: dict[Key, Texts] = {}
        """What each text may say, once compiled."""

    def compile(self) -> Templates:
        """A renderer for every message, channel and language."""
        templates: Templates = {}
        for name, message in self._file.messages.items():
            node = self._tree.get(name)
            if not isinstance(node, Map):
                continue
            if not node.entries:
                self._findings.error(
                    self._tree.entries[name][0], "message-without-text", f"message '{name}' has no text",
                    expected=", ".join(CHANNELS), remedy="write its text for each channel",
                )  # fmt: skip
            for channel in CHANNELS:
                self._channel(name, channel, message, node, templates)
        self._references()
        return templates

    def _channel(self, name: str, channel: str, message: Message, node: Map, templates: Templates) -> None:
        written: dict[str, Any] | None = getattr(message, channel)
        tree = node.get(channel)
        if not isinstance(tree, Map):
            return
        for language in self._file.languages:
            if language not in tree.entries:
                key = node.key(channel)
                self._findings.error(
                    key or tree, "missing-language", f"message '{name}' has no {channel} in '{language}'", found=None,
                    expected="a text in every language of the policy", remedy=f"add '{language}'",
                )  # fmt: skip
        for language, (key, value) in tree.entries.items():
            if language not in self._file.languages:
                if written is None or language not in written:
                    continue  # no language at all, which was reported
                self._findings.error(
                    key, "unlisted-language", f"'{language}' is not among the languages of the policy", found=language,
                    expected=", ".join(self._file.languages), remedy="list it, or remove this text",
                )  # fmt: skip
            elif isinstance(value, Text) and channel != "email":
                body = self._text(name, channel, language, value)
                if body is not None:
                    self.texts[name, channel, language] = Texts(body[1])
                    self._add(templates, (name, channel, language), plain_renderer(body[0]), value)
            elif isinstance(value, Map) and channel == "email":
                self._mail(name, language, value, templates)

    def _mail(self, name: str, language: str, node: Map, templates: Templates) -> None:
        subject, body = node.get("subject"), node.get("body")
        first = self._text(name, "email", language, subject) if isinstance(subject, Text) else None
        second = self._text(name, "email", language, body) if isinstance(body, Text) else None
        if isinstance(subject, Text) and len(subject.value.strip().splitlines()) > 1:
            self._findings.error(
                subject,
                "subject-line-break",
                "a subject is one line",
                expected="one line",
                remedy="write it on one line",
            )
        elif first is not None and second is not None and isinstance(body, Text):
            self.texts[name, "email", language] = Texts(second[1], first[1])
            self._add(templates, (name, "email", language), mail_renderer(first[0], second[0]), body)

    def _text(self, name: str, channel: str, language: str, node: Text) -> tuple[Writer, Said] | None:
        template = parse(node, language, self._document, self._findings)
        if template is None:
            return None
        variables, missing = self._scope(name)
        before = self._findings.count
        Checker(node, self._document, self._findings, missing).check(template, variables)
        if channel == "sms":
            self._costly(node)
        if self._findings.count != before and self._findings.failed:
            return None
        return writer(template, language), said(node, template, self._lender)

    def _scope(self, message: str) -> tuple[dict[str, Variable], dict[str, str]]:
        """The variables of a message, and those that exist but not in it, with the reason."""
        missing: dict[str, str] = {}
        for step in self._steps:
            if step.send is not None and step.send.message == message and not _has_offer(step):
                missing["offer"] = f"step '{step.name}' sends this message and makes no offer"
                break
        lender = self._file.lender
        for field in ("reply_to", "phone"):
            if lender is None or getattr(lender, field) is None:
                missing[f"lender.{field}"] = "the policy's lender gives none"
        if lender is None:
            missing["lender.name"] = "the policy names no lender"
        return VARIABLES, missing

    def _add(self, templates: Templates, key: tuple[str, str, str], renderer: Renderer, node: Text) -> None:
        name, channel, language = key
        for who, values in trials(self._file.currency).items():
            variables = trial_values(VARIABLES, values)
            variables["lender"] = self._lender
            try:
                _, text = renderer(variables)
            except CannotRender as error:
                self._findings.error(
                    node, "cannot-render", f"message '{name}' ({channel}, {language}) fails for {who}: {error}",
                    expected="a text for every borrower", remedy="give the missing case a text",
                )  # fmt: skip
                return
            if channel == "sms" and len(text) > MAX_SMS:
                self._findings.error(
                    node, "sms-too-long", f"message '{name}' has {len(text):,} characters for {who}",
                    found=f"{sms_segments(text)[1]} segments", expected=f"at most {MAX_SMS:,}", remedy="shorten it",
                )  # fmt: skip
                return
        templates[key] = renderer

    def _costly(self, node: Text) -> None:
        odd = [(index, char) for index, char in enumerate(node.value) if not is_gsm7(char)]
        # A language needs its letters; a single sign or emoji is seldom worth its price.
        if odd and (all(char in _PLAIN for _, char in odd) or _is_one_sign({char for _, char in odd})):
            index, char = odd[0]
            remedy = f"write {_PLAIN[char]!r}" if char in _PLAIN else "leave it out, or take the cost on"
            self._findings.warning(
                self._document.place_in(node, index), "sms-costly-character",
                f"{char!r} makes this SMS UCS-2: 70 characters a segment, not 160", found=char,
                expected="characters of GSM-7", remedy=remedy,
            )  # fmt: skip

    def _references(self) -> None:
        """Steps need the channels that they name; a message that no step sends is worth a warning."""
        sent: set[str] = set()
        for step in self._steps:
            if step.send is None:
                continue
            sent.add(step.send.message)
            node = self._tree.get(step.send.message)
            for channel in step.send.channels:
                if isinstance(node, Map) and node.entries and channel not in node.entries:
                    self._findings.error(
                        self._tree.entries[step.send.message][0], "missing-channel",
                        f"message '{step.send.message}' has no {channel}, by which step '{step.name}' sends it",
                        expected=f"{channel}: …", remedy=f"add {channel}, or take it out of the step",
                    )  # fmt: skip
        if len(self._steps) == len(self._file.steps) and not self._findings.failed:
            for name, (key, _) in self._tree.entries.items():
                if name not in sent:
                    self._findings.warning(
                        key, "unused-message", f"no step sends message '{name}'", found=name,
                        expected="a step that sends it", remedy="remove it, or send it",
                    )  # fmt: skip


def _has_offer(step: Step) -> bool:
    return step.offer is not None or step.at.anchor in OFFER_ANCHORS


def _is_one_sign(characters: set[str]) -> bool:
    """Whether it is one character, and no letter."""
    return len(characters) == 1 and not any(char.isalpha() for char in characters)
