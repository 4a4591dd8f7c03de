"""``make bench``: every figure beside its reference, as a table and as JSON; or ``python -m bench 10000 --pairs 9``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench import guard, ledger, wave
from scheduler.bootstrap import use_pinned_zones
from scheduler.service import settle_process
from scheduler.store import embedded

_COLUMNS = ("name", "n", "pairs", "seconds", "reference_s", "ratio", "us_per_step", "reference_us")
_GUARD = ("name", "n", "seconds", "per_s", "floor")


def main() -> None:
    """Measure, print the table, and write the JSON beside it."""
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("sizes", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--pairs", type=int, default=5, help="pairs of ours and the reference (default 5)")
    parser.add_argument("--entries", type=int, default=1_000_000, help="entries to number (default a million)")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    asked = parser.parse_args()
    use_pinned_zones()
    settle_process()
    home = Path(tempfile.mkdtemp(prefix="duly-bench-"))
    server = embedded.start(home)
    try:
        rows: list[dict[str, Any]] = []
        sys.stdout.write("  ".join(f"{name:>12}" for name in _COLUMNS) + "\n")
        for size in asked.sizes:
            rows.append(wave.run(server, size, asked.pairs))
            _print(rows[-1])
            rows.append(wave.idle(server, size, 400))
            _print(rows[-1])
            rows.append(ledger.wave_cost(server, size, asked.pairs))
            _print(rows[-1])
        for row in ledger.sequence(server, asked.entries):
            rows.append(row)
            _print(row)
        guards = guard.run(asked.pairs)
    finally:
        embedded.remove(home)
    sys.stdout.write("\n" + "  ".join(f"{name:>16}" for name in _GUARD) + "\n")
    for row in guards:
        sys.stdout.write("  ".join(f"{row[name]!s:>16}" for name in _GUARD) + "\n")
    report = {"machine": _machine(), "rows": rows, "guard": guards}
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"\n{json.dumps(report['machine'])}\nwritten to {asked.out}\n")


def _print(row: dict[str, Any]) -> None:
    sys.stdout.write("  ".join(f"{row.get(name, '')!s:>12}" for name in _COLUMNS) + "\n")
    sys.stdout.flush()


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "postgresql": embedded.MAJOR,
        "psycopg": version("psycopg"),
        "duly": version("duly"),
        "load_before": [round(x, 1) for x in os.getloadavg()],
    }


if __name__ == "__main__":
    main()
