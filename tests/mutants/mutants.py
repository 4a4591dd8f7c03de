"""Ways to get each rule wrong: faults, each put into ``policies`` in process and taken out again.

Each fault is one that a hurried change could make, in the function where the rule lives.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from policies import decide, judging, known, loan_run, reviews
from policies.compliance.dossier import Contact
from policies.contract import Step
from policies.ladder import Ladder, Passed
from policies.loan_run import LoanRun, Proposal
from policies.outcome import CURED
from policies.pace import Pace
from policies.situation import Situation
from policies.stops import Stops
from tests.property.examine import patched


@contextmanager
def days_past_due_from_zero() -> Iterator[None]:
    """Rule 1: the first day past due counts as none."""
    real = known.loan_facts

    def facts(run: LoanRun) -> dict[str, Any]:
        found = real(run)
        return {**found, "days_past_due": max(0, found["days_past_due"] - 1)}

    with patched(loan_run, "loan_facts", facts):
        yield


@contextmanager
def missed_early_steps_are_made_up_for() -> Iterator[None]:
    """Rule 2: a step before ``due`` is not void when a later one comes due, nor when its time was never to come."""
    with patched(Ladder, "_voids_before_due", lambda self, place, limit: None):
        yield


@contextmanager
def last_step_first() -> Iterator[None]:
    """Rule 3: of the steps that are open the second is taken, not the first; much else goes wrong with it."""
    real = Pace.current

    def current(self: Pace) -> Step | None:
        episode = self.state.episode
        if episode is None:
            return None
        left = [s for s in self.after_due if s.name not in episode.settled]
        return left[1] if len(left) > 1 else real(self)

    with patched(Pace, "current", current):
        yield


@contextmanager
def conditions_are_not_tested() -> Iterator[None]:
    """Rule 3: a step is done whether its ``when`` holds or not."""
    real = judging.judge

    def judge(run: LoanRun, proposal: Proposal) -> None:
        real(run, proposal._replace(step=replace(proposal.step, when=None)))

    with patched(decide, "judge", judge):
        yield


@contextmanager
def no_notice() -> Iterator[None]:
    """Rule 4: a step keeps its own time, however late the one before it was."""

    def time(self: Pace, step: Step) -> int | None:
        episode, place = self.state.episode, self.state.chased
        assert episode is not None and place is not None
        own = self.own_time(step, place)
        day = self._notice_day(self.day_of(step, place), place, episode)
        return None if day is None else max(own, episode.pending.get(step.name, own))

    with patched(Pace, "time", time):
        yield


@contextmanager
def late_at_once() -> Iterator[None]:
    """Rule 5: a late step is judged at once, at whatever time of day."""

    def judge_at(self: Pace, step: Step, time: int, now: int, *, any_hour: bool = False) -> int | None:
        when = max(time, now)
        while (free := self.stops.free_from(when)) is not None:
            day = self.zone.day(free)
            if not self._quiet(day):
                return free
            when = self.zone.instant(day + 1)
        return None

    with patched(Pace, "judge_at", judge_at):
        yield


@contextmanager
def no_quiet_day() -> Iterator[None]:
    """Rule 6: the day of a reversal or a return is a day like any other."""
    with patched(Pace, "_quiet", lambda self, day: False):
        yield


@contextmanager
def side_steps_outlive_the_cure() -> Iterator[None]:
    """Rule 7: a cure does not withdraw what hangs on the episode's steps."""
    real = Ladder._cure

    def cure(self: Ladder, when: int) -> None:
        sides = self.state.sides
        real(self, when)
        self.state.sides = sides

    with patched(Ladder, "_cure", cure):
        yield


@contextmanager
def hand_off_without_notice() -> Iterator[None]:
    """Rule 8: a hand-off does not look at how the message before it ended."""
    with patched(judging, "_message_before", lambda run, step: None):
        yield


@contextmanager
def holds_only_cost_time() -> Iterator[None]:
    """Rule 9: a hold delays notice, but a step whose time has come is judged in it."""

    def free_from(self: Stops, when: int) -> int | None:
        return when

    with patched(Stops, "free_from", free_from):
        yield


@contextmanager
def each_loan_by_itself() -> Iterator[None]:
    """Rule 10: what one loan sends does not count for the caps of the next one at the same instant."""

    def contact(self: Situation, key: str, channel: str, loan_id: str) -> None:
        self.made.append(Contact(self.now, key, channel, (loan_id,)))

    with patched(Situation, "contact", contact):
        yield


@contextmanager
def early_steps_vanish() -> Iterator[None]:
    """Rule 11: an instalment paid before its date takes its open steps with it without a word."""
    with patched(Ladder, "_superseded", lambda self, when, place: None):
        yield


@contextmanager
def silent_cure() -> Iterator[None]:
    """Rule 11: a cure does not say which steps it superseded."""
    real = LoanRun._tell

    def tell(self: LoanRun, passed: Passed) -> None:
        real(self, passed)
        line = self.lines[-1]
        if line.outcome == CURED:
            line.because[0]["superseded"] = []

    with patched(LoanRun, "_tell", tell):
        yield


@contextmanager
def newest_version_always() -> Iterator[None]:
    """Rule 12: an episode takes the version that is current when it begins."""
    real = Ladder._begin

    def begin(self: Ladder, when: int, *, returned: bool = False) -> None:
        self._pin(when)
        real(self, when, returned=returned)

    with patched(Ladder, "_begin", begin):
        yield


@contextmanager
def nobody_is_told() -> Iterator[None]:
    """Rule 13: a ladder that has said its last word is not reported."""
    real = reviews.due

    def due(run: LoanRun, wakes: list[int]) -> list[str]:
        return [reason for reason in real(run, wakes) if reason != "ladder_ended"]

    with patched(reviews, "due", due):
        yield
