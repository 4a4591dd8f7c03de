"""``duly run``: the daemon on the real clock, or the same engine under a test clock from one instant to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.failures import GOOD
from scheduler.cli.output import progress, tell
from scheduler.cli.reading import check_span, optional_instant, outages_of
from scheduler.cli.signals import noted
from scheduler.cli.simulate import Json, Outage
from scheduler.cli.start import log_by
from scheduler.cli.start import settings as load_settings

if TYPE_CHECKING:
    from policies.facts import Instant
    from policies.simulate import Span
    from scheduler.cli.signals import Stop
    from scheduler.service import Service
    from scheduler.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(run)


def run(
    from_: Annotated[
        str | None, typer.Option("--from", metavar="T", help="A test clock that begins here: instant or date.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--until", metavar="T", help="Where it ends; else when nothing more can happen.")
    ] = None,
    outage: Outage = None,
    speed: Annotated[
        int | None, typer.Option("--speed", metavar="N", min=1, help="N times as fast, not from wake to wake.")
    ] = None,
    json_: Json = False,
    roles: Annotated[
        str | None,
        typer.Option("--roles", metavar="A,B", help="What to do: engine, dispatch, ledger, witness; else all."),
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, max=64, help="So many processes, each with the same roles.")
    ] = 1,
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="ADDRESS:PORT", help="Open the health port; of workers, the next ones too."),
    ] = None,
    accept_clock: Annotated[
        str | None,
        typer.Option("--accept-clock", metavar="T", help="Go on from now, which is T, however far the clock has gone."),
    ] = None,
    of_parent: Annotated[bool, typer.Option("--of-parent", hidden=True)] = False,
) -> int:
    """Serve until stopped; with --from under a test clock, and then tell the story as duly simulate does."""
    from policies.simulate import Span

    start, end = optional_instant(from_, "--from"), optional_instant(until, "--until")
    check_span(start, end)
    outages = outages_of(outage or ())
    if start is None:
        if end is not None or outage or speed is not None or json_:
            raise typer.BadParameter("--until, --outage, --speed and --json need it", param_hint="--from")
        from scheduler.cli.serve import Orders, serve

        orders = Orders.of(
            roles, workers, listen, optional_instant(accept_clock, "--accept-clock"), of_parent=of_parent
        )
        return serve(load_settings(), orders)
    if roles is not None or workers > 1 or listen is not None or accept_clock is not None:
        raise typer.BadParameter(
            "it is for a test clock; --roles, --workers, --listen and --accept-clock are for the real one",
            param_hint="--from",
        )
    return _test(load_settings(), Span(start, end, outages), speed, json_)


def _test(settings: Settings, span: Span, speed: int | None, json_: bool) -> int:
    from scheduler.clock import SystemClock
    from scheduler.service import database_url, open_channels, open_service
    from scheduler.store.tables import REAL_CLOCK

    log_by(settings, SystemClock())
    with noted() as stop:
        channels = open_channels(settings, test_clock=True)
        url = database_url(settings)
        with open_service(settings, url, REAL_CLOCK, channels, test_clock=True) as service:
            _tell_of_runs_before(service, span)
            if speed is None:
                at = _jump(service, span, stop)
            else:
                from scheduler.cli.speed import run_fast

                at = run_fast(service, span, speed, settings.tick_s, stop.event)
        if stop.event.is_set():
            from policies.calendar import zone

            tell(f"duly: stopped at {zone('UTC').iso(at)}; the same command goes on from there")
            return stop.code
    _print(url, span, json_)
    return GOOD


def _tell_of_runs_before(service: Service, span: Span) -> None:
    """Say so where the clock is past the beginning: what was decided stays, and what came later is late."""
    from policies.calendar import zone
    from scheduler.run_through import stands_at

    stands = stands_at(service)
    if stands is None or stands <= span.start:
        return
    left = "nothing is left to do" if span.until is not None and stands >= span.until else "it goes on from there"
    tell(
        f"duly: the clock of this database stands at {zone('UTC').iso(stands)} already, after --from, and {left}; "
        "for a run from the beginning, give it a database of its own (DULY_HOME)"
    )


def _jump(service: Service, span: Span, stop: Stop) -> Instant:
    from scheduler.run_through import Progress, run_through

    whole = None if span.until is None else span.until - span.start
    with progress("running") as bar:

        def show(one: Progress) -> None:
            bar(one.at - span.start, whole, _note(one.at, one.borrowers, one.messages))

        at = run_through(service, span, stop.event, show).at
    if not stop.event.is_set():
        arrive(service, span)
    return at


def arrive(service: Service, span: Span) -> None:
    """Let the clock stand at the end of the span, once all before it is done; without an end, where it is."""
    from policies.calendar import to_datetime
    from scheduler.store import queries

    if span.until is not None:
        keys = {"clock": service.clock_id, "now": to_datetime(span.until)}
        service.engine_connection.execute(queries.MOVE_CLOCK, keys)


def _note(at: Instant, borrowers: int, messages: int) -> str:
    from policies.calendar import zone

    return f"{zone('UTC').iso(at)[:10]}  {borrowers:,} decided  {messages:,} messages"


def _print(url: str, span: Span, json_: bool) -> None:
    from scheduler import history
    from scheduler.cli.story_text import tell_story
    from scheduler.store.database import connect
    from scheduler.store.tables import REAL_CLOCK

    connection = connect(url)
    try:
        lines = history.story(connection, REAL_CLOCK, since=span.start, until=span.until)
        tell_story(connection, REAL_CLOCK, lines, json_=json_)
    finally:
        connection.close()
