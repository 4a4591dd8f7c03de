"""What another version of a policy means for a contract under way: what stays, falls away, or would be repeated."""

from __future__ import annotations

from typing import Any

from policies.calendar import add, business_days, zone
from policies.contract import Policy, Step
from policies.facts import Instant, Loan
from policies.state import DONE, LoanState, Settled


def refusal(loan: Loan, state: LoanState, old: Policy, new: Policy, region: str) -> str | None:
    """Why the contract cannot go on under ``new``; none, where it can.

    It cannot where something that was done in the running episode would be done again: a step with the message or
    the offer of one that was done under another name, or a step at or before one that is settled.
    """
    if new.currency != loan.currency:
        return f"the loan is in {loan.currency}, the version in {new.currency}"
    settled = _settled(state)
    for step in new.ladder:
        done = None if step.name in settled else _done_as(step, settled, old, new)
        if done is not None:
            return f"step {step.name} is {done.name} by another name, which was done"
    if state.episode is None or state.chased is None:
        return None
    return _out_of_order(loan, state.chased, state, old, new, region)


def migrated(state: LoanState, new: Policy, at: Instant) -> LoanState:
    """The contract's state under ``new``, to be looked at again at ``at``; what was settled stays so."""
    made = state.copy()
    made.version = new.digest
    if made.episode is not None:
        made.episode.version = new.digest
    names = {step.name for step in new.steps}
    made.sides = tuple(side for side in state.sides if side.step in names)
    made.attempts = {key: attempt for key, attempt in state.attempts.items() if attempt.step in names}
    kept = names | made.attempts.keys()
    made.deferred = {key: until for key, until in state.deferred.items() if key.partition("#")[0] in kept}
    made.wake = at
    return made


def dropped_by(state: LoanState, new: Policy) -> tuple[str, ...]:
    """The steps that wait (for the guard, an anchor or another channel) and that ``new`` does not have."""
    names = {step.name for step in new.steps}
    waiting = {side.step for side in state.sides} | {attempt.step for attempt in state.attempts.values()}
    waiting |= {key.partition("#")[0] for key in state.deferred if key not in state.attempts}
    return tuple(sorted(waiting - names))


def _settled(state: LoanState) -> dict[str, Settled]:
    """The running episode's settled steps, with those before the due date of the instalment that is chased."""
    before = {} if state.chased is None else state.before.get(state.chased, {})
    return {**before, **(state.episode.settled if state.episode is not None else {})}


def _done_as(step: Step, settled: dict[str, Settled], old: Policy, new: Policy) -> Step | None:
    """The step that was done already with the same message or offer, and is not that step in ``new`` any more."""
    mine = _does(step, new)
    there = next((s for s in old.steps if s.name == step.name), None)
    if not mine or (there is not None and _does(there, old) & mine):
        return None
    still = {s.name: _does(s, new) for s in new.steps}
    for name, how in settled.items():
        done = next((s for s in old.steps if s.name == name), None)
        if how.outcome != DONE or done is None:
            continue
        same = _does(done, old) & mine
        if same and not still.get(name, frozenset()) & same:
            return done
    return None


def _does(step: Step, policy: Policy) -> frozenset[str]:
    """What a step does to the person: its message by name and by its words, its offer, its hand-off."""
    found: set[str] = set()
    if step.send is not None:
        found.add(f"message {step.send.message}")
        texts: Any = policy.canonical.get("messages", {}).get(step.send.message)
        if texts is not None:
            found.add(f"texts {texts!r}")
    if step.offer is not None:
        found.add(f"offer {step.offer}")
    if step.hand_off is not None:
        found.add("hand-off")
    return frozenset(found)


def _out_of_order(loan: Loan, place: int, state: LoanState, old: Policy, new: Policy, region: str) -> str | None:
    episode = state.episode
    assert episode is not None  # noqa: S101 - asked in an episode only
    times_old, times_new = _times(loan, place, old, region), _times(loan, place, new, region)
    last: tuple[Instant, str] | None = None
    for name in episode.settled:
        for times in (times_old, times_new):
            if name in times and (last is None or times[name] > last[0]):
                last = (times[name], name)
    if last is None:
        return None
    for step in new.after_due:
        # One that is open behind a settled one under the old version too was made so by the chase, and stays to come.
        open_before = step.name in times_old and times_old[step.name] <= last[0]
        if step.name not in episode.settled and times_new[step.name] <= last[0] and not open_before:
            return f"step {step.name} stands at or before {last[1]}, which is settled"
    return None


def _times(loan: Loan, place: int, policy: Policy, region: str) -> dict[str, Instant]:
    """When each step after the due date is by itself due; the zone is all the same, as only the order counts."""
    utc = zone("UTC")
    business = business_days(policy.calendar or region)
    due = loan.instalments[place].due_on.toordinal()
    return {s.name: utc.instant(add(due, s.at.offset, business), s.at.tod) for s in policy.after_due}
