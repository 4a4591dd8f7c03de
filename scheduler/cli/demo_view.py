"""What the demo shows: a live view on stderr while the days pass, and on stdout what came of them."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from policies.calendar import to_datetime
from policies.contract import Policy
from scheduler.cli.demo_story import Story
from scheduler.cli.output import columns, console
from scheduler.clock import SystemClock
from scheduler.run_through import Progress
from scheduler.store.database import Connection

_WIDEST: Final = 100
_PIPED: Final = 90
_LIVE: Final = 78
_EVERY_S: Final = 0.1
_SHOWN: Final = 7
_NEWEST = """
SELECT j.entry, l.borrower_id, l.loan_id
FROM journal j JOIN loan l ON l.lender_id = j.lender_id AND l.clock_id = j.clock_id AND l.key = j.loan_key
WHERE j.kind = 'decision' AND j.clock_id = 0 ORDER BY j.at DESC, j.entry_id DESC LIMIT %(most)s
"""
_OUTCOMES = """
SELECT entry::jsonb ->> 'outcome', count(*) FROM journal WHERE kind = 'decision' AND clock_id = 0 GROUP BY 1
"""
_COLOURS: Final = {
    "sent": "cyan", "offer": "magenta", "cured": "green", "hand_off": "red", "review": "red", "deferred": "yellow",
    "suppressed": "yellow",
}  # fmt: skip


class View:
    """The live view; where stderr is no terminal, a line at each stage."""

    def __init__(self, folder: Path, home: Path, start: date, days: int) -> None:
        self._folder = folder
        self._home = home
        self._start = start
        self._days = days
        self._clock = SystemClock()
        self._begun = self._clock.monotonic()
        self._shown = self._begun
        self._stage = ""
        self._book = ""
        self._day = start
        self._counts: Counter[str] = Counter()
        self._newest: list[dict[str, Any]] = []
        self._messages = 0
        self._live = Live(console=console(), auto_refresh=False, transient=True) if sys.stderr.isatty() else None
        self._console = console()
        self._story: Story | None = None
        self._took_s = 0.0

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:  # fmt: skip
        if self._live is not None:
            self._live.stop()

    def step(self, what: str) -> None:
        """A stage begins."""
        self._stage = what
        self._refresh(what)

    def imported(self, borrowers: int, loans: int, events: int) -> None:
        """The book is in the database."""
        self._book = f"{borrowers} borrowers, {loans} loans, {events:,} events"
        self.step(f"{self._days} days, from wake to wake")

    def progress(self, connection: Connection, one: Progress) -> None:
        """The clock has come to an instant; the view is drawn a few times a second."""
        now = self._clock.monotonic()
        self._messages = one.messages
        self._day = to_datetime(one.at).date()
        if self._live is None or now - self._shown < _EVERY_S:
            return
        self._shown = now
        rows = connection.execute(_NEWEST, {"most": _SHOWN}).fetchall()
        self._newest = [{**json.loads(row[0]), "borrower_id": row[1], "loan_id": row[2]} for row in reversed(rows)]
        self._counts = Counter(dict(connection.execute(_OUTCOMES).fetchall()))
        if self._newest:
            self._day = max(self._day, date.fromisoformat(self._newest[-1]["at"][:10]))
        self._refresh(None)

    def told(self, policy: Policy, lines: Iterable[str]) -> None:
        """The whole story, for the summary."""
        self._story = Story(policy, (json.loads(line) for line in lines))
        self._took_s = self._clock.monotonic() - self._begun

    # --- live ---------------------------------------------------------------------------------------------------

    def _refresh(self, said: str | None) -> None:
        if self._live is not None:
            self._live.update(self._picture(), refresh=True)
        elif said is not None:
            self._console.print(f"duly demo: {said}")

    def _picture(self) -> RenderableType:
        done = min(self._days, max(0, (self._day - self._start).days))
        bar = Table.grid(padding=(0, 2))
        bar.add_row(
            Text(f"{self._day:%a} {self._day.day:>2} {self._day:%b %Y}", style="bold"),
            ProgressBar(total=self._days, completed=done, width=36),
            f"day {done} of {self._days}",
        )
        counts = Table.grid(padding=(0, 2))
        counts.add_row(
            *(
                Text.assemble((f"{count:,}", f"bold {_COLOURS.get(name, '')}"), f" {label}")
                for name, label, count in (
                    ("sent", "messages", self._messages),
                    ("offer", "offers", self._counts["offer"]),
                    ("cured", "cured", self._counts["cured"]),
                    ("deferred", "deferred", self._counts["deferred"]),
                    ("hand_off", "handed off", self._counts["hand_off"]),
                )
            )
        )
        lines = Table.grid(padding=(0, 2))
        for line in self._newest:
            outcome = line["outcome"]
            lines.add_row(
                Text(line["at"][5:16].replace("T", " "), style="dim"), line["loan_id"], line.get("step") or "",
                Text(outcome, style=_COLOURS.get(outcome, "dim")), line.get("channel") or "",
            )  # fmt: skip
        if not self._newest:
            lines.add_row(Text(f"{self._stage} …", style="dim"))
        book = Text(self._book or "the main job, from end to end", style="dim")
        return Panel(Group(book, bar, counts, Text(""), lines), title="duly demo", title_align="left", width=_LIVE)

    # --- afterwards ---------------------------------------------------------------------------------------------

    def summary(self) -> None:
        """On stdout: what was sent, what else happened and why, one message, and where all of it lies."""
        assert self._story is not None  # noqa: S101 - told comes first
        terminal = sys.stdout.isatty()
        out = Console(file=sys.stdout, highlight=False, width=None if terminal else _PIPED, no_color=not terminal)
        out.width = min(out.width, _WIDEST)
        end = self._start + timedelta(days=self._days)
        out.print(
            f"[bold]{self._days} days[/], {self._start} to {end}, in {self._took_s:.0f} seconds: {self._book}\n"
            f"{self._story.policy.title} ({self._story.policy.name}); all of it went to the sandbox, so to nobody\n"
        )
        out.print(_sent(self._story))
        out.print(_became(self._story))
        out.print(self._example(self._story))
        for line in columns(self._where(self._story)):
            out.print(Text(line), soft_wrap=True)

    def _example(self, story: Story) -> RenderableType:
        path = story.example_file(self._folder / "messages")
        text = path.read_text(encoding="utf-8").rstrip()
        head, _, body = text.partition("\n\n")
        told = "\n".join(line for line in head.splitlines() if not line.startswith(("Message:", "Decided:")))
        message = Group(Text(told, style="dim"), Text(""), Text(body))
        return Panel(message, title="one of the messages", title_align="left")

    def _where(self, story: Story) -> Iterator[tuple[str, str]]:
        loan = story.example["loan_id"]
        yield "this message", str(story.example_file(self._folder / "messages"))
        yield "all messages", f"{self._folder}/messages"
        yield "policy, book", f"{self._folder}/{story.policy.name}.yaml, {self._folder}/book"
        yield "go on with", f"export DULY_HOME={self._home}"
        for more in (f"loan timeline {loan}", f"loan why {loan} {story.example['step']}", "status"):
            yield "", f"{_command()} {more}"


def _command() -> str:
    """How this command was called, so that a line to copy works where ``duly`` is not on the path."""
    called = Path(sys.argv[0])
    if called.name != "duly" or len(called.parts) == 1:
        return "duly"
    return str(called.relative_to(Path.cwd()) if called.is_relative_to(Path.cwd()) else called)


def _sent(story: Story) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="Messages sent", title_justify="left", title_style="bold")
    channels = story.channels()
    table.add_column("step")
    for channel in (*channels, "all"):
        table.add_column(channel, justify="right")
    for step in story.steps():
        counts = [story.sent[step, channel] for channel in channels]
        table.add_row(step, *(f"{count:,}" if count else "" for count in counts), f"{sum(counts):,}")
    totals = [sum(n for (_, of), n in story.sent.items() if of == channel) for channel in channels]
    table.add_section()
    table.add_row("all", *(f"{n:,}" for n in totals), f"{sum(totals):,}", style="bold")
    return table


def _became(story: Story) -> Table:
    table = Table(box=box.SIMPLE_HEAD, title="And what else", title_justify="left", title_style="bold")
    table.add_column("outcome")
    table.add_column("", justify="right")
    table.add_column("why", overflow="fold")
    for outcome, label, count, reasons in story.outcomes():
        table.add_row(Text(label, style=_COLOURS.get(outcome, "")), f"{count:,}", reasons)
    return table
