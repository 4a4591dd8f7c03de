"""What the cases of a test file have shown of a policy: its steps, conditions, offers and texts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from policies.contract import Policy, Step
from policies.outcome import (
    DEFERRED,
    HAND_OFF,
    HOLD,
    OFFER,
    REVIEW,
    SENT,
    SKIPPED,
    SUPERSEDED,
    SUPPRESSED,
    VOID,
    Line,
)  # fmt: skip

DONE: Final = frozenset({SENT, OFFER, HOLD, HAND_OFF})
"""A step is covered once it was done in some case; a hand-off that went to review was not."""

_JUDGED: Final = DONE | {REVIEW, DEFERRED, SUPPRESSED, SKIPPED}
_TOLD: Final = (SKIPPED, VOID, SUPPRESSED, DEFERRED, REVIEW)


@dataclass(frozen=True, slots=True)
class StepCoverage:
    """How often a step was done, and how often each other outcome was its own; whether its ``when`` was both.

    ``held`` and ``failed`` count how often its ``when`` held and did not; both are 0 where it has none.
    """

    name: str
    done: int
    outcomes: dict[str, int]
    has_when: bool
    held: int
    failed: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was seen of a policy. ``texts`` counts by (message, channel, language), ``offers`` by name."""

    steps: tuple[StepCoverage, ...]
    offers: dict[str, int]
    texts: dict[tuple[str, str, str], int]

    @property
    def every_step(self) -> bool:
        """Whether each step was done at least once."""
        return all(step.done for step in self.steps)

    @property
    def complete(self) -> bool:
        """Whether nothing at all is missing."""
        return not self.missing()

    def missing(self) -> list[str]:
        """What no case has shown, in words, in the order of the policy."""
        found = [f"step {step.name} was never done" for step in self.steps if not step.done]
        for step in self.steps:
            if step.has_when and not (step.held and step.failed):
                found += [f"the when of step {step.name} never held"] if not step.held else []
                found += [f"the when of step {step.name} always held"] if not step.failed else []
        found += [f"offer {name} was never made" for name, count in self.offers.items() if not count]
        found += [
            f"message {message} was never sent by {channel} in {language}"
            for (message, channel, language), count in self.texts.items()
            if not count
        ]
        return found


def cover(policy: Policy, stories: Iterable[Iterable[Line]]) -> Coverage:
    """The coverage that the stories of all cases give; what a step does on several channels at once counts once."""
    told = [(case, line) for case, lines in enumerate(stories) for line in lines]
    texts = dict.fromkeys(policy.templates, 0)
    offers = dict.fromkeys(policy.offers, 0)
    for _, line in told:
        key = (line.message or "", line.channel or "", line.language or "")
        if line.outcome == SENT and key in texts:
            texts[key] += 1
        if line.outcome == OFFER and (name := str(line.because[0].get("offer"))) in offers:
            offers[name] += 1
    return Coverage(tuple(_step(step, told) for step in policy.steps), offers, texts)


def _step(step: Step, told: list[tuple[int, Line]]) -> StepCoverage:
    own = [(case, line) for case, line in told if line.step == step.name]
    outcomes = {name: sum(line.outcome == name for _, line in own) for name in (*_TOLD, SUPERSEDED)}
    done = {_key(case, line) for case, line in own if line.outcome in DONE}
    held, failed = 0, 0
    if step.when is not None:
        judged = {_key(case, line): line for case, line in own if line.outcome in _JUDGED}
        failed = sum(line.outcome == SKIPPED and any("when" in one for one in line.because) for line in judged.values())
        held = len(judged) - failed
    return StepCoverage(step.name, len(done), outcomes, step.when is not None, held, failed)


def _key(case: int, line: Line) -> tuple[Any, ...]:
    return (case, line.at, line.loan_id, line.instalment, line.occurrence)


def table(coverage: Coverage) -> str:
    """The coverage as a table for people, and below it what is missing."""
    head = ("step", "done", *_TOLD, "when")
    rows: list[tuple[str, ...]] = [head]
    for step in coverage.steps:
        when = "-" if not step.has_when else f"{step.held} held, {step.failed} not"
        rows.append((step.name, str(step.done), *(str(step.outcomes[name] or "-") for name in _TOLD), when))
    text = [_aligned(rows)]
    if coverage.offers:
        text.append(_aligned([("offer", "made"), *((name, str(count)) for name, count in coverage.offers.items())]))
    text.append(_aligned([("message", "channel", "language", "sent"), *(
        (*key, str(count)) for key, count in coverage.texts.items()
    )]))  # fmt: skip
    missing = coverage.missing()
    covered = sum(bool(step.done) for step in coverage.steps)
    text.append(
        f"{covered} of {len(coverage.steps)} steps covered"
        + ("; nothing is missing" if not missing else "; missing:\n" + "\n".join(f"  {one}" for one in missing))
    )
    return "\n\n".join(text)


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if cell.isdigit() or cell == "-" else cell.ljust(width)
            for cell, width in zip(row, widths, strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def coverage_json(coverage: Coverage) -> dict[str, Any]:
    """The coverage as plain JSON values."""
    return {
        "every_step": coverage.every_step,
        "complete": coverage.complete,
        "steps": [
            {
                "step": step.name, "done": step.done, **step.outcomes,
                "when": {"held": step.held, "failed": step.failed} if step.has_when else None,
            }
            for step in coverage.steps
        ],
        "offers": [{"offer": name, "made": count} for name, count in coverage.offers.items()],
        "texts": [
            {"message": message, "channel": channel, "language": language, "sent": count}
            for (message, channel, language), count in coverage.texts.items()
        ],
        "missing": coverage.missing(),
    }  # fmt: skip
