"""The demo's story counted: sent by step and channel, every other outcome by its reason, and one message to show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from adapters.sandbox import SandboxChannel
from policies.compose import message_id
from policies.contract import Policy
from scheduler.cli.words import clause

_LABELS: Final = {
    "offer": "offers made",
    "cured": "cured",
    "hand_off": "handed off",
    "review": "to review",
    "deferred": "deferred",
    "skipped": "skipped",
    "suppressed": "suppressed",
    "void": "void",
    "superseded": "superseded",
    "withdrawn": "withdrawn",
    "failed": "failed",
    "unconfirmed": "unconfirmed",
    "set_aside": "set aside",
}
_CHANNELS: Final = ("sms", "email", "letter")


class Story:
    """Counts over printed lines. ``sent`` by (step, channel); ``example`` is the line of the message to show."""

    def __init__(self, policy: Policy, lines: Iterable[dict[str, Any]]) -> None:
        self.policy = policy
        self.sent: Counter[tuple[str, str]] = Counter()
        self.example: dict[str, Any] = {}
        self._reasons: dict[str, Counter[str]] = {}
        self._rank = (False, False, False)
        for line in lines:
            self._count(line)

    def _count(self, line: dict[str, Any]) -> None:
        if line["outcome"] == "sent":
            self.sent[line["step"], line["channel"]] += 1
            rank = (line["message"] == "offer", line["channel"] == "email", line["language"] == "en")
            if rank >= self._rank:
                self.example, self._rank = line, rank
        else:
            self._reasons.setdefault(line["outcome"], Counter())[_reason(line)] += 1

    def channels(self) -> list[str]:
        """The channels that carried anything."""
        used = {channel for _, channel in self.sent}
        return [channel for channel in _CHANNELS if channel in used]

    def steps(self) -> list[str]:
        """The steps that sent anything, in the order of the ladder."""
        used = {step for step, _ in self.sent}
        return [step.name for step in self.policy.steps if step.name in used]

    def outcomes(self) -> Iterator[tuple[str, str, int, str]]:
        """Every other outcome: its id, its name, how often, and its reasons with their counts."""
        for outcome, label in _LABELS.items():
            reasons = self._reasons.get(outcome)
            if reasons:
                ranked = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
                told = "; ".join(f"{reason}: {count:,}" if len(ranked) > 1 else reason for reason, count in ranked)
                yield outcome, label, sum(reasons.values()), told

    def example_file(self, folder: Path) -> Path:
        """The file in which the sandbox wrote the example."""
        line = self.example
        sent_id = message_id(line["loan_id"], line["instalment"], line["step"], line["occurrence"], line["channel"])
        return SandboxChannel(folder).path(line["channel"], sent_id)


def _reason(line: dict[str, Any]) -> str:
    """The binding rule in words, without what differs from line to line."""
    one = line["because"][0]
    if line["outcome"] == "cured":
        return "what was past due is paid"
    if line["outcome"] == "offer":
        return str(one.get("offer", ""))
    if line["outcome"] == "skipped" and "when" in one:
        return f"{line['step']}, whose condition did not hold"
    return clause({key: value for key, value in one.items() if key != "channel"}, line["outcome"])
