"""``python -m tests.simulation``: runs seeds, several side by side; or one of them again, with all that happens."""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from scheduler.store import embedded
from tests.simulation.server import fresh_database, template_server
from tests.simulation.simulation import DAYS, Breach, Simulation


def simulate(
    server: embedded.Server, seed: int, days: int = DAYS, until_step: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> Simulation:  # fmt: skip
    """Run one seed on a database of its own. Raises Breach."""
    with tempfile.TemporaryDirectory() as home, fresh_database(server) as url:
        run = Simulation(seed, url, Path(home), days=days, until_step=until_step, tell=tell)
        run.run()
        return run


def simulate_all(
    seeds: Sequence[int], days: int, until_step: int | None = None, verbose: bool = False
) -> list[int]:  # fmt: skip
    """Run these seeds one after another on a server of their own; answers with those that do not hold."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    failed = []
    with template_server() as server:
        for seed in seeds:
            begun = time.perf_counter()
            try:
                run = simulate(server, seed, days, until_step, _say if verbose else None)
            except Breach as breach:
                failed.append(seed)
                _say(f"\n{breach}\n")
            else:
                took = time.perf_counter() - begun
                sends = len(run.model.accepted)
                _say(f"seed {seed}: {len(run.trace)} steps, {sends} sends, {took:.1f} s, trace {run.digest[:16]}")
    return failed


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Answers with the exit code: 1 where an invariant did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--until-step", type=int, help="and stop at this step")
    parser.add_argument("--verbose", action="store_true", help="print each step")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run (200)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (1)")
    parser.add_argument("--days", type=int, default=DAYS, help=f"how long faults and facts go on ({DAYS})")
    parser.add_argument("--jobs", type=int, default=1, help="how many to run side by side (1)")
    chosen = parser.parse_args()
    if chosen.seed is not None:
        return 1 if simulate_all([chosen.seed], chosen.days, chosen.until_step, chosen.verbose) else 0
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    begun = time.perf_counter()
    shares = [(seeds[n :: chosen.jobs], chosen.days) for n in range(chosen.jobs)]
    if chosen.jobs == 1:
        failed = simulate_all(*shares[0])
    else:
        with multiprocessing.get_context("spawn").Pool(chosen.jobs) as pool:
            failed = sorted(seed for share in pool.starmap(simulate_all, shares) for seed in share)
    took = time.perf_counter() - begun
    _say(
        f"{len(seeds) - len(failed)} of {len(seeds)} seeds hold, in {took:.0f} s"
        + (f"; not {failed}" if failed else "")
    )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
