"""Where words go: data to stdout as UTF-8 with LF, all else to stderr; columns that no terminal's width changes."""

from __future__ import annotations

import io
import itertools
import json
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol

import typer

from scheduler.cli.failures import GOOD

if TYPE_CHECKING:
    from rich.console import Console

_LOOKED_AT: Final = 1_000
_WIDEST: Final = 48
_BLOCK: Final = 2_000


def settle_streams() -> None:
    """UTF-8 and LF on both streams, whatever the locale says; half characters are escaped, as JSON would."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace", newline="\n")


def say(text: str = "") -> None:
    """One piece of the data, on stdout."""
    _write(f"{text}\n")


def say_all(lines: Iterable[str]) -> None:
    """Many lines on stdout, in large writes."""
    source = iter(lines)
    while block := list(itertools.islice(source, _BLOCK)):
        _write("\n".join(block) + "\n")


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
    except BrokenPipeError:
        # Whoever read has seen enough; nobody is left to hear of it.
        raise typer.Exit(GOOD) from None


def say_json(value: Any) -> None:
    """One JSON object on one line, compact and unescaped; keys in the order they are given."""
    say(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def tell(text: str) -> None:
    """Something for a person: on stderr, line by line, with nothing in it that a terminal would obey."""
    sys.stderr.write("\n".join(map(printable, text.split("\n"))) + "\n")
    sys.stderr.flush()


def console() -> Console:
    """Rich on stderr; plain, and of one width, where stderr is no terminal."""
    from rich.console import Console

    if sys.stderr.isatty():
        return Console(stderr=True, highlight=False)
    return Console(stderr=True, highlight=False, width=100, no_color=True)


def width(text: str) -> int:
    """How many cells of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def printable(text: str) -> str:
    """The text on one line, with nothing in it that a terminal would obey."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def columns(rows: Iterable[Sequence[str]], *, indent: str = "") -> Iterator[str]:
    """Rows as aligned columns, two blanks between two; the last one runs on. Widths come from the first thousand."""
    source = iter(rows)
    first = [[printable(cell) for cell in row] for row in itertools.islice(source, _LOOKED_AT)]
    if not first:
        return
    widths = [min(_WIDEST, max(width(row[i]) for row in first)) for i in range(len(first[0]) - 1)]
    for row in itertools.chain(first, ([printable(cell) for cell in row] for row in source)):
        cells = [cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=False)]
        yield (indent + "  ".join([*cells, row[-1]])).rstrip()


class Bar(Protocol):
    """What a command tells its progress."""

    def __call__(self, done: int, total: int | None = None, note: str = "") -> None:
        """``done`` of ``total``, and a note beside the bar."""


@contextmanager
def progress(what: str) -> Iterator[Bar]:
    """A bar on stderr while the block runs, where stderr is a terminal; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield lambda done, total=None, note="": None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    shown = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn(),
        console=console(), transient=True,
    )  # fmt: skip
    with shown:
        task = shown.add_task(what, total=None, note="")
        yield lambda done, total=None, note="": shown.update(task, completed=done, total=total, note=note)
