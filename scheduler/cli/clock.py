"""``duly clock``: test clocks beside the real one; made, moved, copied, listed and dropped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.failures import GOOD, Failure
from scheduler.cli.output import columns, progress, say, say_all, say_json, tell
from scheduler.cli.reading import optional_instant, read_policy
from scheduler.cli.signals import Stop, noted
from scheduler.cli.start import log_by, whoever
from scheduler.cli.start import settings as load_settings

if TYPE_CHECKING:
    from policies.facts import Instant
    from scheduler.advancing import Advanced
    from scheduler.clocks import Clocks
    from scheduler.named_clocks import Named

app = typer.Typer(
    help="Test clocks: books whose time you move, beside the real one in one database.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The test clock's name.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.command()
def create(
    name: Name,
    at: Annotated[
        str | None, typer.Option("--at", metavar="INSTANT", help="Where it begins, an instant or a date; else now.")
    ] = None,
    book: Annotated[
        Path | None, typer.Option("--book", metavar="BOOK", help="The folder of a book of its own.")
    ] = None,
    policy: Annotated[
        list[Path] | None, typer.Option("--policy", metavar="FILE", help="A policy to publish; may be given again.")
    ] = None,
    json_: Json = False,
) -> None:
    """Make a clock that stands at an instant, with policies and a book of its own: all of it, or nothing."""
    from scheduler.ingest import read_files

    begins = optional_instant(at, "--at")
    policies = [_policy(path) for path in policy or ()]
    with _clocks() as clocks, nullcontext() if book is None else read_files(book) as files:
        _say(clocks.create(name, begins, files=files, policies=policies, by=whoever()), json_)


@app.command()
def fork(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The clock to copy; real for the real one.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="The copy's name.")],
    json_: Json = False,
) -> None:
    """Copy a clock with all that it has, its past too: the way to come back to an instant, or to try two futures."""
    with _clocks() as clocks:
        _say(clocks.fork(name, new), json_)


@app.command()
def advance(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="The test clock's name.")] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="INSTANT", help="Up to and including this instant or date.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", metavar="DURATION", help="So far: 3 days, 1 month, 90 minutes.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every test clock, one after the other.")] = False,
    json_: Json = False,
) -> int:
    """Do all that is due up to the new instant, every wake in between, in order; then tell what was done.

    Without --to and --by, an advance that was stopped goes on.
    """
    if (name is None) == (not all_):
        raise typer.BadParameter("name one test clock, or give --all", param_hint="NAME")
    if to is not None and by is not None:
        raise typer.BadParameter("give one of --to and --by", param_hint="--to")
    until = optional_instant(to, "--to")
    with noted() as stop, _clocks() as clocks:
        if name is None:
            return _advance_all(clocks, until, by, stop, json_)
        return _advance(clocks, name, until, by, stop, json_)


@app.command("list")
def list_(json_: Json = False) -> None:
    """List the test clocks, and where each stands."""
    from scheduler.cli.store import opened
    from scheduler.named_clocks import all_clocks

    with opened() as store:
        found = all_clocks(store.connection)
    if json_:
        for one in found:
            say_json(_values(one))
    elif found:
        say_all(columns([("CLOCK", "STANDS AT", "BEGAN AT", "NOTE"), *map(_row, found)]))
    else:
        tell("duly: there is no test clock; make one with: duly clock create NAME --at INSTANT")


@app.command()
def drop(name: Name) -> None:
    """Delete a test clock with all that it has."""
    with _clocks() as clocks:
        clocks.drop(name)
    say(f"{name}: dropped")


@contextmanager
def _clocks() -> Iterator[Clocks]:
    from scheduler.clock import SystemClock
    from scheduler.clocks import open_clocks
    from scheduler.service import database_url, settle_process

    settings = load_settings()
    log_by(settings, SystemClock())
    settle_process()
    with open_clocks(settings, database_url(settings)) as clocks:
        yield clocks


def _policy(path: Path) -> tuple[str, bytes]:
    data, unreadable = read_policy(path)
    if unreadable is not None:
        raise Failure(f"{path}: {unreadable.message}")
    return str(path), data


def _advance(clocks: Clocks, name: str, to: Instant | None, by: str | None, stop: Stop, json_: bool) -> int:
    from scheduler import history
    from scheduler.cli.story_text import tell_story
    from scheduler.named_clocks import check_name, find

    check_name(name)
    before = find(clocks.connection, name)
    target = to if by is None else _later(before, by)
    with progress("advancing") as bar:
        done = clocks.advance(
            name, target, stop.event,
            lambda one: bar(0, None, f"{_iso(one.at)[:10]}  {one.borrowers:,} decided  {one.messages:,} messages"),
        )  # fmt: skip
    if done.clock.target is not None:
        tell(f"duly: stopped on the way to {_iso(done.clock.target)}; it goes on with: duly clock advance {name}")
        return stop.code
    story = history.story(clocks.connection, done.clock.clock_id, since=done.clock.began, after=done.after)
    tell_story(clocks.connection, done.clock.clock_id, story, json_=json_)
    tell(_moved(done))
    return GOOD


def _advance_all(clocks: Clocks, to: Instant | None, by: str | None, stop: Stop, json_: bool) -> int:
    def target(one: Named) -> Instant | None:
        return to if by is None else _later(one, by)

    aimed = clocks.aim_all(None if to is None and by is None else target)
    if not aimed:
        tell("duly: there is no test clock that has a way to go")
    with progress("advancing") as bar:
        for count, done in enumerate(clocks.advance_aimed(aimed, stop.event), 1):
            bar(count, len(aimed), done.clock.name)
            if json_:
                say_json(_values(done.clock) | {"borrowers": done.borrowers, "messages": done.messages})
            else:
                say(_moved(done))
    if stop.event.is_set():
        tell("duly: stopped on the way; it goes on with: duly clock advance --all")
        return stop.code
    return GOOD


def _later(one: Named, by: str) -> Instant:
    from scheduler.durations import DurationError, later

    if one.target is not None:
        raise Failure(
            f"test clock {one.name!r} was stopped on its way to {_iso(one.target)}; let it arrive first: "
            f"duly clock advance {one.name}"
        )
    try:
        return later(one.now, by)
    except DurationError as error:
        raise typer.BadParameter(str(error), param_hint="--by") from error


def _moved(done: Advanced) -> str:
    what = f"{done.borrowers:,} decided, {done.messages:,} message{'' if done.messages == 1 else 's'}"
    return f"{done.clock.name}: from {_iso(done.since)} to {_iso(done.clock.now)}, {what}"


def _say(one: Named, json_: bool) -> None:
    say_json(_values(one)) if json_ else say(f"{one.name}: stands at {_iso(one.now)}")


def _row(one: Named) -> tuple[str, ...]:
    notes = [f"on its way to {_iso(one.target)}"] if one.target is not None else []
    notes += ["copied from the real clock"] if one.sandbox_only else []
    return one.name, _iso(one.now), "" if one.began is None else _iso(one.began), "; ".join(notes)


def _values(one: Named) -> dict[str, Any]:
    began, target = (None if at is None else _iso(at) for at in (one.began, one.target))
    return {
        "clock": one.name, "now": _iso(one.now), "began": began, "target": target, "sandbox_only": one.sandbox_only,
    }  # fmt: skip


def _iso(at: Instant) -> str:
    from policies.calendar import zone

    return zone("UTC").iso(at)
