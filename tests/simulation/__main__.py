"""``python -m tests.simulation``: runs seeds; one of them again up to a step, with all that happens."""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from scheduler.store import embedded
from tests.simulation.server import fresh_database, template_server
from tests.simulation.simulation import Breach, Simulation


def simulate(
    server: embedded.Server, seed: int, until_step: int | None = None, tell: Callable[[str], None] | None = None
) -> Simulation:  # fmt: skip
    """Run one seed on a database of its own. Raises Breach."""
    with tempfile.TemporaryDirectory() as home, fresh_database(server) as url:
        run = Simulation(seed, url, Path(home), until_step=until_step, tell=tell)
        run.run()
        return run


def main() -> int:
    """Answers with the exit code: 1 where an invariant did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument("--until-step", type=int, help="and stop at this step")
    parser.add_argument("--verbose", action="store_true", help="print each step")
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=1, help="the first of them")
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    say = lambda text: sys.stdout.write(f"{text}\n")  # noqa: E731
    seeds = [chosen.seed] if chosen.seed is not None else range(chosen.first, chosen.first + chosen.seeds)
    failed = []
    with template_server() as server:
        for seed in seeds:
            begun = time.perf_counter()
            try:
                run = simulate(server, seed, chosen.until_step, say if chosen.verbose else None)
            except Breach as breach:
                failed.append(seed)
                say(f"\n{breach}\n")
            else:
                took = time.perf_counter() - begun
                say(f"seed {seed}: {len(run.trace)} steps, {len(run.model.accepted)} sends, {took:.1f} s, {run.digest[:16]}")
            sys.stdout.flush()
    say(f"{len(seeds) - len(failed)} of {len(seeds)} seeds hold" + (f"; these do not: {failed}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
