"""SIGKILL at seeded moments, against a provider that misbehaves by seed: the invariants hold by the provider's record.

``python -m tests.faults --seed N`` repeats a run; ``make faults`` does it over 2,000 loans with 500 kills.
"""

from __future__ import annotations

from pathlib import Path

from tests.faults.invariants import check
from tests.faults.kills import JUMP, SERVE, Plan, run, seed_from

SEED = seed_from("DULY_FAULTS_SEED", 20260105)


def test_a_run_from_wake_to_wake_survives_being_killed(database_url: str, tmp_path: Path) -> None:
    print(f"seed {SEED}; python -m tests.faults --seed {SEED} --short repeats it")  # noqa: T201 - to be repeated
    run(Plan(SEED, JUMP, persons=24, kills=5, longest_s=0.4), database_url, tmp_path, check=check)


def test_a_daemon_survives_being_killed(database_url: str, tmp_path: Path) -> None:
    print(f"seed {SEED}; python -m tests.faults --seed {SEED} --short repeats it")  # noqa: T201 - to be repeated
    run(Plan(SEED, SERVE, persons=24, kills=5, longest_s=0.4, factor=80_000), database_url, tmp_path, check=check)
