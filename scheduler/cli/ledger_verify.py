"""``duly ledger verify``: the check of everything, told in a few lines; the exit code is 3 where all is not well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scheduler.cli.failures import GOOD, NOT_WELL, Failure
from scheduler.cli.output import columns, progress, say_all, say_json, tell

if TYPE_CHECKING:
    from scheduler.ledger.checkpoint_check import Kept
    from scheduler.ledger.findings import Finding, Held, Verdict
    from scheduler.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command()(verify)


def verify(
    from_: Annotated[
        list[Path] | None,
        typer.Option("--from", metavar="CHECKPOINT", help="A file with an older checkpoint to compare with."),
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> int:
    """Reckon the whole ledger anew, and compare it with its tree, its checkpoints, its witnesses and --from."""
    from scheduler.cli.store import opened
    from scheduler.ledger.checking import check

    with opened() as store:
        kept = [*_given(from_ or []), *_witnessed(store.settings)]
        with progress("checking") as bar:
            verdicts = check(
                store.connection, store.clock_id, kept, lambda origin: known_keys(store.settings, origin),
                lambda done, total, what: bar(done, total, what),
            )  # fmt: skip
    for verdict in verdicts:
        if json_:
            say_json(_values(verdict))
        else:
            say_all(columns(_lines(verdict)))
            _tell(verdict)
    return GOOD if all(verdict.well for verdict in verdicts) else NOT_WELL


def _given(paths: list[Path]) -> Iterator[Kept]:
    from scheduler.ledger.checkpoint_check import Kept
    from scheduler.ledger.errors import WitnessError
    from scheduler.ledger.witness import split

    for path in paths:
        try:
            yield Kept(str(path), split(path.read_bytes().decode()), given=True)
        except (UnicodeDecodeError, WitnessError) as error:
            raise Failure(f"{path} is not a checkpoint: {error}") from None


def _witnessed(settings: Settings) -> Iterator[Kept]:
    from scheduler.ledger.checkpoint_check import Kept
    from scheduler.ledger.errors import WitnessError
    from scheduler.ledger.witness import open_witnesses

    for witness in open_witnesses(settings):
        try:
            notes = witness.read()
        except WitnessError as error:
            yield Kept(witness.name, (), fault=f"a witness could not be read: {error}")
            continue
        finally:
            witness.close()
        if notes is None:
            tell(f"duly: {witness.name} cannot be read back, so nothing was compared with it")
        else:
            yield Kept(witness.name, notes)


def known_keys(settings: Settings, origin: str) -> list[str]:
    """The verifier keys that this machine has for an origin; none, where it has none yet, for none is made here."""
    from scheduler.ledger.keys import KEY_FILE, signer

    if settings.ledger_key is None and not (settings.home / KEY_FILE).exists():
        return []
    return [str(signer(settings, origin).verifier)]


def _lines(verdict: Verdict) -> Iterator[tuple[str, str]]:
    from scheduler.ledger.proving import base64_of

    yield "lender", verdict.lender_id
    yield "well", "yes" if verdict.well else f"NO: {_words(verdict.findings[0])}"
    yield "ledger", verdict.origin or "none yet"
    yield "entries", f"{verdict.size:,}" + (f", and {verdict.waiting:,} wait for a number" if verdict.waiting else "")
    yield "root", base64_of(verdict.root)
    yield "checkpoints", f"{verdict.checkpoints:,} in the database, {verdict.outside:,} outside it"
    if verdict.outside:
        yield "holds", _held(verdict.holds)
    if verdict.fails is not None:
        yield "does not hold", _held(verdict.fails)
    for one in verdict.given_up:
        yield "given up", f"{_held(one)}, by duly reconcile"


def _held(one: Held | None) -> str:
    return "none" if one is None else f"the checkpoint of {one.size:,} entries in {one.source}"


def _tell(verdict: Verdict) -> None:
    for finding in verdict.findings:
        tell(f"duly: {finding.code}: {_words(finding)}")
    shown: dict[str, int] = {}
    for finding in verdict.findings:
        shown[finding.code] = shown.get(finding.code, 0) + 1
    for code, count in verdict.counts.items():
        if count > shown.get(code, 0):
            tell(f"duly: {code}: and {count - shown.get(code, 0):,} more")
    for remark in verdict.remarks:
        tell(f"duly: {remark}")


def _words(finding: Finding) -> str:
    return finding.text if finding.kind is None else f"{finding.text} ({finding.kind}, {finding.at})"


def _values(verdict: Verdict) -> dict[str, Any]:
    from scheduler.ledger.proving import base64_of

    return {
        "lender": verdict.lender_id, "well": verdict.well, "origin": verdict.origin, "size": verdict.size,
        "waiting": verdict.waiting, "root": base64_of(verdict.root), "checkpoints": verdict.checkpoints,
        "outside": verdict.outside, "holds": _held_values(verdict.holds), "fails": _held_values(verdict.fails),
        "given_up": [_held_values(one) for one in verdict.given_up], "remarks": list(verdict.remarks),
        "counts": verdict.counts,
        "findings": [
            {
                "code": one.code, "text": one.text, "number": one.number, "kind": one.kind, "at": one.at,
                "size": one.size, "source": one.source,
            }
            for one in verdict.findings
        ],
    }  # fmt: skip


def _held_values(one: Held | None) -> dict[str, Any] | None:
    return None if one is None else {"size": one.size, "source": one.source}
