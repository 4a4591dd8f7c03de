"""Reads the catalogue, and writes the expected outputs afresh: ``python -m tests.errors.catalogue``.

Each ``NAME.yaml`` begins with a line ``# CODE at LINE:COLUMN``, written by hand: what must be found, and where.
``NAME.txt`` is the whole output; look at the difference before committing it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from policies.language.check import compile_policy
from policies.language.report import report

FOLDER = Path(__file__).resolve().parent
_HEAD = re.compile(rb"# ([a-z0-9-]+) at ([0-9]+):([0-9]+)\n")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of the catalogue and what its first line promises."""

    path: Path
    code: str
    line: int
    column: int

    @property
    def output(self) -> Path:
        """The file with the exact output."""
        return self.path.with_suffix(".txt")


def entries() -> list[Entry]:
    """Every entry, by name."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        head = _HEAD.match(path.read_bytes())
        if head is None:
            raise ValueError(f"{path.name} does not begin with '# CODE at LINE:COLUMN'")
        found.append(Entry(path, head[1].decode(), int(head[2]), int(head[3])))
    return found


def shown(entry: Entry) -> str:
    """What a person sees who checks the file."""
    data = entry.path.read_bytes()
    _, problems = compile_policy(entry.path.name, data, notes=True)
    return report(problems, data.decode("utf-8", "replace")) + "\n"


def write() -> None:
    """Write every expected output."""
    for entry in entries():
        entry.output.write_text(shown(entry), encoding="utf-8")


if __name__ == "__main__":
    write()
