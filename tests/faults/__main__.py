"""``python -m tests.faults``: the kill loops whole, over 2,000 loans with 500 kills; a seed repeats a run."""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import traceback
from dataclasses import replace
from pathlib import Path

from scheduler.bootstrap import use_pinned_zones
from scheduler.store import database, embedded
from tests.faults.invariants import check
from tests.faults.kills import JUMP, SERVE, SHORT, Done, Plan, run

FULL = (Plan(0, JUMP, persons=1_550, kills=250), Plan(0, SERVE, persons=1_550, kills=250))


def main(arguments: list[str] | None = None) -> int:
    """Run both loops, or one of them; 1 where an invariant does not hold."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="repeat this run; else a seed is drawn")
    parser.add_argument("--short", action="store_true", help="as in make test")
    parser.add_argument("--only", choices=(JUMP, SERVE), help="one of the two loops")
    parser.add_argument("--keep", type=Path, help="leave the records and logs in this folder")
    given = parser.parse_args(arguments)
    use_pinned_zones()
    seed = secrets.randbelow(1 << 31) if given.seed is None else given.seed
    failed = 0
    with tempfile.TemporaryDirectory(prefix="duly-faults-") as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        home = Path(scratch) / "home"
        try:
            server = embedded.start(home)
            for plan in SHORT if given.short else FULL:
                if given.only in (None, plan.manner):
                    failed += not _one(server, replace(plan, seed=seed), folder)
        finally:
            embedded.remove(home)
    return 1 if failed else 0


def _one(server: embedded.Server, plan: Plan, folder: Path) -> bool:
    name = f"faults_{plan.manner}"
    with server.maintenance() as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    url = server.database_url(name)
    database.migrate(url)
    made: list[Done] = []

    def look(done: Done) -> None:
        made.append(done)
        _say(done.report())
        check(done)

    try:
        run(plan, url, folder / plan.manner, check=look)
    except Exception:
        traceback.print_exc()
        _say(f"FAILED: python -m tests.faults --seed {plan.seed} --only {plan.manner} repeats it")
        return False
    _say(f"held: I1 to I8 by the provider's record, seed {plan.seed}, {plan.manner}")
    return True


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
