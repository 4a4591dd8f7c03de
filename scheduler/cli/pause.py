"""``duly pause`` and ``duly resume``: what is held from the next claim on, and what goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.failures import GOOD, Failure
from scheduler.cli.output import columns, say_all, say_json, tell

if TYPE_CHECKING:
    from scheduler.pauses import Pause
    from scheduler.store.database import Connection

All = Annotated[bool, typer.Option("--all", help="Everything.")]
Lender = Annotated[str | None, typer.Option("--lender", metavar="ID", help="One lender.")]
Policy = Annotated[str | None, typer.Option("--policy", metavar="NAME", help="One policy, in all its versions.")]
Channel = Annotated[str | None, typer.Option("--channel", metavar="NAME", help="sms, email or letter.")]
Provider = Annotated[str | None, typer.Option("--provider", metavar="ADAPTER", help="One adapter, such as twilio.")]
Why = Annotated[
    str | None, typer.Option("--why", metavar="TEXT", help="The reason, for the journal; without personal data.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]

_KNOWN = {
    "lender": "SELECT DISTINCT lender_id FROM policy_version WHERE clock_id = %(clock)s",
    "policy": "SELECT DISTINCT name FROM policy_version WHERE clock_id = %(clock)s AND lender_id = 'default'",
}


def add_to(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command()(pause)
    app.command()(resume)


def pause(
    all_: All = False, lender: Lender = None, policy: Policy = None, channel: Channel = None,
    provider: Provider = None, why: Why = None, json_: Json = False,
) -> int:  # fmt: skip
    """Hold it from the next claim on; facts go on arriving. Without a name, list what is paused."""
    return _do(_chosen(all_, lender, policy, channel, provider), why, json_, pausing=True)


def resume(
    all_: All = False, lender: Lender = None, policy: Policy = None, channel: Channel = None,
    provider: Provider = None, why: Why = None, json_: Json = False,
) -> int:  # fmt: skip
    """Let it go on, as after an outage: each loan does at most its next step. Without a name, list what is paused."""
    return _do(_chosen(all_, lender, policy, channel, provider), why, json_, pausing=False)


def _chosen(
    all_: bool, lender: str | None, policy: str | None, channel: str | None, provider: str | None
) -> tuple[str, str] | None:
    named = {"lender": lender, "policy": policy, "channel": channel, "provider": provider}
    found = [("all", "")] if all_ else []
    found += [(scope, name) for scope, name in named.items() if name is not None]
    if len(found) > 1:
        raise typer.BadParameter("name one thing at a time", param_hint=f"--{found[1][0]}")
    return found[0] if found else None


def _do(chosen: tuple[str, str] | None, why: str | None, json_: bool, *, pausing: bool) -> int:
    from scheduler import pauses
    from scheduler.cli.start import whoever
    from scheduler.cli.store import opened

    with opened() as store:
        if chosen is not None:
            scope, name = chosen
            if pausing:
                _check(store.connection, store.clock_id, scope, name)
            act = pauses.pause if pausing else pauses.resume
            reason = why.strip() or None if why is not None else None
            done = act(store.connection, store.clock_id, scope, name, store.now(), by=whoever(), why=reason)
            what = f"{scope} {name}".rstrip()
            if pausing:
                tell(f"duly: {what} paused" if done else f"duly: {what} was paused already; nothing was changed")
            else:
                tell(f"duly: {what} goes on" if done else f"duly: {what} was not paused; nothing was changed")
        left = pauses.all_pauses(store.connection, store.clock_id)
    if json_:
        for one in left:
            say_json(values(one))
    else:
        say_all(columns(((one.words(), *_rest(one)) for one in left) if left else (("nothing is paused",),)))
    return GOOD


def _check(connection: Connection, clock_id: int, scope: str, name: str) -> None:
    """A pause of something that does not exist would hold nothing, and whoever made it would not know."""
    from importlib.metadata import entry_points

    from adapters.base import CHANNELS, ENTRY_POINT_GROUP

    if scope == "all":
        return
    if scope == "channel":
        known = sorted(CHANNELS)
    elif scope == "provider":
        known = sorted(entry_points(group=ENTRY_POINT_GROUP).names)
    else:
        known = sorted(str(row[0]) for row in connection.execute(_KNOWN[scope], {"clock": clock_id}))
    if name not in known:
        raise Failure(f"there is no {scope} {name[:80]!r}; there is {', '.join(known) or 'none yet'}")


def values(one: Pause) -> dict[str, str | None]:
    """A pause as JSON."""
    from policies.calendar import zone

    since = zone("UTC").iso(one.since)
    return {"scope": one.scope, "name": one.name or None, "since": since, "by": one.by, "why": one.why}


def _rest(one: Pause) -> tuple[str, ...]:
    from policies.calendar import zone

    return f"since {zone('UTC').iso(one.since)}", f"by {one.by}", one.why or ""
