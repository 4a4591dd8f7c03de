"""Compiles the steps of a policy and checks what they are to each other: anchors, order, and what can be reached."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from policies.calendar import WEEKDAYS
from policies.contract import At, Condition, Send, Step, StepHold
from policies.language import conditions, satisfiable
from policies.language.conditions import Group
from policies.language.findings import Findings, did_you_mean
from policies.language.model import Every, PolicyFile
from policies.language.model import Step as Written
from policies.language.order import upside_down
from policies.language.source import Map, Node, Seq, Text
from policies.language.timing import DUE, LATER_ANCHORS, OFFER_ANCHORS, AtWritten, at_text

MAX_STEPS: Final = 200

_ACTS: Final = ("send", "offer", "hold", "hand_off")
_DONE: Final = ".done"


class StepCompiler:
    """The steps of one file; ``whens`` holds the conditions as read, by step, for the canonical form."""

    def __init__(
        self, file: PolicyFile, root: Map, findings: Findings, overdue_from_minor: int, executing: bool
    ) -> None:
        self._file = file
        self._root = root
        self._findings = findings
        self._overdue_from = overdue_from_minor
        self._executing = executing
        tree = root.get("steps")
        self._tree = tree if isinstance(tree, Map) else Map({}, root.start, root.start)
        offers = root.get("offers")
        self._offer_names = set(offers.entries) if isinstance(offers, Map) else set()
        messages = root.get("messages")
        self._message_names = set(messages.entries) if isinstance(messages, Map) else set()
        self.whens: dict[str, Group] = {}

    def compile(self) -> tuple[Step, ...]:
        """Every step in the order of the file; those with an error are left out."""
        if not self._tree.entries:
            self._findings.error(
                self._root.get("steps") or self._root, "no-steps", "the policy has no steps",
                expected="at least one step", remedy="write a step with a time and what it does",
            )  # fmt: skip
        if len(self._tree.entries) > MAX_STEPS:
            self._findings.error(
                self._tree, "too-many-steps", f"the policy has {len(self._tree.entries):,} steps",
                expected=f"at most {MAX_STEPS}", remedy="split it into several policies",
            )  # fmt: skip
            return ()
        steps: list[Step] = []
        for place, name in enumerate(self._tree.entries):
            written = self._file.steps.get(name)
            if written is not None and (step := self._step(name, place, written)) is not None:
                steps.append(step)
        self._anchors(steps)
        self._order(steps)
        self._reach(steps)
        return tuple(steps)

    # --- one step ---------------------------------------------------------------------------------------------

    def node(self, step: str, *path: str | int) -> Node:
        """The node of a step, or of something in it; the nearest one around it that is there."""
        node: Node = self._tree
        for part in (step, *path):
            inner = node.get(str(part)) if isinstance(node, Map) else None
            if isinstance(node, Seq) and isinstance(part, int) and part < len(node.items):
                inner = node.items[part]
            if inner is None:
                return node
            node = inner
        return node

    def key(self, step: str) -> Text:
        """The name of a step where it is written."""
        return self._tree.entries[step][0]

    def _step(self, name: str, place: int, written: Written) -> Step | None:
        before = self._findings.count
        tree = self._tree.get(name)
        if isinstance(tree, Map) and not any(act in tree.entries for act in _ACTS):
            self._findings.error(
                self.key(name), "step-does-nothing", f"step '{name}' does nothing", expected=", ".join(_ACTS),
                remedy="say what it does, or remove it",
            )  # fmt: skip
        at = self._at(name, written.at)
        send = self._send(name, written)
        self._offer(name, written)
        hold = self._hold(name, written)
        when = self._when(name, written, at)
        if self._findings.count != before and at is None:
            return None
        if at is None:
            return None
        return Step(name, place, at, when, written.within, send, written.offer, hold, written.hand_off)

    def _at(self, name: str, written: AtWritten) -> At | None:
        node = self.node(name, "at")
        tod = written.tod if written.tod is not None else self._file.send_at
        if tod is None:
            if self._root.get("send_at") is None:
                self._findings.error(
                    node, "no-time-of-day", f"step '{name}' gives no time of day, and neither does the policy",
                    expected="HH:MM", remedy="add send_at to the policy, or a time to the step: due + 1 day, 10:30",
                )  # fmt: skip
            return None
        anchor = written.anchor
        if anchor in LATER_ANCHORS:
            self._findings.error(
                node, "anchor-comes-later", f"'{anchor}' comes with the settlement work", found=anchor,
                expected="due, offer.made, offer.expires or STEP.done", remedy="leave this step out until then",
            )  # fmt: skip
            return None
        if anchor != DUE and anchor not in OFFER_ANCHORS:
            other = anchor.removesuffix(_DONE)
            if other == anchor or other not in self._tree.entries:
                names = [DUE, *OFFER_ANCHORS, *(step + _DONE for step in self._tree.entries if step != name)]
                self._findings.error(
                    node, "unknown-anchor", f"there is nothing that '{anchor}' could stand for", found=anchor,
                    expected="due, offer.made, offer.expires or STEP.done", remedy=did_you_mean(anchor, names),
                )  # fmt: skip
                return None
        if written.offset.amount < 0 and anchor not in (DUE, "offer.expires"):
            self._findings.error(
                node, "before-its-anchor", f"nothing can be done before '{anchor}' is known", found=anchor,
                expected=f"{anchor} + a duration", remedy="write + instead of -",
            )  # fmt: skip
            return None
        return At(anchor, written.offset, tod)

    def _send(self, name: str, written: Written) -> Send | None:
        send = written.send
        if send is None:
            return None
        if send.message not in self._message_names:
            self._findings.error(
                self.node(name, "send", "message"), "unknown-message", f"there is no message '{send.message}'",
                found=send.message, expected="a name under messages",
                remedy=did_you_mean(send.message, self._message_names),
            )  # fmt: skip
        every = isinstance(send.by, Every)
        channels = send.by.all if isinstance(send.by, Every) else send.by
        return Send(send.message, tuple(channels), every)

    def _offer(self, name: str, written: Written) -> None:
        if written.offer is not None and written.offer not in self._offer_names:
            self._findings.error(
                self.node(name, "offer"), "unknown-offer", f"there is no offer '{written.offer}'", found=written.offer,
                expected="a name under offers", remedy=did_you_mean(written.offer, self._offer_names),
            )  # fmt: skip

    def _hold(self, name: str, written: Written) -> StepHold | None:
        hold = written.hold
        if hold is None:
            return None
        if (hold.for_ is None) == (hold.until is None):
            node = self.node(name, "hold")
            if not isinstance(node, Map) or len(node.entries) != 1:
                self._findings.error(
                    node, "hold-without-end", "a hold ends in one way", expected="{for: 30 days} or {until: release}",
                    remedy="write one of the two",
                )  # fmt: skip
            return None
        return StepHold(hold.for_)

    def _when(self, name: str, written: Written, at: At | None) -> Condition | None:
        tree = self._tree.get(name)
        node = tree.get("when") if isinstance(tree, Map) else None
        if node is None or written.when is None:
            return None
        group = conditions.read(node, self._file.currency, self._findings)
        if group is None:
            return None
        place = "side" if at is None or at.anchor != DUE else "before" if at.offset.amount <= 0 else "after"
        applies = self._file.applies_to
        known = satisfiable.domain(place, self._overdue_from, _tuple(applies.product), _tuple(applies.region))
        satisfiable.report(group, known, self._file.currency, self._findings, severity_error=not self._executing)
        self.whens[name] = group
        return conditions.compile_condition(group, self._file.currency)

    # --- all of them ------------------------------------------------------------------------------------------

    def _anchors(self, steps: list[Step]) -> None:
        by_name = {step.name: step for step in steps}
        offering = any(step.offer for step in self._file.steps.values())
        for step in steps:
            seen = {step.name}
            one: Step | None = step
            while one is not None and one.at.anchor.endswith(_DONE):
                other = one.at.anchor.removesuffix(_DONE)
                if other in seen:
                    self._findings.error(
                        self.node(step.name, "at"), "anchor-circle", f"step '{step.name}' waits for itself",
                        found=step.at.anchor, expected="a step that does not wait for this one",
                        remedy="anchor it to due",
                    )  # fmt: skip
                    one = None
                    break
                seen.add(other)
                one = by_name.get(other)
            if one is None or one.at.anchor not in OFFER_ANCHORS:
                continue
            if not offering:
                self._findings.error(
                    self.node(step.name, "at"), "anchor-without-offer", "no step makes an offer", found=one.at.anchor,
                    expected="a step with offer", remedy="add the offer, or anchor this step to due",
                )  # fmt: skip
            if step.offer is not None:
                self._findings.error(
                    self.node(step.name, "offer"), "offer-after-offer",
                    "an offer that follows from an offer never ends", found=step.offer,
                    expected="offers on the ladder only", remedy="anchor this step to due",
                )  # fmt: skip

    def _order(self, steps: list[Step]) -> None:
        ladder = [step for step in steps if step.at.anchor == DUE]
        calendars = self._calendars()
        for before, after in pairwise(ladder):
            found = upside_down(before.at, after.at, calendars)
            if found is not None:
                day, calendar = found
                where = "" if calendar == WEEKDAYS else f" (business days of {calendar})"
                self._findings.error(
                    self.node(after.name, "at"), "steps-out-of-order",
                    f"step '{after.name}' comes before '{before.name}' when an instalment is due on {day}{where}",
                    found=at_text(DUE, after.at.offset, after.at.tod),
                    expected=f"not before {at_text(DUE, before.at.offset, before.at.tod)}",
                    remedy="swap the two, or move one of them",
                )  # fmt: skip

    def _calendars(self) -> tuple[str, ...]:
        if self._file.calendar is not None:
            return (self._file.calendar,)
        return tuple(self._file.applies_to.region or (WEEKDAYS,))

    def _reach(self, steps: list[Step]) -> None:
        """Tell the steps behind a hand-off that nothing skips or makes void (rule 8), and those void when they come."""
        ended: Step | None = None
        one_before: Step | None = None
        sent: Step | None = None
        for step in steps:
            if step.at.anchor != DUE:
                continue
            after_due = step.at.offset.amount > 0
            if one_before is not None and not after_due and step.at == one_before.at:
                self._findings.warning(
                    self.key(one_before.name), "never-in-time",
                    f"step '{one_before.name}' is void when '{step.name}' comes due, which is at the same time",
                    expected="times that differ", remedy="move one of the two, or make them one step",
                )  # fmt: skip
            one_before = step
            if ended is not None:
                self._findings.warning(
                    self.key(step.name), "unreachable-step",
                    f"step '{step.name}' comes after the hand-off '{ended.name}'",
                    expected="the hand-off last", remedy="give the hand-off a condition, or move this step before it",
                )  # fmt: skip
            if step.hand_off is not None:
                if not after_due:
                    self._findings.error(
                        self.node(step.name, "hand_off"), "hand-off-before-due", "nothing is owed before the due date",
                        found=step.hand_off, expected="due + a duration", remedy="move the hand-off after the due date",
                    )  # fmt: skip
                if step.when is None and step.within is None and (sent is None or sent.when is None):
                    ended = ended or step
            elif step.send is not None and after_due:
                sent = step


def _tuple(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(values)
