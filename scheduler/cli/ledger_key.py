"""``duly ledger key``: which key signs the ledger, and how it goes over to another."""

from __future__ import annotations

from typing import Annotated

import typer

from scheduler.cli.failures import NOT_WELL, Failure
from scheduler.cli.output import columns, say, say_all, say_json, tell

app = typer.Typer(help="The key that signs the ledger: show it, go over to another.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.command()
def show(json_: Json = False) -> None:
    """Print the verifier key of each ledger: whoever has it can check what was signed."""
    from scheduler.cli.ledger_verify import known_keys
    from scheduler.cli.store import opened
    from scheduler.ledger.checkpoints import ledgers

    with opened() as store:
        found = ledgers(store.connection, store.clock_id)
    if not found:
        raise Failure("there is no ledger yet; run: duly ledger checkpoint")
    if json_:
        for one in found:
            ours = one.key in known_keys(store.settings, one.origin)
            say_json({"lender": one.lender_id, "origin": one.origin, "key": one.key, "of_this_machine": ours})
        return
    say_all(columns([(one.lender_id, one.key) for one in found]))
    for one in found:
        if one.key not in known_keys(store.settings, one.origin):
            tell(f"duly: this machine does not have the key of {one.lender_id}")


@app.command()
def rotate(json_: Json = False) -> None:
    """Go over to a new key: an entry names it, and the checkpoint with that entry is signed by both."""
    from scheduler.cli.start import whoever
    from scheduler.cli.store import opened
    from scheduler.ledger import hold
    from scheduler.ledger.keeping import Keeper
    from scheduler.ledger.keys import keep_seed, ledger_seed, next_seed
    from scheduler.ledger.rotating import go_over
    from scheduler.ledger.witness import open_witnesses

    with opened() as store:
        settings = store.settings
        witnesses = open_witnesses(settings)
        keeper = Keeper(store.connection, store.clock_id, settings, witnesses)
        try:
            reason = hold.why(store.connection, store.clock_id) or keeper.examine()
            if reason is not None:
                raise Failure(f"the key stays as it is: {reason}", NOT_WELL)
            old, new = ledger_seed(settings), next_seed(settings)
            if old == new:
                raise Failure("the next key is the present one; set another in DULY_LEDGER_KEY_NEXT")
            done = go_over(store.connection, store.clock_id, settings, old, new, store.now(), whoever())
            # The old key is given up only when the witnesses know of the new one.
            for witness in witnesses:
                for one in done:
                    witness.keep(one.note)
            keep_seed(settings, new)
        finally:
            keeper.close()
    for one in done:
        if json_:
            say_json({"lender": one.lender_id, "after": one.after, "key": one.key, "checkpoint": one.note})
        else:
            say(one.key)
    if settings.ledger_key is None:
        tell("duly: the new key is in ledger.key in DULY_HOME; daemons on other machines sign again when they have it")
    else:
        tell(
            "duly: set DULY_LEDGER_KEY to what DULY_LEDGER_KEY_NEXT is, for every daemon, take DULY_LEDGER_KEY_NEXT "
            "out, and start them again; until then they sign nothing"
        )
