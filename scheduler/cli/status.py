"""``duly status`` and ``duly messages``: whether all is well, and what was sent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.clock_option import REAL, OfClock
from scheduler.cli.failures import GOOD, NOT_WELL
from scheduler.cli.output import columns, say_all, say_json
from scheduler.cli.pause import values as of_pause
from scheduler.cli.start import log_by
from scheduler.cli.start import settings as load_settings

if TYPE_CHECKING:
    from policies.facts import Instant
    from scheduler.health import Health
    from scheduler.settings import Settings

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(status)
    app.command()(messages)


def status(clock: OfClock = REAL, json_: Json = False) -> int:
    """Say in ten lines whether all is well; the exit code is 3 where it is not."""
    from policies.facts import SECOND
    from scheduler.cli.store import opened
    from scheduler.clock import SystemClock
    from scheduler.health import LATE_S, look
    from scheduler.ledger.standing import of_this_machine
    from scheduler.ledger.witness import witnesses_of
    from scheduler.store import database

    settings = load_settings()
    log_by(settings, SystemClock())
    if settings.database_url is not None:
        url = settings.database_url.get_secret_value()
        found = database.revision(url)
        if found != database.head():
            return _old_schema(settings, found, database.head(), json_)
    with opened(clock) as store:
        now, moved = store.clock()
        health = look(store.connection, store.clock_id, now, moved=moved)
        version = store.connection.info.parameter_status("server_version") or ""
        complaints = health.complaints()
        if clock == REAL:
            with witnesses_of(settings) as witnesses:
                late = now if moved else now - LATE_S * SECOND
                complaints += of_this_machine(store.connection, store.clock_id, settings, witnesses, late)
    place = {"database": _place(settings), "server": version.split(" ")[0], "schema": database.head()}
    adapters = {name: str(getattr(settings, f"{name}_adapter")) for name in ("sms", "email", "letter")}
    if json_:
        say_json(_values(health, complaints, place, clock) | {"adapters": adapters})
    else:
        say_all(columns(_lines(health, complaints, place, adapters, clock)))
    return NOT_WELL if complaints else GOOD


def _old_schema(settings: Settings, found: str | None, expected: str, json_: bool) -> int:
    complaint = f"the tables are at revision {found or 'none'}, this duly works with {expected}; run: duly db migrate"
    if json_:
        say_json({"well": False, "complaints": [complaint], "database": _place(settings), "schema": found})
    else:
        say_all(columns((("well", f"NO: {complaint}"), ("database", _place(settings)), ("schema", found or "none"))))
    return NOT_WELL


def _place(settings: Settings) -> str:
    """Where the database is, without a password."""
    if settings.database_url is None:
        return f"embedded, in {settings.home}"
    from sqlalchemy.engine import make_url

    url = make_url(settings.database_url.get_secret_value())
    return f"{url.host or url.query.get('host', '')}:{url.port or 5432}/{url.database}"


def _lines(
    health: Health, complaints: list[str], place: dict[str, str], adapters: dict[str, str], clock: str
) -> Iterator[tuple[str, str]]:
    yield "well", f"NO: {'; '.join(complaints)}" if complaints else "yes"
    yield "database", f"{place['database']}, PostgreSQL {place['server']}, schema {place['schema']}"
    yield "clock", f"{_iso(health.now)}, {_kind(clock, moved=health.moved)}"
    yield "policies", f"{health.policies:,}, in {_count(health.versions, 'version')}"
    yield "book", f"{_count(health.borrowers, 'borrower')}, {_count(health.loans, 'loan')}"
    since = "" if health.due_since is None else f", the oldest since {_iso(health.due_since)}"
    paused = "".join(f"; paused: {one.words()}" for one in health.pauses)
    yield "due now", f"{_count(health.due, 'borrower')}{since}{paused}"
    yield "messages", ", ".join(f"{count:,} {status}" for status, count in health.outbox.items())
    yield "adapters", ", ".join(f"{channel} by {adapter}" for channel, adapter in adapters.items())
    reasons = "; ".join(f"{who}: {why}" for who, why in health.set_aside[:3])
    more = f"; and {len(health.set_aside) - 3} more" if len(health.set_aside) > 3 else ""
    yield "set aside", f"{len(health.set_aside)}{': ' if reasons else ''}{reasons}{more}"
    last = "none yet" if health.last_decision is None else str(_iso(health.last_decision))
    if clock != REAL:
        yield "last decision", f"{last}; a test clock has no ledger"
        return
    entries = sum(one.size for one in health.ledger.ledgers)
    signed = sum(one.checkpoint_size for one in health.ledger.ledgers)
    yield "last decision", f"{last}; the ledger has {entries:,} entries, {signed:,} under a checkpoint"


def _kind(clock: str, *, moved: bool) -> str:
    if clock != REAL:
        return f"test clock {clock}"
    return "moved by a test (duly run --from)" if moved else "real time"


def _values(health: Health, complaints: list[str], place: dict[str, str], clock: str) -> dict[str, Any]:
    return {
        "well": not complaints, "complaints": complaints, **place, "now": _iso(health.now), "test_clock": health.moved,
        "policies": health.policies, "versions": health.versions, "borrowers": health.borrowers,
        "loans": health.loans, "due": health.due, "due_since": _iso(health.due_since), "messages": health.outbox,
        "set_aside": [{"borrower_id": who, "reason": why} for who, why in health.set_aside],
        "last_decision": _iso(health.last_decision), "held": health.ledger.held, "halted": health.halted,
        "paused": [of_pause(one) for one in health.pauses],
        "ledgers": [
            {
                "lender_id": one.lender_id, "size": one.size, "waiting_since": _iso(one.waiting_since),
                "checkpoint_size": one.checkpoint_size, "checkpoint_at": _iso(one.checkpoint_at),
                "unsigned_since": _iso(one.unsigned_since),
            }
            for one in (health.ledger.ledgers if clock == REAL else ())
        ],
    }  # fmt: skip


def _iso(at: Instant | None) -> str | None:
    from policies.calendar import zone

    return None if at is None else zone("UTC").iso(at)


def _count(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def messages(
    loan: Annotated[str | None, typer.Option("--loan", metavar="ID", help="Of one loan only.")] = None,
    status: Annotated[str | None, typer.Option("--status", help="Of one status only: sent, failed, queued …")] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="The newest so many only.")] = None,
    text: Annotated[bool, typer.Option("--text", help="With address and text, which are personal data.")] = False,
    clock: OfClock = REAL,
    json_: Json = False,
) -> None:
    """List messages in the order of their decision; without personal data, unless asked for."""
    from scheduler.cli.message_list import listed, shown
    from scheduler.cli.store import opened
    from scheduler.health import STATUSES

    if status is not None and status not in STATUSES:
        raise typer.BadParameter(f"{status!r} is none; expected {', '.join(STATUSES)}", param_hint="--status")
    with opened(clock) as store:
        found = listed(store.connection, store.clock_id, loan_id=loan, status=status, limit=limit, text=text)
        say_all((one.json for one in found) if json_ else shown(found))
