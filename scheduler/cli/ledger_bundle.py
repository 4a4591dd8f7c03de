"""``duly ledger bundle``: the evidence for one loan as a ZIP that proves itself, with the program that checks it."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scheduler.cli.failures import Failure
from scheduler.cli.output import say, tell

if TYPE_CHECKING:
    from scheduler.cli.store import Store
    from scheduler.ledger.bundle import Shown
    from scheduler.ledger.evidence import Evidence
    from scheduler.ledger.notes import Signer


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(bundle)


def bundle(
    loan_id: Annotated[str, typer.Argument(metavar="LOAN", help="The loan's id.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.zip", help="The file to write; else LOAN-evidence.zip here.")
    ] = None,
    redact: Annotated[
        list[str] | None,
        typer.Option(
            "--redact", metavar="FIELD", help="Leave out the values of a field; repeat, or put commas between."
        ),
    ] = None,
) -> None:
    """Write the evidence for a loan: facts, policy, decisions with their reasons, texts, receipts, and their proofs.

    A value that is left out is replaced by its digest, and the proof still holds. Anyone can check the file with the
    verify.py in it.
    """
    from scheduler.cli.store import opened
    from scheduler.ledger import bundle as bundles
    from scheduler.ledger import evidence as evidences
    from scheduler.ledger.redaction import NoField, Redaction

    try:
        redaction = Redaction.of(redact or ())
    except NoField as error:
        raise typer.BadParameter(str(error), param_hint="--redact") from None
    target = _name(loan_id, redaction.hides("loan_id")) if out is None else out
    if target.exists():
        raise Failure(f"{target} is there already, and evidence is not overwritten; name another file with --out")
    with opened() as store:
        try:
            lender_id = evidences.lender_of(store.connection, store.clock_id, loan_id)
            why_not = _cover(store)
            evidence = evidences.read_evidence(store.connection, store.clock_id, loan_id)
        except evidences.NoEvidence as error:
            raise Failure(str(error)) from None
        signer = _signer(store, lender_id)
    given = bundles.shown(evidence, redaction)
    data = _packed(evidence, given, signer)
    _check(data)
    # Only for its owner, as it tells of a person; and never over another file, whoever was quicker.
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    _told(evidence, given, why_not)
    say(str(target))


def _name(loan_id: str, hidden: bool) -> Path:
    plain = re.sub(r"[^\w.-]", "_", loan_id).lstrip(".-") or "loan"
    return Path("evidence.zip" if hidden else f"{plain}-evidence.zip")


def _cover(store: Store) -> str | None:
    """Number what waits and sign a checkpoint, as ``duly ledger checkpoint`` does; answers why not, where it is not."""
    from scheduler.ledger import hold
    from scheduler.ledger.keeping import Keeper
    from scheduler.ledger.witness import open_witnesses

    keeper = Keeper(store.connection, store.clock_id, store.settings, open_witnesses(store.settings))
    try:
        reason = hold.why(store.connection, store.clock_id) or keeper.examine()
        return reason or keeper.finish(store.now())
    finally:
        keeper.close()


def _signer(store: Store, lender_id: str) -> Signer:
    """Who signs the manifest: the key of the ledger, as it alone can be known to whoever checks."""
    from scheduler.ledger import checkpoints, keys

    ledger = next(one for one in checkpoints.ledgers(store.connection, store.clock_id) if one.lender_id == lender_id)
    found = keys.signer(store.settings, ledger.origin)
    if str(found.verifier) != ledger.key:
        raise Failure(checkpoints.another_key(ledger))
    return found


def _packed(evidence: Evidence, given: Shown, signer: Signer) -> bytes:
    from policies.language.check import compile_policy
    from scheduler.cli.bundle_story import README, story
    from scheduler.cli.policy_text import rendered
    from scheduler.ledger.bundle import files_of, hex_of, packed

    files = files_of(evidence, given)
    for digest, (file_name, source) in evidence.sources.items():
        policy, _ = compile_policy(file_name, source, executing=True)
        lines = ["this version of duly cannot read it any more"] if policy is None else rendered(policy)
        files[f"policies/{hex_of(digest)}.txt"] = "".join(f"{line}\n" for line in lines).encode()
    files |= {"README.txt": README.encode(), "story.txt": story(evidence, given).encode()}
    return packed(files, signer)


def _check(data: bytes) -> None:
    """Run ``verify.py`` on what is about to be given away: no evidence leaves that does not hold."""
    from contextlib import redirect_stdout
    from io import StringIO
    from tempfile import TemporaryDirectory

    from scheduler.ledger import verify
    from scheduler.ledger.errors import LedgerError

    with TemporaryDirectory(prefix="duly-") as folder:
        place = Path(folder) / "bundle.zip"
        place.write_bytes(data)
        with redirect_stdout(StringIO()) as said:
            code = verify.main([str(place)])
    if code:
        wrong = next(line for line in said.getvalue().splitlines() if line.startswith("WRONG"))
        raise LedgerError(
            f"the evidence would not hold, so nothing was written: {wrong.removeprefix('WRONG').strip()}; run: duly "
            "ledger verify, and duly replay with the loan's id"
        )


def _told(evidence: Evidence, given: Shown, why_not: str | None) -> None:
    """What whoever gives the evidence away should know: what it does not cover, and what it still says."""
    from scheduler.ledger.checkpoints import text_of
    from scheduler.ledger.notes import Checkpoint
    from scheduler.ledger.redaction import FIELDS

    size = Checkpoint.parse(text_of(evidence.note)).size
    tell(f"{len(evidence.entries)} entries, proved by the checkpoint of {size:,}; check it with: python verify.py FILE")
    if why_not is not None:
        tell(f"no checkpoint was signed for it: {why_not}")
    if evidence.waiting:
        many = (
            "1 newer entry about it is" if evidence.waiting == 1 else f"{evidence.waiting} newer entries about it are"
        )
        tell(f"{many} not in the bundle: no checkpoint covers that yet")
    for name, places in given.leftovers.items():
        able = [place for place in places if place in FIELDS]
        remedy = f"; leave these out too with --redact {','.join(able)}" if able else ""
        fixed = [place for place in places if place not in FIELDS]
        fault = f" (nothing can be left out of {' and '.join(fixed)})" if fixed else ""
        tell(f"{name} was left out, and a value of it also stands in {', '.join(places)}{fault}{remedy}")
