"""``duly replay``: decides again what was decided, on what was recorded, and says what would come out otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.clock_option import REAL, OfClock
from scheduler.cli.failures import GOOD, NOT_WELL, Failure
from scheduler.cli.output import printable, progress, say, say_all, say_json
from scheduler.cli.reading import optional_instant

if TYPE_CHECKING:
    from policies.facts import Instant
    from scheduler.cli.store import Store
    from scheduler.replay.differences import Difference
    from scheduler.replay.reading import Chunk
    from scheduler.replay.running import Sum


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(replay)


def replay(
    loan_id: Annotated[str | None, typer.Argument(metavar="LOAN", help="The loan's id.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every borrower of the book.")] = False,
    since: Annotated[
        str | None, typer.Option("--since", metavar="T", help="Compare what was decided from this instant or date on.")
    ] = None,
    clock: OfClock = REAL,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object a line; the last one sums up.")] = False,
) -> int:
    """Decide again with this version of duly, and compare byte for byte with what was recorded; exit 3 on a difference.

    A loan is replayed with the other loans of its borrower, on whom its decisions rest. Clock, environment, network
    and randomness are taken away meanwhile: a decision that reads one is named with the line that did.
    """
    from scheduler.cli.store import opened
    from scheduler.replay.history import ReplayError
    from scheduler.replay.reading import count, read_policies
    from scheduler.replay.running import replay_all

    when = optional_instant(since, "--since")
    if (loan_id is None) == (not all_ and since is None):
        raise typer.BadParameter("name a loan, or give --all or --since", param_hint="LOAN")
    try:
        with opened(clock) as store, progress("replaying") as bar:
            whole = None if loan_id is not None else count(store.connection, store.clock_id, when)
            policies = read_policies(store.connection, store.clock_id)
            done = replay_all(
                _chunks(store, loan_id, when), policies, when, lambda n: bar(n, whole, f"{n:,} borrowers")
            )
    except ReplayError as error:
        raise Failure(str(error), NOT_WELL) from error
    if json_:
        for values in _values(done):
            say_json(values)
    else:
        say_all(_lines(done))
        say(_sum_line(done))
    return GOOD if done.equal else NOT_WELL


def _chunks(store: Store, loan_id: str | None, since: Instant | None) -> Iterator[Chunk]:
    from scheduler.replay.reading import borrowers_of, keys, read_chunk
    from scheduler.replay.running import AT_ONCE

    if loan_id is None:
        for some in keys(store.connection, store.clock_id, since, AT_ONCE):
            yield read_chunk(store.connection, store.clock_id, some)
        return
    who = borrowers_of(store.connection, store.clock_id, loan_id)
    if not who:
        raise Failure(f"there is no loan {loan_id!r} in the book; its id is the loan_id of loans.csv")
    yield read_chunk(store.connection, store.clock_id, who)


def _lines(done: Sum) -> Iterator[str]:
    for read, times in done.reads.items():
        yield printable(
            f"unrecorded read: {read.what} ({read.kind}) at {read.file}:{read.line}, first for borrower "
            f"{read.borrower_id}, {_many(times, 'time')}"
        )
    for one in done.differences:
        if not one.follows:
            yield printable(_difference_line(one))
    told = sum(1 for one in done.differences if not one.follows)
    if done.differing > told:
        yield f"{_many(done.differing - told, 'further difference')}, later in the same stories or past what is listed"
    for (what, then, now), times in sorted(done.notes.items()):
        yield printable(f"note: {_many(times, 'entry', 'entries')} recorded with {what} {then}, this is {now}")
    if done.erased:
        yield f"note: {_many(done.erased, 'borrower')} erased, whose decisions cannot be made again"
    if done.aside:
        yield f"note: {_many(done.aside, 'decision')} could not be made or written then, and left nothing to compare"


def _difference_line(one: Difference) -> str:
    where = f"loan {one.loan_id}" if one.loan_id is not None else f"borrower {one.borrower_id}"
    if one.step is not None:
        where += f" step {one.step}" + ("" if one.occurrence is None else f"/{one.occurrence}")
    if one.what == ("facts",):
        return f"{one.at}  {where}: the facts in the database are not those that were decided on"
    was, now = one.rules
    rule = f" [{was or 'no rule'} -> {now or 'no rule'}]" if was != now else f" [{was}]" if was else ""
    return f"{one.at}  {where}: {', '.join(one.what)} differ{'s' if len(one.what) == 1 else ''}{rule}{_change(one)}"


def _change(one: Difference) -> str:
    """The first value that differs and can be read: digests say nothing to the eye."""
    for key in ("outcome", "until", "planned", "due", "at", "fault"):
        was, now = one.recorded.get(key), one.now.get(key)
        if was != now:
            return f": {key} {was or 'none'} -> {now or 'none'}"
    return ""


def _sum_line(done: Sum) -> str:
    said = [_many(done.differing, "difference")] if done.differing else []
    said += [_many(len(done.reads), "unrecorded read")] if done.reads else []
    return (
        f"{', '.join(said) or 'all equal'}: {_many(done.looks, 'look')}, {_many(done.entries, 'entry', 'entries')}, "
        f"{_many(done.loans, 'loan')} of {_many(done.borrowers, 'borrower')}"
    )


def _many(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _values(done: Sum) -> Iterable[dict[str, Any]]:
    for read, times in done.reads.items():
        yield {**read._asdict(), "kind": "unrecorded_read", "of": read.kind, "times": times}
    for one in done.differences:
        yield {"kind": "difference", **one._asdict()}
    for (what, then, now), times in sorted(done.notes.items()):
        yield {"kind": "note", "what": what, "recorded": then, "now": now, "entries": times}
    yield {
        "kind": "sum", "equal": done.equal, "differences": done.differing, "unrecorded_reads": len(done.reads),
        "looks": done.looks, "entries": done.entries, "loans": done.loans, "borrowers": done.borrowers,
        "erased": done.erased, "set_aside": done.aside, "migrated": done.moved,
    }  # fmt: skip
