"""The clock of a machine that jumps: days are an outage, months are not served, and back in time nothing is older."""

from __future__ import annotations

import io
import json
from collections.abc import Callable

import pytest

from policies.calendar import zone
from policies.facts import SECOND
from scheduler import gate
from scheduler.bootstrap import configure_logging
from scheduler.clock import SystemClock
from scheduler.store.database import connect
from tests.integration.daemon.serving import Serving
from tests.integration.outbox import DAY, HOUR, at


def jump(serving: Serving, by: int) -> Callable[[], bool]:
    def jumped() -> bool:
        serving.clock.at += by
        return True

    return jumped


def jumps(serving: Serving) -> list[int]:
    rows = serving.rows("SELECT entry FROM journal WHERE kind = 'clock_jump' ORDER BY xact, entry_id")
    return [json.loads(row[0])["seconds"] for row in rows]


def times(serving: Serving) -> list[object]:
    rows = serving.rows(
        "SELECT at FROM journal WHERE kind NOT IN ('imported', 'published', 'ledger_key') ORDER BY xact, entry_id"
    )
    return [row[0] for row in rows]


def test_three_days_forward_are_an_outage_with_an_alarm(serving: Serving) -> None:
    log = io.StringIO()
    configure_logging(SystemClock(), stream=log)
    serving.clock.at = at(2, 11)
    serving.serve(
        lambda: serving.count("looked") == 1,
        jump(serving, 3 * DAY),
        lambda: jumps(serving) == [3 * 86_400],
        lambda: serving.count("hand_over") >= 1,
        lambda: "queued" not in serving.states(),
    )
    assert "the clock jumped far ahead; this is treated as an outage" in log.getvalue()
    steps = [json.loads(row[0])["step"] for row in serving.rows("SELECT entry FROM journal WHERE kind = 'decision'")]
    assert len(steps) == len(set(steps)) == 1


@pytest.mark.parametrize("years", [1, 10])
def test_a_jump_of_years_halts_it_and_sends_nothing_until_the_clock_is_right_again(
    serving: Serving, years: int
) -> None:
    seen: list[str] = []
    serving.clock.at = at(3, 9)

    def halted() -> bool:
        if serving.daemon.gate.halted is not None:
            seen.append(serving.daemon.gate.halted)
        return len(seen) > 20

    serving.serve(
        lambda: serving.count("looked") == 1 and serving.rows("SELECT now_at IS NOT NULL FROM clock") == [(True,)],
        jump(serving, years * 365 * DAY),
        halted,
        lambda: serving.states() == [] and serving.count("decision") == 0,
        jump(serving, HOUR - years * 365 * DAY),
        lambda: serving.states() == ["sent"],
    )
    assert f"{years * 365:,} days after what was served last" in seen[0] and "--accept-clock" in seen[0]
    assert serving.daemon.gate.halted is None
    assert len(serving.provider.taken) == 1
    assert len(jumps(serving)) == 2 and times(serving) == sorted(times(serving))


def test_a_start_far_after_the_last_decision_halts_too_and_goes_on_once_accepted(serving: Serving) -> None:
    serving.serve(lambda: serving.states() == ["sent"])
    decided = serving.count("decision")
    serving.do("UPDATE clock SET now_at = NULL")  # a database of a version that kept no mark
    serving.clock.at = at(3, 10) + 400 * DAY

    def accepted() -> bool:
        with connect(serving.url) as connection:
            gate.accept(connection, 0, serving.clock.at, by="an operator")
        return True

    looks: list[int] = []
    serving.serve(
        lambda: serving.daemon.gate.halted is not None,
        lambda: looks.append(serving.count("decision") - decided) or len(looks) > 20,
        accepted,
        lambda: serving.daemon.gate.halted is None and serving.count("decision") > decided,
    )
    assert set(looks) == {0}
    ((entry,),) = serving.rows("SELECT entry FROM journal WHERE kind = 'clock_accepted'")
    assert json.loads(entry)["by"] == "an operator"


def test_two_hours_back_nothing_is_decided_twice_and_no_entry_is_older_than_one_before(serving: Serving) -> None:
    serving.serve(
        lambda: serving.states() == ["sent"],
        jump(serving, -2 * HOUR),
        lambda: jumps(serving) == [-7_200],
        lambda: serving.do("UPDATE borrower SET revision = revision + 1, wake_at = '2026-03-03T08:30:00Z'"),
        lambda: serving.count("looked") == 1,
        lambda: serving.daemon.gate.behind_s == 7_200,
        jump(serving, 3 * HOUR),
        lambda: serving.daemon.gate.behind_s == 0,
    )
    assert serving.count("decision") == len(serving.provider.taken) == 1
    assert times(serving) == sorted(times(serving))


def test_what_is_decided_while_the_clock_is_behind_leaves_when_it_has_caught_up(serving: Serving) -> None:
    serving.clock.at = at(3, 9)
    seen: list[list[str]] = []
    serving.serve(
        lambda: serving.count("looked") == 1,
        lambda: serving.do("UPDATE clock SET now_at = '2026-03-03T10:00:00Z'"),
        lambda: serving.states() == ["queued"],
        lambda: seen.append(serving.states()) or len(seen) > 20,
        jump(serving, HOUR),
        lambda: serving.states() == ["sent"],
    )
    assert all(one == ["queued"] for one in seen)
    assert len(serving.provider.taken) == 1


def test_the_mark_does_not_move_for_a_clock_that_is_not_served(serving: Serving) -> None:
    serving.serve(lambda: serving.states() == ["sent"])
    with connect(serving.url) as connection:
        mark = gate.read(connection, 0).mark
        assert mark == at(3, 10)
        far = gate.Gate(type(serving.clock)(at(3, 10) + 31 * DAY), 0, 1)
        far.mark(connection)
        assert gate.read(connection, 0).mark == mark
        near = gate.Gate(type(serving.clock)(at(3, 10) + 29 * DAY), 0, 1)
        near.mark(connection)
        assert gate.read(connection, 0).mark == at(3, 10) + 29 * DAY


@pytest.mark.parametrize(("days", "far"), [(-1, False), (0, False), (30, False), (31, True), (3_650, True)])
def test_a_month_is_how_far_a_clock_may_have_gone_on_alone(days: int, far: bool) -> None:
    said = gate.too_far(at(3, 10) + days * DAY, at(3, 10))
    assert (said is not None) == far
    if said is not None:
        assert f"{days:,} days after what was served last (2026-03-03T10:00:00+00:00)" in said
        assert zone("UTC").iso(at(3, 10) + days * DAY) in said


def test_a_database_that_served_nothing_yet_takes_any_clock() -> None:
    assert gate.too_far(at(3, 10), None) is None
    assert gate.behind_s(at(3, 10), None) == gate.behind_s(at(3, 11), at(3, 10)) == 0
    assert gate.behind_s(at(3, 10), at(3, 10) + 5 * SECOND) == 5
