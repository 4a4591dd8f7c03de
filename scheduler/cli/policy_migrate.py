"""``duly policy migrate``: what moving running contracts to another version changes, and with --apply the move."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.failures import Failure
from scheduler.cli.output import columns, say_all, say_json, tell
from scheduler.cli.start import whoever

if TYPE_CHECKING:
    from policies.contract import Policy
    from policies.versions import Policies
    from scheduler.migrate import Move, Next

HEADER = ("LOAN", "NEXT NOW", "NEXT THEN", "WHAT")


def add_to(app: typer.Typer) -> None:
    """Add the command to ``duly policy``."""
    app.command()(migrate)


def migrate(
    old: Annotated[str, typer.Argument(metavar="FROM", help="A published version: its digest, or how it begins.")],
    new: Annotated[str, typer.Argument(metavar="TO", help="Another version of the same policy, newer or older.")],
    apply: Annotated[bool, typer.Option("--apply", help="Move them; without it nothing changes.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show what changes for each loan that is pinned to FROM when it goes on under TO; move them with --apply."""
    from scheduler.cli.store import opened
    from scheduler.engine import read_policies
    from scheduler.migrate import moves

    with opened() as store:
        connection, clock_id = store.connection, store.clock_id
        policies = read_policies(connection, clock_id)["default"]
        before, after = _version(policies, old, "FROM"), _version(policies, new, "TO")
        if before.name != after.name:
            raise Failure(
                f"FROM is a version of {before.name}, TO one of {after.name}; name two versions of one policy"
            )
        if before.digest == after.digest:
            raise Failure(f"FROM and TO are the same version of {before.name}; see: duly policy list")
        with connection.transaction() if apply else nullcontext():
            found = list(
                moves(
                    connection,
                    clock_id,
                    policies,
                    before,
                    after,
                    store.now(),
                    store.settings.link_base,
                    apply=apply,
                    by=whoever(),
                )
            )
    if json_:
        for move in found:
            say_json(_values(move, apply))
    elif found:
        say_all(columns((HEADER, *(_row(move) for move in found))))
    refused = sum(1 for move in found if move.refused is not None)
    moved = f"{len(found) - refused} of {len(found)} loans {'moved' if apply else 'would move'}"
    left = f"; {refused} stay, as the new version would repeat what was done or does not fit" if refused else ""
    tell(f"duly: {moved}{left}" + ("" if apply or refused == len(found) else "; nothing is changed without --apply"))


def _version(policies: Policies, prefix: str, what: str) -> Policy:
    """The one published version whose digest begins so, with or without ``sha256:``."""
    wanted = prefix.removeprefix("sha256:")
    found = [one for one in policies.digests() if wanted and one.removeprefix("sha256:").startswith(wanted)]
    if len(found) == 1:
        return policies.version(found[0])
    if found:
        raise Failure(f"{what}: {len(found)} published versions begin with {prefix!r}; give more of the digest")
    raise Failure(f"{what}: no published version begins with {prefix!r}; see: duly policy list")


def _values(move: Move, apply: bool) -> dict[str, Any]:
    return {
        "loan_id": move.loan_id, "now": _next_values(move.before), "then": _next_values(move.after),
        "kept": list(move.kept), "dropped": list(move.dropped), "refused": move.refused,
        "moved": apply and move.refused is None,
    }  # fmt: skip


def _next_values(following: Next | None) -> dict[str, str] | None:
    return None if following is None else {"step": following.step, "at": following.at}


def _row(move: Move) -> tuple[str, ...]:
    if move.refused is not None:
        return (move.loan_id, _next_text(move.before), "", f"refused: {move.refused}")
    said = [f"{name} stays settled" for name in move.kept] + [f"{name} falls away" for name in move.dropped]
    return (move.loan_id, _next_text(move.before), _next_text(move.after), "; ".join(said))


def _next_text(following: Next | None) -> str:
    from scheduler.cli.story_text import local_time

    return "nothing" if following is None else f"{following.step} {local_time(following.at)}"
