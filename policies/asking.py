"""Asks the guard which channels of a step may carry its message now (rule 10), and until when they may."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from policies.compliance.content import NO_INITIAL
from policies.compliance.dossier import Asked
from policies.compliance.guard import DEFER, SEND, Verdict, closes, judge, judge_by
from policies.compliance.packs import packs_of
from policies.compliance.plan import RuleBook
from policies.compose import language_of
from policies.contract import Step
from policies.facts import Instant
from policies.state import Made

if TYPE_CHECKING:
    from policies.loan_run import LoanRun

NONE: frozenset[str] = frozenset()


class Answer(NamedTuple):
    """What the guard says of a step's channels.

    ``carry`` are those that take the message now, in order. ``refused`` says of each that never can which rules
    close it, the binding one first. ``wait`` is the deferral, where the step has to wait.
    """

    carry: tuple[str, ...] = ()
    refused: tuple[tuple[str, tuple[dict[str, Any], ...]], ...] = ()
    wait: Verdict | None = None


def ask(run: LoanRun, step: Step, pre_due: bool, made: Made | None, channels: Sequence[str]) -> Answer:
    """Which of ``channels`` may carry the step's message now: the first that may, or each, where it names them all."""
    assert step.send is not None  # noqa: S101 - asked for steps that send
    closed = run.situation.reach.closed
    refused: list[tuple[str, tuple[dict[str, Any], ...]]] = []
    waiting: list[tuple[str, Verdict]] = []
    good: list[str] = []
    for channel in channels:
        why = closed.get(channel)
        if why is not None:
            refused.append((channel, ({"rule": why, "channel": channel},)))
            continue
        verdict = judge_channels(run, step, pre_due, made, (channel,))
        if verdict.decision == SEND:
            good.append(channel)
            if not step.send.every:
                return Answer((channel,), tuple(refused))
        elif verdict.decision == DEFER:
            waiting.append((channel, verdict))
        else:
            refused.append((channel, _rules(verdict)))
    if step.send.every and (good or waiting):
        open_yet = tuple(c for c in channels if c in good or any(c == one for one, _ in waiting))
        return _all_of_them(run, step, pre_due, made, open_yet, refused)
    if waiting:
        return Answer((), tuple(refused), min((v for _, v in waiting), key=lambda v: v.until or 0))
    return Answer((), tuple(refused))


def _all_of_them(
    run: LoanRun, step: Step, pre_due: bool, made: Made | None, channels: tuple[str, ...],
    refused: list[tuple[str, tuple[dict[str, Any], ...]]],
) -> Answer:  # fmt: skip
    verdict = judge_channels(run, step, pre_due, made, channels)
    if verdict.decision == SEND:
        return Answer(channels, tuple(refused))
    if verdict.decision == DEFER:
        return Answer((), tuple(refused), verdict)
    return Answer((), (*refused, *((channel, _rules(verdict)) for channel in channels)))


def _rules(verdict: Verdict) -> tuple[dict[str, Any], ...]:
    found: list[dict[str, Any]] = [{"rule": rule.rule_id} for rule in verdict.rules]
    if verdict.reason is not None and verdict.reason != "forbidden":
        found[0]["reason"] = verdict.reason
    return tuple(found)


def judge_channels(
    run: LoanRun, step: Step, pre_due: bool, made: Made | None, channels: tuple[str, ...], but: str | None = None
) -> Verdict:
    """The guard's verdict on these channels of a step, together; ``but`` is a contact that does not count."""
    book, situation = book_of(run), run.situation
    asked = [asked_of(run, book, step, pre_due, made, channel) for channel in channels]
    if but is None:
        return judge_by(situation.view(book), asked)
    counted = [contact for contact in situation.history if contact.key != but]
    return judge(asked, situation.dossier._replace(contacts=counted), book, run.now)


def send_by(run: LoanRun, step: Step, pre_due: bool, made: Made | None, channel: str) -> Instant | None:
    """Until when a message that is decided now may leave."""
    book = book_of(run)
    return closes(asked_of(run, book, step, pre_due, made, channel), run.situation.view(book))


def book_of(run: LoanRun) -> RuleBook:
    """The packs in force: those of the policy, of the borrower's region, and the house rules."""
    policy = run.ladder.policy
    return packs_of(policy.rules, run.situation.person.region, house=policy.house)


def asked_of(run: LoanRun, book: RuleBook, step: Step, pre_due: bool, made: Made | None, channel: str) -> Asked:
    """The contact that a step proposes by one channel, as the guard is asked about it."""
    policy, situation = run.ladder.policy, run.situation
    assert step.send is not None  # noqa: S101 - asked for steps that send
    return _asked(
        policy.actor,
        policy.first_party_as_collector,
        channel,
        pre_due,
        run.loan.loan_id,
        situation.reach.addresses.get(channel),
        _content(run, step.send.message, channel),
        None if made is None else (made.expires, made.last_day),
        run.facts()["days_past_due"] if "days_past_due" in book.facts else None,
    )


def _content(run: LoanRun, message: str, channel: str) -> frozenset[str]:
    """The classes of content of the text; that a first message lacks what it must say counts for the first only."""
    policy, situation = run.ladder.policy, run.situation
    found = policy.contents.get((message, channel, language_of(situation.person, policy)), NONE)
    history, loan_id = situation.history, run.loan.loan_id
    if NO_INITIAL in found and history and any(not c.inbound and loan_id in c.debts for c in history):
        return found - {NO_INITIAL}
    return found


@lru_cache(maxsize=4096)
def _asked(
    actor: str, as_collector: bool, channel: str, pre_due: bool, loan_id: str, address: str | None,
    content: frozenset[str], offer: tuple[Instant, int] | None, days_past_due: int | None,
) -> Asked:  # fmt: skip
    purpose = "settlement_offer" if offer is not None else "early_warning" if pre_due else "reminder"
    ends, last_day = offer or (None, None)
    return Asked(
        channel, purpose, "pre_due" if pre_due else "past_due", actor, loan_id, address=address, content=content,
        offer_ends=ends, offer_last_day=last_day, days_past_due=days_past_due, as_collector=as_collector,
    )  # fmt: skip
