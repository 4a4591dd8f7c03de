"""``duly reconcile``: why a book is held, what its witnesses keep against it, and the way out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.failures import GOOD, NOT_WELL
from scheduler.cli.output import columns, say_all, say_json, tell

if TYPE_CHECKING:
    from scheduler.ledger.checkpoints import Ledger
    from scheduler.ledger.hold import Witnessed
    from scheduler.ledger.reconcile import Comparison


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(reconcile)


def reconcile(
    accept: Annotated[
        bool, typer.Option("--accept", help="Go on from what the database has, and write that down.")
    ] = False,
    why: Annotated[
        str | None, typer.Option("--why", metavar="TEXT", help="The reason, for the ledger; without personal data.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> int:
    """Show why nothing is decided or sent, and which checkpoints of the witnesses hold; lead out with --accept."""
    from scheduler.cli.start import whoever
    from scheduler.cli.store import opened
    from scheduler.ledger import reconcile as ways
    from scheduler.ledger.witness import witnesses_of

    if accept != bool(why and why.strip()):
        raise typer.BadParameter("--accept and --why go together: the ledger keeps the reason", param_hint="--accept")
    with opened() as store, witnesses_of(store.settings) as witnesses:
        if accept and why is not None:
            at = store.now()
            before = ways.accept(
                store.connection, store.clock_id, store.settings, witnesses, at, by=whoever(), why=why.strip()
            )
        else:
            before = ways.compare(store.connection, store.clock_id, witnesses)
    if json_:
        say_json(_values(before, accept))
    else:
        say_all(columns(_lines(before)))
    if accept:
        if before.well:
            tell("duly: nothing to reconcile, and nothing was changed")
            return GOOD
        given_up = len(before.examination.wrong)
        tell(f"duly: free to run; {given_up} checkpoint{'' if given_up == 1 else 's'} given up")
        return GOOD
    if not before.well:
        tell(
            "duly: restore the database that the witnesses remember, if there is one: this one may send again what "
            "left since. To go on from this one: duly reconcile --accept --why TEXT"
        )
    return GOOD if before.well else NOT_WELL


def _lines(compared: Comparison) -> Iterator[tuple[str, str]]:
    found = compared.examination
    yield "held", compared.held or "no"
    for fault in found.faults:
        yield "fault", fault
    for origin in _origins(compared):
        yield "ledger", origin + _ours(compared.ledgers, origin)
        good, bad, lost = _of(compared, origin)
        yield "last that holds", "none" if good is None else _size(good)
        yield "first that does not", "none" if bad is None else f"{_size(bad)}: {bad.wrong}"
        if lost:
            yield "lost", f"at least {lost:,} entr{'y' if lost == 1 else 'ies'} that a witness knew of"
    if not _origins(compared):
        yield "ledger", "none yet, and no witness keeps a checkpoint"
    for name in compared.silent:
        yield "cannot be read back", name


def _values(compared: Comparison, accepted: bool) -> dict[str, Any]:
    ledgers = []
    for origin in _origins(compared):
        good, bad, lost = _of(compared, origin)
        ours = next((one for one in compared.ledgers if one.origin == origin), None)
        ledgers.append(
            {
                "origin": origin, "lender_id": None if ours is None else ours.lender_id,
                "size": None if ours is None else ours.size,
                "last_that_holds": None if good is None else good.checkpoint.size,
                "first_that_does_not": None if bad is None else bad.checkpoint.size,
                "reason": None if bad is None else bad.wrong, "lost": lost,
            }
        )  # fmt: skip
    return {
        "well": compared.well or accepted, "held": compared.held, "faults": list(compared.examination.faults),
        "ledgers": ledgers, "cannot_be_read_back": list(compared.silent), "accepted": accepted,
    }  # fmt: skip


def _origins(compared: Comparison) -> list[str]:
    witnessed = [one.checkpoint.origin for one in compared.examination.witnessed]
    return sorted({*witnessed, *(one.origin for one in compared.ledgers)})


def _of(compared: Comparison, origin: str) -> tuple[Witnessed | None, Witnessed | None, int]:
    from scheduler.ledger.reconcile import first_that_does_not, last_that_holds, lost

    found = compared.examination.witnessed
    size = next((one.size for one in compared.ledgers if one.origin == origin), 0)
    return last_that_holds(found, origin), first_that_does_not(found, origin), lost(found, origin, size)


def _ours(ledgers: tuple[Ledger, ...], origin: str) -> str:
    for one in ledgers:
        if one.origin == origin:
            return f", {one.size:,} entries, of {one.lender_id}"
    return ", which this database does not have"


def _size(one: Witnessed) -> str:
    return f"{one.checkpoint.size:,} entries"
