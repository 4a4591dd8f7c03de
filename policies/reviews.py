"""When a loan is reported for review although nothing was wrong: no ladder goes on for ever (rule 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from policies.facts import Instant

if TYPE_CHECKING:
    from policies.loan_run import LoanRun

STOPPED_DAYS = 90


def due(run: LoanRun, wakes: list[Instant]) -> list[str]:
    """The reasons for a report now; ``wakes`` gets the instants at which another would be due."""
    state = run.state
    episode = state.episode
    if episode is None:
        return []
    zone = run.situation.zone
    found = []
    if run.ladder.current() is None and not state.sides:
        found.append("ladder_ended")
    stops = run.ladder.stops
    wakes += [hold.start for hold in stops.holds if hold.start > run.now]
    since = stops.since(run.now)
    if since is not None and (stopped := f"stopped_{STOPPED_DAYS}_days:{since}") not in episode.reported:
        at = zone.instant(zone.day(since) + STOPPED_DAYS)
        if at > run.now:
            wakes.append(at)
        else:
            found.append(stopped)
    at = zone.instant(zone.day(episode.start) + run.ladder.policy.review_after)
    if at > run.now:
        wakes.append(at)
    else:
        found.append("episode_days")
    if not found:
        return []
    fresh = [reason for reason in found if reason not in episode.reported]
    episode.reported += tuple(fresh)
    return [reason.partition(":")[0] for reason in fresh]
