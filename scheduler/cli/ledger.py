"""``duly ledger``: the ledger checked, checkpoints signed, and proofs of what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli import ledger_bundle, ledger_key, ledger_verify
from scheduler.cli.failures import NOT_WELL, Failure
from scheduler.cli.output import say, say_all, say_json, tell

if TYPE_CHECKING:
    from scheduler.cli.store import Store
    from scheduler.ledger.checkpoints import Ledger
    from scheduler.ledger.proving import Inclusion, Side

app = typer.Typer(help="The ledger: check it, sign checkpoints, prove what is in it.", no_args_is_help=True)
ledger_verify.add_to(app)
ledger_bundle.add_to(app)
app.add_typer(ledger_key.app, name="key")

_LONGEST_NUMBER = 19

Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Lender = Annotated[str | None, typer.Option("--lender", metavar="ID", help="Whose ledger, where there are several.")]


@app.command()
def checkpoint(json_: Json = False) -> None:
    """Number what can be numbered, sign a checkpoint, give it to the witnesses, and print it."""
    from scheduler.cli.store import opened
    from scheduler.ledger import checkpoints, hold
    from scheduler.ledger.errors import LedgerError
    from scheduler.ledger.keeping import Keeper
    from scheduler.ledger.keys import signer
    from scheduler.ledger.witness import open_witnesses

    with opened() as store:
        keeper = Keeper(store.connection, store.clock_id, store.settings, open_witnesses(store.settings))
        try:
            reason = hold.why(store.connection, store.clock_id) or keeper.examine()
            if reason is not None:
                raise Failure(f"no checkpoint is signed: {reason}", NOT_WELL)
            for ledger in checkpoints.ledgers(store.connection, store.clock_id):
                if str(signer(store.settings, ledger.origin).verifier) != ledger.key:
                    raise LedgerError(checkpoints.another_key(ledger))
            reason = keeper.finish(store.now())
        finally:
            keeper.close()
        notes = [
            (ledger, note)
            for ledger in checkpoints.ledgers(store.connection, store.clock_id)
            if (note := checkpoints.latest(store.connection, store.clock_id, ledger.lender_id)) is not None
        ]
    if reason is not None:
        raise Failure(reason, NOT_WELL)
    if not notes:
        raise Failure("there is nothing to sign yet: the journal is empty; publish a policy or import a book first")
    for ledger, note in notes:
        if json_:
            say_json({"lender": ledger.lender_id, "origin": ledger.origin, "size": ledger.size, "checkpoint": note})
        else:
            say(note.removesuffix("\n"))


@app.command()
def prove(
    what: Annotated[
        str, typer.Argument(metavar="ENTRY|MESSAGE", help="An entry's number, or a message's id or how it begins.")
    ],
    lender: Lender = None,
    json_: Json = False,
) -> None:
    """Prove that an entry, or each entry about a message, is in the tree of the latest checkpoint."""
    from scheduler.cli.store import opened

    with opened() as store:
        whose = one_ledger(store, lender)
        proofs = list(_proofs(store, whose, what))
    for proof in proofs:
        if json_:
            from scheduler.ledger.proving import base64_of
            from scheduler.ledger.tree import leaf_hash

            say_json(
                {
                    "lender": whose.lender_id, "number": proof.number, "kind": proof.row.kind, "entry": proof.row.entry,
                    "leaf": base64_of(leaf_hash(proof.row.leaf)), "hashes": list(map(base64_of, proof.hashes)),
                    "checkpoint": proof.note,
                }
            )  # fmt: skip
        else:
            tell(f"entry {proof.number:,} ({proof.row.kind}): {proof.row.entry}")
            say(proof.text())


def _proofs(store: Store, ledger: Ledger, what: str) -> list[Inclusion]:
    from scheduler.ledger.proving import NotProvable, include
    from scheduler.ledger.reading import NoMessage, entries_of_message, number_of

    at = (store.connection, ledger.lender_id, store.clock_id)
    try:
        if what.isascii() and what.isdecimal() and len(what) <= _LONGEST_NUMBER:
            return [include(store.connection, store.clock_id, ledger, int(what))]
        proofs = []
        for row in entries_of_message(*at, what):
            number = number_of(*at, row.xact, row.entry_id)
            if number is None:
                raise Failure(
                    f"an entry about message {what} has no number yet; run: duly ledger checkpoint, then this again"
                )
            proofs.append(include(store.connection, store.clock_id, ledger, number))
    except (NotProvable, NoMessage) as error:
        raise Failure(str(error)) from None
    if not proofs:
        raise Failure(f"no entry names message {what}; run: duly ledger verify", NOT_WELL)
    return proofs


@app.command()
def consistency(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A size, or the file of a checkpoint.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="A size, or the file of a checkpoint.")],
    lender: Lender = None,
    json_: Json = False,
) -> None:
    """Prove that one checkpoint goes on from an older one; the exit code is 3 where it does not."""
    from scheduler.cli.store import opened
    from scheduler.ledger.proving import base64_of, continues

    with opened() as store:
        ledger = one_ledger(store, lender)
        earlier, later = _side(store, ledger, old), _side(store, ledger, new)
        if earlier.size > later.size:
            raise Failure(f"OLD has {earlier.size:,} entries, NEW has {later.size:,}; give the smaller one first")
        hashes = list(map(base64_of, continues(store.connection, store.clock_id, ledger, earlier, later)))
    if json_:
        sides = [{"size": one.size, "root": base64_of(one.root), "source": one.source} for one in (earlier, later)]
        say_json({"lender": ledger.lender_id, "old": sides[0], "new": sides[1], "hashes": hashes})
        return
    for name, one in (("old", earlier), ("new", later)):
        say(f"{name} {one.size} {base64_of(one.root)}")
        tell(f"{name}: {one.source}")
    say_all(hashes)


def _side(store: Store, ledger: Ledger, named: str) -> Side:
    """A size, or the file of a checkpoint, whose signature is checked by the keys of the ledger."""
    from scheduler.ledger.hold import keys_of
    from scheduler.ledger.notes import Checkpoint, NoteError, open_note
    from scheduler.ledger.proving import NotProvable, Side, side

    if named.isascii() and named.isdecimal() and len(named) <= _LONGEST_NUMBER:
        try:
            return side(store.connection, store.clock_id, ledger, int(named))
        except NotProvable as error:
            raise Failure(str(error)) from None
    try:
        text, _ = open_note(read_note(Path(named)), keys_of(store.connection, store.clock_id, ledger))
        checkpoint = Checkpoint.parse(text)
    except NoteError as error:
        raise Failure(f"{named}: {error}", NOT_WELL) from None
    return Side(checkpoint.size, checkpoint.root, named)


def read_note(path: Path) -> str:
    """The text of a checkpoint's file. Raises OSError, and Failure where it is no text."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError:
        raise Failure(f"{path} is not a checkpoint: it is no UTF-8 text") from None


def one_ledger(store: Store, lender: str | None) -> Ledger:
    """The ledger that is meant. Raises Failure where there is none, or several and none is named."""
    from scheduler.ledger.checkpoints import ledgers

    found = {ledger.lender_id: ledger for ledger in ledgers(store.connection, store.clock_id)}
    if not found:
        raise Failure("there is no ledger yet; run: duly ledger checkpoint")
    if lender is None and len(found) > 1:
        raise Failure(f"there are several ledgers; name one of them with --lender: {', '.join(found)}")
    if lender is not None and lender not in found:
        raise Failure(f"lender {lender!r} has no ledger; there are: {', '.join(found)}")
    return found[lender] if lender is not None else next(iter(found.values()))
