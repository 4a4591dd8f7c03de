"""What becomes of a step that can be judged now: done, skipped, deferred, suppressed, handed off, or sent to review."""

from __future__ import annotations

from typing import Any

from policies import offers
from policies.asking import ask, send_by
from policies.calendar import add
from policies.compliance.guard import Verdict
from policies.compose import language_of, message_id, variables
from policies.contract import Step
from policies.facts import Instant
from policies.loan_run import AFTER, BEFORE, FALLBACK, SIDE, LoanRun, Proposal, side_key
from policies.outcome import (
    DEFERRED,
    HAND_OFF,
    HOLD,
    OFFER,
    REVIEW,
    SENT,
    SKIPPED,
    SUPPRESSED,
    VOID,
    Because,
    Line,
)  # fmt: skip
from policies.state import DONE, FAILED, Attempt, Deferred, Made, Settled

REVIEW_AFTER = {VOID: "message_void", SUPPRESSED: "message_suppressed", FAILED: "message_failed"}


def judge(run: LoanRun, proposal: Proposal) -> None:
    """Judge one proposal afresh; what comes of it is in the run's lines and state."""
    if proposal.kind == FALLBACK:
        _fall_back(run, proposal)
        return
    step = proposal.step
    if proposal.kind == SIDE and proposal.side is not None and _side_is_void(run, proposal):
        return
    if step.when is not None and not step.when.test(run.facts()):
        _skip(run, proposal, {"rule": "L3", "when": step.when.text, "facts": list(step.when.names)})
        return
    review = None
    if step.hand_off is not None:
        before = _message_before(run, step)
        if before == SKIPPED:
            _skip(run, proposal, {"rule": "L8", "reason": "message_skipped"})
            return
        review = REVIEW_AFTER.get(before or "")
    made = None
    if step.offer is not None:
        made = _terms(run, proposal, step.offer)
        if made is None:
            _skip(run, proposal, {"rule": "OFFER-FLOOR", "offer": step.offer})
            return
    if step.send is not None and not _send(run, proposal, made):
        return
    _take_effect(run, proposal, made, review)


def _side_is_void(run: LoanRun, proposal: Proposal) -> bool:
    """A side step whose time had come when its anchor got its date, or whose ``within`` has passed, is void."""
    side, step = proposal.side, proposal.step
    assert side is not None  # noqa: S101 - asked for side steps only
    ended = step.within is not None and run.ladder.end_of(proposal.time, step) <= run.now
    if proposal.time > side.since and not ended:
        return False
    run.tell_void(step, side.place, "L3" if ended else "L2")
    _settle(run, proposal, VOID)
    return True


def _message_before(run: LoanRun, step: Step) -> str | None:
    """How the last ``send`` step after ``due`` before this one ended (rule 8)."""
    episode = run.state.episode
    if episode is None:
        return None
    for earlier in reversed(run.ladder.after_due):
        if earlier.place < step.place and earlier.send is not None:
            settled = episode.settled.get(earlier.name)
            return None if settled is None else settled.outcome
    return None


def _terms(run: LoanRun, proposal: Proposal, name: str) -> Made | None:
    number = run.number(proposal.place)
    return offers.make(
        run.ladder.policy.offers[name],
        f"{run.loan.loan_id}/{number}/{proposal.step.name}",
        run.ladder.facts.unpaid_components(run.now),
        run.now,
        run.situation.zone,
        run.ladder.business,
    )


# --- messages ---------------------------------------------------------------------------------------------------


def _send(run: LoanRun, proposal: Proposal, made: Made | None) -> bool:
    """Put the step's messages in the outbox; False where the guard defers it or no channel can carry it."""
    step = proposal.step
    send = step.send
    assert send is not None  # noqa: S101 - asked for steps that send
    answer = ask(run, step, proposal.kind == BEFORE, made, send.channels)
    if answer.wait is not None:
        _defer(run, proposal, _key(proposal), answer.wait)
        return False
    if not answer.carry:
        if send.every:
            for channel, why in answer.refused:
                _line(run, proposal, SUPPRESSED, why, channel=channel, channel_place=send.channels.index(channel))
        else:
            _line(run, proposal, SUPPRESSED, tuple(one for _, why in answer.refused for one in why))
        _settle(run, proposal, SUPPRESSED)
        return False
    occurrence = proposal.side.occurrence if proposal.side is not None else run.occurrence(step, proposal.place)
    contact = f"{run.loan.loan_id}/{run.number(proposal.place)}/{step.name}/{occurrence}"
    if made is not None:
        _line(run, proposal, OFFER, ({"rule": "L11", "offer": made.offer},), until=made.expires)
    if send.every:
        for channel, why in answer.refused:
            _line(run, proposal, SUPPRESSED, why, channel=channel, channel_place=send.channels.index(channel))
    left: tuple[str, ...] = ()
    if not send.every:
        tried = answer.carry + _names(answer.refused)
        left = tuple([channel for channel in send.channels if channel not in tried])
    for channel in answer.carry:
        sent_id = _message(run, proposal, channel, send.channels.index(channel), made, occurrence, contact)
        _attempted(run, sent_id, Attempt(step.name, proposal.place, occurrence, run.state.running, left))
        run.situation.contact(contact, channel, run.loan.loan_id)
    key = f"{proposal.place}:{step.name}"
    run.state.sent[key] = run.state.sent.get(key, 0) + 1
    return True


def _names(refused: tuple[tuple[str, Because], ...]) -> tuple[str, ...]:
    return tuple([channel for channel, _ in refused]) if refused else ()


def _message(
    run: LoanRun, proposal: Proposal, channel: str, place: int, made: Made | None, occurrence: int, contact: str
) -> str:
    policy, person, loan, step = run.ladder.policy, run.situation.person, run.loan, proposal.step
    assert step.send is not None  # noqa: S101 - asked for steps that send
    language = language_of(person, policy)
    instalment = loan.instalments[proposal.place]
    values = variables(
        person, policy, loan.loan_id, loan.product, loan.currency, instalment.due_on, run.facts(),
        made if made is not None else _offer_of(run, proposal), run.situation.link_base,
    )  # fmt: skip
    subject, body = policy.templates[(step.send.message, channel, language)](values)
    sent_id = message_id(loan.loan_id, instalment.number, step.name, occurrence, channel)
    _line(
        run, proposal, SENT, _because(run, proposal), channel=channel, channel_place=place, occurrence=occurrence,
        message=step.send.message, language=language, to=run.situation.reach.addresses[channel], subject=subject,
        body=body, message_id=sent_id, contact=contact,
        send_by=send_by(run, step, proposal.kind == BEFORE, made, channel),
    )  # fmt: skip
    return sent_id


def _offer_of(run: LoanRun, proposal: Proposal) -> Made | None:
    """The offer that a side step hangs on, also when it can no longer be taken."""
    if proposal.side is None:
        return None
    return next((made for made in run.state.offers if made.ref == proposal.side.offer), None)


def _fall_back(run: LoanRun, proposal: Proposal) -> None:
    """The message failed for good: the step's next channel, checked against holds, cure and law again (rule 10)."""
    attempt, failed_id = proposal.attempt, proposal.failed_id
    assert attempt is not None and failed_id is not None  # noqa: S101 - a fallback has both
    step = proposal.step
    send = step.send
    assert send is not None  # noqa: S101 - only a step that sends can fail to
    answer = ask(run, step, attempt.episode is None, None, attempt.left)
    if answer.wait is not None:
        _defer(run, proposal, failed_id, answer.wait)
        return
    del run.state.attempts[failed_id]
    run.state.deferred.pop(failed_id, None)
    if not answer.carry:
        _fail(run, attempt)
        return
    channel = answer.carry[0]
    left = tuple(c for c in attempt.left if c not in (channel, *_names(answer.refused)))
    number = run.number(attempt.place)
    contact = f"{run.loan.loan_id}/{number}/{attempt.step}/{attempt.occurrence}/{channel}"
    place = send.channels.index(channel)
    sent_id = _message(run, proposal, channel, place, None, attempt.occurrence, contact)
    _attempted(run, sent_id, attempt._replace(left=left))
    run.situation.contact(contact, channel, run.loan.loan_id)


def _attempted(run: LoanRun, sent_id: str, attempt: Attempt) -> None:
    """Remember a message whose failure would matter: for its next channel, or for a hand-off behind it."""
    if attempt.left or any(step.hand_off for step in run.ladder.after_due):
        run.state.attempts[sent_id] = attempt


def _fail(run: LoanRun, attempt: Attempt) -> None:
    """A channel failed and none is left: once all have, a hand-off behind the step goes to review (rule 8)."""
    if any(a[:3] == attempt[:3] for a in run.state.attempts.values()):
        return
    episode = run.state.episode
    if episode is not None and attempt.episode == run.state.running:
        settled = episode.settled.get(attempt.step)
        if settled is not None and settled.outcome == DONE:
            episode.settled[attempt.step] = settled._replace(outcome=FAILED)


# --- outcomes ---------------------------------------------------------------------------------------------------


def _take_effect(run: LoanRun, proposal: Proposal, made: Made | None, review: str | None) -> None:
    """The step is done: its offer, hold and hand-off take effect, and what hangs on it gets its date."""
    step, state, now = proposal.step, run.state, run.now
    zone = run.situation.zone
    if made is not None:
        if step.send is None:
            _line(run, proposal, OFFER, ({"rule": "L11", "offer": made.offer},), until=made.expires)
        state.offers += (made,)
    if step.hold is not None:
        until = None
        if step.hold.duration is not None:
            until = zone.instant(add(zone.day(now), step.hold.duration, run.ladder.business))
        hold_id = f"{run.loan.loan_id}/{run.number(proposal.place)}/{step.name}"
        state.holds += ((hold_id, now, until),)
        run.ladder.stop(hold_id, now, until)
        _line(run, proposal, HOLD, _because(run, proposal), until=until)
    _settle(run, proposal, DONE)
    if made is not None:
        run.anchored("offer.made", zone.day(now), proposal.place, made.ref)
        run.anchored("offer.expires", made.last_day, proposal.place, made.ref)
    if step.hand_off is not None:
        _hand_off(run, proposal, review)


def _hand_off(run: LoanRun, proposal: Proposal, review: str | None) -> None:
    step, state = proposal.step, run.state
    episode = state.episode
    left = [s.name for s in run.ladder.after_due if episode is None or s.name not in episode.settled]
    because: dict[str, Any] = {"rule": "L8", "hand_off": step.hand_off if review is None else "review"}
    if review is not None:
        because["reason"] = review
        because["instead_of"] = step.hand_off
    because["superseded"] = left + [side.step for side in state.sides]
    outcome = REVIEW if review is not None else HAND_OFF
    _line(run, proposal, outcome, (because,))
    state.handed = run.now
    state.sides = ()
    state.attempts.clear()
    state.deferred.clear()


def _skip(run: LoanRun, proposal: Proposal, why: dict[str, Any]) -> None:
    _line(run, proposal, SKIPPED, (why,))
    _settle(run, proposal, SKIPPED)


def _defer(run: LoanRun, proposal: Proposal, key: str, verdict: Verdict) -> None:
    assert verdict.until is not None and verdict.rule is not None  # noqa: S101 - a deferral has both
    bound = [verdict.rule, *(r for r in verdict.rules if r is not verdict.rule)]
    run.state.deferred[key] = Deferred(verdict.until, verdict.rule.rule_id)
    _line(run, proposal, DEFERRED, tuple({"rule": r.rule_id} for r in bound), until=verdict.until)


def _key(proposal: Proposal) -> str:
    return proposal.step.name if proposal.side is None else side_key(proposal.side)


def _settle(run: LoanRun, proposal: Proposal, outcome: str) -> None:
    state, step = run.state, proposal.step
    settled = Settled(outcome, run.now, proposal.place)
    state.deferred.pop(_key(proposal), None)
    if proposal.kind == AFTER:
        episode = state.episode
        assert episode is not None  # noqa: S101 - a step after due belongs to an episode
        episode.settle(step.name, settled)
        run.ladder.changed()
    elif proposal.kind == BEFORE:
        state.before.setdefault(proposal.place, {})[step.name] = settled
    else:
        state.sides = tuple(s for s in state.sides if s is not proposal.side)
    if outcome == DONE:
        run.anchored(f"{step.name}.done", run.situation.zone.day(run.now), proposal.place)
    else:
        run.anchor_lost(step)


def _because(run: LoanRun, proposal: Proposal) -> Because:
    """Which rule set the time of the step: its own (L2, L3), notice (L4), or that it was late (L5)."""
    rule = "L2" if proposal.kind == BEFORE else "L3"
    if proposal.kind == FALLBACK:
        return ({"rule": "L10", "reason": "channel_failed"},)
    if _key(proposal) in run.state.deferred:
        return ({"rule": "L10"}, {"rule": rule})
    if proposal.time < run.now:
        return ({"rule": "L5"}, {"rule": rule})
    if proposal.kind == AFTER and proposal.time > run.ladder.own_time(proposal.step, proposal.place):
        return ({"rule": "L4"}, {"rule": rule})
    return ({"rule": rule},)


def _line(
    run: LoanRun, proposal: Proposal, outcome: str, because: Because, *, channel: str | None = None,
    channel_place: int = -1, occurrence: int | None = None, until: Instant | None = None, message: str | None = None,
    language: str | None = None, to: str | None = None, subject: str | None = None, body: str | None = None,
    message_id: str | None = None, send_by: Instant | None = None, contact: str | None = None,
) -> None:  # fmt: skip
    step, state = proposal.step, run.state
    if occurrence is None:
        side = proposal.side
        occurrence = side.occurrence if side is not None else run.occurrence(step, proposal.place)
    running = None if proposal.kind == BEFORE or state.running is None else state.running + 1
    run.lines.append(
        Line(
            run.now, run.loan.borrower_id, run.loan.loan_id, outcome, because, run.number(proposal.place), running,
            step.name, occurrence, channel, message, language, to, subject, body, until, step.place, channel_place,
            message_id, state.version, send_by, contact, run.ladder.dues[proposal.place], proposal.time,
        )
    )  # fmt: skip
