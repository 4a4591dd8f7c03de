"""SIGKILL at seeded moments, against a provider that misbehaves by seed: the invariants hold by the provider's record.

``python -m tests.faults --seed N`` repeats a run; ``make faults`` does it over 2,000 loans with 500 kills.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.invariants import check
from tests.faults.kills import SERVE, SHORT, Plan, run, seed_from

SEED = seed_from("DULY_FAULTS_SEED", 20260105)


# A daemon at eighty thousand times the speed: on a full host a second in the air is most of a day. It needs room.
@pytest.mark.parametrize(
    "plan", [pytest.param(one, marks=pytest.mark.long) if one.manner == SERVE else one for one in SHORT],
    ids=lambda plan: plan.manner,
)  # fmt: skip
def test_the_invariants_hold_however_often_the_service_is_killed(
    plan: Plan, database_url: str, tmp_path: Path
) -> None:  # fmt: skip
    print(f"python -m tests.faults --short --only {plan.manner} --seed {SEED}")  # noqa: T201 - to be repeated
    run(replace(plan, seed=SEED), database_url, tmp_path, check=check)
