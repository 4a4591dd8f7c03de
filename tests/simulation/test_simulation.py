"""Ten seeds hold every invariant; a seed is the same run each time; and each fault planted is found."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import psycopg
import pytest

from scheduler.store.database import conninfo_of
from scheduler.store.embedded import Server
from tests.simulation import mutants
from tests.simulation.connection import COMMIT, CUT, CUT_AFTER, GO
from tests.simulation.model import Accepted, Model
from tests.simulation.process import open_connection
from tests.simulation.server import fresh_database
from tests.simulation.simulation import Breach, Simulation

SEEDS = range(1, 11)
DAYS = 12
"""Shorter than in ``make simulation``."""
MOST_SEEDS_TO_FIND = 20


def simulated(server: Server, template: str, home: Path, seed: int) -> Simulation:
    """One seed, run to its end. Raises Breach."""
    home.mkdir(exist_ok=True)
    with fresh_database(server, template) as url:
        run = Simulation(seed, url, home, days=DAYS)
        run.run()
        return run


@pytest.mark.parametrize("seed", SEEDS)
def test_the_invariants_hold_after_every_step_and_at_the_end(
    server: Server, migrated_template: str, tmp_path: Path, seed: int
) -> None:
    run = simulated(server, migrated_template, tmp_path, seed)
    assert run.model.accepted and run.lender.acknowledged


def test_a_seed_is_the_same_run_each_time(server: Server, migrated_template: str, tmp_path: Path) -> None:
    first, second = (simulated(server, migrated_template, tmp_path / name, 4) for name in ("first", "second"))
    assert first.trace == second.trace
    assert first.digest == second.digest


@pytest.mark.parametrize("invariant", mutants.MUTANTS)
def test_a_planted_fault_is_found(
    server: Server, migrated_template: str, tmp_path: Path, invariant: str
) -> None:  # fmt: skip
    found = None
    with mutants.MUTANTS[invariant]():
        for seed in range(1, MOST_SEEDS_TO_FIND + 1):
            try:
                simulated(server, migrated_template, tmp_path / str(seed), seed)
            except Breach as breach:
                found = str(breach)
                break
    assert found is not None, f"{MOST_SEEDS_TO_FIND} seeds hold although {invariant} is broken"
    head, _, rest = found.partition("\n")
    assert f": {invariant}: " in head and head.startswith("seed ")
    assert "python -m tests.simulation --seed" in rest


def test_the_model_knows_a_breach_of_each_kind_when_it_sees_one() -> None:
    model = Model()
    model.borrower("P1", "Europe/London", "+1")
    model.loan("L1", "P1", [(date(2026, 3, 1), 100)])
    noon = 1_773_828_000_000_000

    def sends(message: str, step: str, at: int) -> list[str]:
        found = model.accept(Accepted(message, "sms", "+1", "P1", "L1", step, at), again=False)
        return [one[:2] for one in found]

    assert sends("m1", "first", noon) == []
    assert sends("m1", "first", noon)[0] == "I1"
    model.acknowledged("payment", frozenset({"m2"}), loan="L1", event="e1", amount="100")
    assert sends("m2", "third", noon) == ["I3"], "it was on its way when the payment was acknowledged"
    assert sends("m3", "third", noon + 12 * 3_600_000_000)[:2] == ["I2", "I3"], "paid, and at night"


def test_a_connection_that_is_cut_after_its_commit_has_committed(
    server: Server, migrated_template: str
) -> None:  # fmt: skip
    with fresh_database(server, migrated_template) as url:
        for order, rows in ((CUT, 0), (CUT_AFTER, 1)):
            one = open_connection(
                lambda c, kind, what, order=order: order if kind == COMMIT else GO,  # type: ignore[misc]
                conninfo=conninfo_of(url), autocommit=True,
            )  # fmt: skip
            with pytest.raises(psycopg.OperationalError), one.transaction():
                one.execute("INSERT INTO clock (lender_id, clock_id, moved) VALUES ('a', 7, false)")
            assert one.closed
            with psycopg.connect(conninfo_of(url)) as other:
                assert other.execute("SELECT count(*) FROM clock WHERE clock_id = 7").fetchall() == [(rows,)]
