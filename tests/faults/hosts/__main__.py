"""``python -m tests.faults.hosts --messages N``: a wave over four hosts, of which three fail, and its figures."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from scheduler.bootstrap import use_pinned_zones
from tests.faults.hosts.network import missing
from tests.faults.hosts.wave import run, table


def main(arguments: list[str] | None = None) -> int:
    """Run it; 1 where no such hosts can be made here."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.hosts", description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000, help="the size of the wave in which hosts fail")
    parser.add_argument("--warm", type=int, default=10_000, help="the size of each wave whose speed is taken")
    parser.add_argument("--keep", type=Path, help="leave the logs in this folder")
    given = parser.parse_args(arguments)
    reason = missing()
    if reason is not None:
        sys.stdout.write(f"{reason}\n")
        return 1
    use_pinned_zones()
    with tempfile.TemporaryDirectory(prefix="duly-hosts-") as scratch:
        folder = given.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        sys.stdout.write(f"{table(run(folder, given.messages, given.warm))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
