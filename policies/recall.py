"""A message that was decided but has not left is looked at again when facts or the hour have changed (rule 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from policies.asking import judge_channels
from policies.compliance.dossier import Contact
from policies.compliance.guard import SEND
from policies.outcome import WITHDRAWN, Line
from policies.state import DONE, Settled, Unsent

if TYPE_CHECKING:
    from policies.loan_run import LoanRun


def look_again(run: LoanRun, message: Unsent) -> None:
    """Withdraw the message where it no longer holds; where its step still does, the step is judged afresh.

    The channels of one contact are looked at together, with the first of them: while one of them stays, the step is
    done, and is not judged again for the sake of the others. What stays counts as a contact for what is proposed next.
    """
    parts = [m for m in run.situation.unsent if m.loan_id == message.loan_id and m.contact == message.contact]
    if message is not parts[0]:
        return
    place = next((p for p, i in enumerate(run.loan.instalments) if i.number == message.instalment), 0)
    holds = _holds(run, message, place)
    stays = False
    for part in parts:
        why = _stopped(run, part) if holds else {"rule": "L7"}
        if why is not None:
            _withdraw(run, part, place, why)
            continue
        stays = True
        run.situation.history.append(Contact(part.decided_at, part.contact, part.channel, (part.loan_id,)))
    if holds and not stays and message.alone:
        _unsettle(run, message, place)


def _holds(run: LoanRun, message: Unsent, place: int) -> bool:
    """Whether the loan is still where the message met it: not cured, not closed, the same instalment chased."""
    state = run.state
    if state.closed or state.chased is None:
        return False
    if state.episode is not None:
        settled = state.episode.settled.get(message.step)
    else:
        settled = state.before.get(place, {}).get(message.step) if state.chased == place else None
    if settled is None:
        return any(s.name == message.step for s in run.ladder.policy.side_steps)
    return _same(settled, message)


def _same(settled: Settled, message: Unsent) -> bool:
    return settled.outcome == DONE and settled.at == message.decided_at


def _stopped(run: LoanRun, message: Unsent) -> dict[str, Any] | None:
    hold = run.ladder.stops.at(run.now)
    if hold is not None and hold.hold_id != f"{message.loan_id}/{message.instalment}/{message.step}":
        return {"rule": "L9", "hold": hold.reason}
    closed = run.situation.reach.closed.get(message.channel)
    if closed is not None:
        return {"rule": closed, "channel": message.channel}
    if message.to is not None and message.to != run.situation.reach.addresses.get(message.channel):
        return {"rule": "L10", "reason": "address_changed"}
    if message.send_by is not None and message.send_by <= run.now:
        return {"rule": "L10", "reason": "window_closed"}
    return _unlawful(run, message)


def _unlawful(run: LoanRun, message: Unsent) -> dict[str, Any] | None:
    """Facts that came after the decision may close what was open: the guard is asked again before a message leaves."""
    step = next((s for s in run.ladder.policy.steps if s.name == message.step), None)
    if step is None or step.send is None:
        return None
    ref = f"{message.loan_id}/{message.instalment}/{message.step}"
    made = next((m for m in run.state.offers if m.ref == ref), None)
    verdict = judge_channels(run, step, run.state.episode is None, made, (message.channel,), message.contact)
    if verdict.decision == SEND or verdict.rule is None:
        return None
    return {"rule": verdict.rule.rule_id, "reason": "closed_since"}


def _withdraw(run: LoanRun, message: Unsent, place: int, why: dict[str, Any]) -> None:
    run.state.attempts.pop(message.message_id, None)
    step = next((s for s in run.ladder.policy.steps if s.name == message.step), None)
    running = run.state.running
    run.lines.append(
        Line(
            run.now, run.loan.borrower_id, run.loan.loan_id, WITHDRAWN, (why,), instalment=message.instalment,
            episode=None if running is None else running + 1, step=message.step, occurrence=message.occurrence,
            channel=message.channel, place=0 if step is None else step.place, message_id=message.message_id,
            policy=run.state.version,
        )
    )  # fmt: skip


def _unsettle(run: LoanRun, message: Unsent, place: int) -> None:
    """The step is open again; what was settled last keeps its day, so nothing comes sooner for it (rule 4)."""
    state = run.state
    ref = f"{message.loan_id}/{message.instalment}/{message.step}"
    state.offers = tuple(m for m in state.offers if m.ref != ref)
    episode = state.episode
    if episode is not None and message.step in episode.settled:
        del episode.settled[message.step]
        episode.pending[message.step] = run.now
        run.ladder.changed()
    elif message.step in state.before.get(place, {}):
        del state.before[place][message.step]
