"""``duly loan why``: for each step what came of it and by which rules, or why not yet, and when it would."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.contract import Policy, Step
from policies.language.timing import DUE, at_text
from scheduler.cli.story_text import local_time
from scheduler.cli.words import clause, rule_in_words
from scheduler.outlook import Outlook

_VERBS: Final = {"offer": "offered", "hold": "held", "hand_off": "handed off", "review": "sent to review"}


def explained(outlook: Outlook, steps: list[str], *, newest: bool) -> list[dict[str, Any]]:
    """One answer a line: what was decided (with ``newest`` only the last time), what is planned, or why neither."""
    found = []
    for step in steps:
        past = [_answer(line, planned=False) for line in outlook.past if line["step"] == step]
        planned = [_answer(line, planned=True) for line in outlook.planned if line["step"] == step]
        found += _last(past) if newest else past
        found += planned[: _until_settled(planned)] if newest else planned
        if not planned and not (newest and past and _is_settled(outlook, step)):
            found.append(_why_not(outlook, step))
    return found


def _is_settled(outlook: Outlook, step: str) -> bool:
    """Whether the step's last answer is all there is to say: it was settled in the episode that runs."""
    episode = None if outlook.run is None else outlook.run.state.episode
    return episode is not None and step in episode.settled


def _last(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All answers of the last instant."""
    return [one for one in answers if one["at"] == answers[-1]["at"]]


def _until_settled(answers: list[dict[str, Any]]) -> int:
    """How many planned answers there are up to the first that is no deferral, with others of its instant."""
    settled = next((one["at"] for one in answers if one["outcome"] != "deferred"), None)
    return sum(1 for one in answers if settled is None or one["at"] <= settled)


def _answer(line: dict[str, Any], *, planned: bool) -> dict[str, Any]:
    return {
        "step": line["step"],
        "planned": planned,
        "at": line["at"],
        "instalment": line["instalment"],
        "episode": line["episode"],
        "outcome": line["outcome"],
        "channel": line["channel"],
        "until": line["until"],
        "because": [_worded(one, line["outcome"]) for one in line["because"]],
    }


def _worded(one: dict[str, Any], outcome: str) -> dict[str, Any]:
    words = rule_in_words(one["rule"])
    detail = clause(one, outcome) if len(one) > 1 else ""
    return {**one, "words": f"{words} ({detail})" if detail else words}


def _why_not(outlook: Outlook, step: str) -> dict[str, Any]:
    """The answer for a step that is not to come as things stand."""
    rule, reason = _reason(outlook, step)
    return {
        "step": step, "planned": True, "at": None, "instalment": None, "episode": None, "outcome": None,
        "channel": None, "until": None, "because": [{"rule": rule, "words": f"{rule_in_words(rule)} ({reason})"}],
    }  # fmt: skip


def stopped(outlook: Outlook) -> tuple[str, str] | None:
    """What lets no step of the loan come, by its rule and in words; none, where nothing does."""
    run = outlook.run
    if run is None:
        if outlook.set_aside is None:
            return "L2", f"the loan is not disbursed before {local_time(outlook.home.iso(outlook.loan.disbursed_at))}"
        return "SET-ASIDE", outlook.set_aside
    state = run.state
    if state.closed:
        return "L13", "the loan is closed"
    if state.handed is not None:
        return "L8", f"the loan was handed off at {local_time(outlook.home.iso(state.handed))}, and is not returned"
    if run.position.chased is None:
        return "L1", "nothing is unpaid"
    hold = run.ladder.stops.at(outlook.at)
    if hold is not None and hold.end is None:
        return "L9", f"the hold {hold.hold_id} ({hold.reason}) lasts until it is released"
    return None


def _reason(outlook: Outlook, name: str) -> tuple[str, str]:
    whole = stopped(outlook)
    if whole is not None or outlook.run is None:
        return whole or ("L13", "nothing leads to it as things stand")
    state = outlook.run.state
    settled = None if state.episode is None else state.episode.settled.get(name)
    if settled is not None:
        return "L3", f"it was {settled.outcome} in this episode, and each step is done once"
    step = _step(outlook.policy, name)
    if step is not None and step.at.anchor != DUE:
        return "L13", f"its anchor {step.at.anchor} has no date, and gets none as things stand"
    if step is None:
        return "L12", "the version that the loan goes by has no such step"
    if step.at.offset.amount <= 0 and state.episode is not None:
        return "L2", "the loan is overdue, and this step comes before the due date"
    return "L13", "nothing leads to it as things stand"


def _step(policy: Policy | None, name: str) -> Step | None:
    return None if policy is None else next((step for step in policy.steps if step.name == name), None)


def shown(outlook: Outlook, answers: list[dict[str, Any]]) -> Iterator[str]:
    """The same, for a person: each step with its time in the policy, and its answers below it."""
    last = None
    for one in answers:
        if one["step"] != last:
            if last is not None:
                yield ""
            step = _step(outlook.policy, one["step"])
            at = "" if step is None else f"  ({at_text(step.at.anchor, step.at.offset, step.at.tod)})"
            yield f"{one['step']}{at}"
            last = one["step"]
        yield f"  {_head(one)}"
        for rule in one["because"]:
            yield f"    {rule['rule']}: {rule['words']}"


def _head(one: dict[str, Any]) -> str:
    if one["outcome"] is None:
        return "is not to come"
    channel = f" by {one['channel']}" if one["channel"] else ""
    until = f", until {local_time(one['until'])}" if one["until"] else ""
    whose = f", instalment {one['instalment']}" if one["instalment"] else ""
    mark = "not yet: would be " if one["planned"] else ""
    outcome = _VERBS.get(one["outcome"], one["outcome"]) if one["planned"] else one["outcome"]
    return f"{local_time(one['at'])}  {mark}{outcome}{channel}{until}{whose}"
