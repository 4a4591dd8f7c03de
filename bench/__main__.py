"""``make bench``: every figure beside its reference, as a table and as JSON."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import traceback
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.figures import Asked, Row
from bench.subjects import SUBJECTS
from scheduler.bootstrap import use_pinned_zones
from scheduler.clock import SystemClock
from scheduler.service import settle_process
from scheduler.store import embedded
from scheduler.store.server_place import MAJOR

_COLUMNS = {"name": 26, "n": 9, "pairs": 5, "seconds": 11, "reference_s": 11, "ratio": 7, "floor": 7}
_CLOCK = SystemClock()


def main() -> None:
    """Measure, print the table, and write the JSON beside it."""
    asked = _asked()
    use_pinned_zones()
    settle_process()
    home = Path(tempfile.mkdtemp(prefix="duly-bench-"))
    machine = _machine()
    rows: list[Row] = []
    wrong: list[str] = []
    say("  ".join(_cell(name, name) for name in _COLUMNS) + "  more")
    try:
        server = embedded.start(home)
        given = Asked(server, asked.pairs, asked.large, tuple(asked.sizes) or None)
        for name in asked.only or SUBJECTS:
            begun = _CLOCK.monotonic()
            try:
                for one in SUBJECTS[name](given):
                    rows.append({**one, "load": round(os.getloadavg()[0], 1)})
                    say(_line(rows[-1]))
            except Exception:
                # The others are measured all the same.
                wrong.append(name)
                traceback.print_exc()
            say(f"  ({name}: {_CLOCK.monotonic() - begun:.0f} s in all)")
    finally:
        embedded.remove(home)
        shutil.rmtree(home, ignore_errors=True)
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        report = {"machine": machine, "rows": rows, "wrong": wrong}
        asked.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    say(f"\n{json.dumps(machine)}\nwritten to {asked.out}")
    if wrong:
        raise SystemExit(f"nothing counts of what did not do the work it was to do: {', '.join(wrong)}")


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("sizes", nargs="*", type=int, help="sizes in place of each subject's own")
    parser.add_argument(
        "--only", nargs="+", choices=sorted(SUBJECTS), metavar="NAME", help=f"some of: {', '.join(SUBJECTS)}"
    )
    parser.add_argument("--pairs", type=int, default=5, help="pairs of ours and the reference (default 5)")
    parser.add_argument("--large", action="store_true", help="the largest sizes; takes hours")
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    asked = parser.parse_args()
    if asked.pairs < 1:
        parser.error("--pairs is a whole number of at least 1")
    return asked


def _line(row: Row) -> str:
    more = " ".join(f"{key}={_shown(value)}" for key, value in row.items() if key not in _COLUMNS)
    return "  ".join(_cell(name, _shown(row.get(name))) for name in _COLUMNS) + f"  {more}"


def _cell(column: str, text: str) -> str:
    width = _COLUMNS[column]
    return f"{text:<{width}}" if column == "name" else f"{text:>{width}}"


def _shown(value: Any) -> str:
    return "" if value is None else json.dumps(value) if isinstance(value, list) else str(value)


def _machine() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "postgresql": MAJOR,
        "psycopg": version("psycopg"),
        "duly": version("duly"),
        "load_before": [round(x, 1) for x in os.getloadavg()],
    }


if __name__ == "__main__":
    main()
