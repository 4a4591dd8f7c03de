"""What is looked at once a run is finished: every step has its outcome, counts add up, ledger and replay are right."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from scheduler.history import story
from scheduler.ledger.checking import check as check_ledger
from scheduler.ledger.checkpoint_check import Kept
from scheduler.ledger.keys import signer
from scheduler.replay.reading import keys, read_chunk
from scheduler.replay.reading import read_policies as read_versions
from scheduler.replay.running import replay_all

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

LADDER = ("first", "both", "deal", "third", "last", "pass-on")
_MESSAGES = {"sent", "failed", "unconfirmed", "withdrawn"}
_ENDS = {"skipped", "void", "suppressed", "hand_off", "review", "superseded"}


def check(run: Simulation) -> None:
    """All that can be asked of a finished run; raises the run's Breach."""
    run.step("the last look")
    found = [*facts(run), *counts(run), *outcomes(run), *ledger(run), *replayed(run)]
    if found:
        run.breach("; ".join(found[:8]))


def facts(run: Simulation) -> list[str]:
    """I5: every fact whose telling was acknowledged is there; nobody is set aside who could be decided."""
    there = {row[0] for row in run.monitor.execute("SELECT event_id FROM event").fetchall()}
    lost = sorted(run.lender.acknowledged - there)
    aside = run.monitor.execute("SELECT borrower_id, set_aside FROM borrower WHERE set_aside IS NOT NULL").fetchall()
    held = run.monitor.execute("SELECT held FROM clock WHERE held IS NOT NULL").fetchall()
    return [
        *(f"I5: {event} was acknowledged and is not there" for event in lost),
        *(f"I4: {borrower} is still set aside: {why}" for borrower, why in aside),
        *(f"I8: the clock is held: {row[0]}" for row in held),
    ]


def counts(run: Simulation) -> list[str]:
    """I4: each message decided is one row with a final status, and the provider's record fits them."""
    rows = dict(run.monitor.execute("SELECT message_id, status FROM message").fetchall())
    entries = [json.loads(row[0]) for row in run.monitor.execute("SELECT entry FROM journal WHERE kind = 'decision'")]
    decided = Counter(e["message_key"] for e in entries if e["outcome"] == "sent")
    by_status = Counter(rows.values())
    accepted = {one.message_id for one in run.model.accepted}
    sent = {message for message, status in rows.items() if status == "sent"}
    held = {message for message, status in rows.items() if status == "unconfirmed"}
    withdrawn = sum(1 for e in entries if e["outcome"] == "withdrawn")
    found = []
    if by_status["queued"] or by_status["sending"]:
        found.append(f"I4: messages are left over: {dict(by_status)}")
    if len(decided) != len(rows) or set(decided.values()) - {1}:
        found.append(f"I4: {len(rows)} messages in the outbox, {sum(decided.values())} decided to be sent")
    if withdrawn != by_status["withdrawn"]:
        found.append(f"I4: {by_status['withdrawn']} messages withdrawn, {withdrawn} such decisions")
    if sent - accepted:
        found.append(f"I4: {len(sent - accepted)} messages count as sent that no provider accepted")
    if accepted - sent - held:
        found.append(f"I4: {len(accepted - sent - held)} accepted messages count as neither sent nor unconfirmed")
    return found


# --- the steps of ladders -----------------------------------------------------------------------------------------


def outcomes(run: Simulation) -> list[str]:
    """I4: every step of a ladder that began ends, and in one outcome where nothing can have opened it again."""
    lines: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for text in story(run.monitor, 0):
        line = json.loads(text)
        lines[line["loan_id"]].append(line)
    found = []
    for loan, told in lines.items():
        money = run.model.loans[loan]
        reversed_ = bool(money.reversed)
        ended = loan in run.model.closed
        found += _episodes(loan, told, simple=len(money.instalments) == 1, reversed_=reversed_, ended=ended)
        if not ended:
            found += _early(loan, told, reversed_=reversed_)
    return found


def _episodes(loan: str, told: list[dict[str, Any]], *, simple: bool, reversed_: bool, ended: bool) -> Iterable[str]:
    for episode in sorted({line["episode"] for line in told if line["episode"] is not None and line["step"]}):
        own = [line for line in told if line["episode"] == episode]
        ends: dict[str, set[Any]] = defaultdict(set)
        for line in own:
            for name in line["because"][0].get("superseded", ()):
                ends[name].add(("superseded", line["at"]))
            if line["step"] in LADDER:
                _end(line, ends[line["step"]])
        for line in told:
            # What is taken back after the cure belongs to no running episode.
            if line["outcome"] == "withdrawn" and line["step"] in LADDER and line["episode"] is None:
                _end(line, ends[line["step"]])
        over = any(line["outcome"] in ("cured", "hand_off") or "hand_off" in line["because"][0] for line in own)
        if not over:
            # A reversal lets an earlier episode go on, which takes in the one that runs (rule 6).
            taken_in = reversed_ and any(line["at"] > own[-1]["at"] for line in told if line["episode"] != episode)
            if not ended and not taken_in:
                yield f"I4: episode {episode} of {loan} has no end"
            continue
        for name in LADDER:
            kept = _kept(ends[name])
            if not kept and not ends[name]:
                yield f"I4: step {name} of {loan} in episode {episode} has no outcome"
            if simple and not reversed_ and len(kept) > 1:
                yield f"I4: step {name} of {loan} in episode {episode} has {len(kept)} outcomes: {sorted(kept)}"


def _end(line: dict[str, Any], ends: set[Any]) -> None:
    """What a line says of the end of its step; messages of one occurrence are one end, whatever their channels."""
    outcome = line["outcome"]
    if outcome in _MESSAGES:
        kind = {"withdrawn": "withdrawn", "failed": "part"}.get(outcome, "left")
        ends.add((kind, str(line["occurrence"])))
    elif outcome == "suppressed":
        # Beside a message by another channel it is that step's outcome for this channel only.
        ends.add(("part" if line["channel"] else "suppressed", str(line["occurrence"])))
    elif outcome in _ENDS and outcome != "superseded":
        ends.add((outcome, str(line["occurrence"])))


def _kept(ends: set[Any]) -> set[Any]:
    """The ends that count, one an occurrence; where a message was taken back and none left, its step was open again."""
    back = {occurrence for kind, occurrence in ends if kind == "withdrawn"}
    left = {occurrence for kind, occurrence in ends if kind == "left"}
    parts = {occurrence for kind, occurrence in ends if kind == "part"} - back
    return {("message", occurrence) for occurrence in left | parts} | {
        end for end in ends if end[0] not in ("withdrawn", "left", "part")
    }


def _early(loan: str, told: list[dict[str, Any]], *, reversed_: bool) -> Iterable[str]:
    for instalment in sorted({line["instalment"] for line in told if line["step"] == "early"}):
        ends: set[Any] = set()
        for line in told:
            if line["step"] == "early" and line["instalment"] == instalment:
                _end(line, ends)
                if line["outcome"] == "superseded":
                    ends.add(("superseded", ""))
        kept = _kept(ends)
        if (len(kept) > 1 and not reversed_) or not ends:
            yield f"I4: early of {loan}/{instalment} has {len(kept)} outcomes: {sorted(ends)}"


# --- the record ---------------------------------------------------------------------------------------------------


def ledger(run: Simulation) -> list[str]:
    """I6: numbers without a gap, each send, roots of prefixes alone at the witness, and ``verify`` is content."""
    process = run.processes[0]
    assert process is not None
    refused = process.service.keeper.finish(run.now)
    if refused is not None:
        return [f"I6: a witness refuses the last checkpoint: {refused}"]
    rows = run.monitor.execute("SELECT entry FROM journal ORDER BY xact, entry_id").fetchall()
    leaves = [hashlib.sha256(b"\x00" + row[0].encode()).digest() for row in rows]
    sizes = run.monitor.execute("SELECT size FROM ledger").fetchall()
    found = []
    if sizes != [(len(leaves),)]:
        found.append(f"I6: {len(leaves)} entries in the journal, numbered are {sizes}")
    folder = run.settings.home / "witness"
    notes = [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.checkpoint"))]
    if not notes:
        found.append("I6: the witness has no checkpoint")
    for note in notes:
        _, size, root = note.split("\n")[:3]
        if int(size) > len(leaves) or base64.b64decode(root) != _root(leaves[: int(size)]):
            found.append(f"I6: the checkpoint of {size} entries that the witness keeps is of another ledger")
    decided = sum(1 for row in rows if json.loads(row[0]).get("outcome") == "sent")
    accepted = len({one.message_id for one in run.model.accepted})
    if decided < accepted:
        found.append(f"I6: {accepted} sends were accepted, the ledger holds {decided}")
    for verdict in check_ledger(
        run.monitor, 0, [Kept("the witness", tuple(notes))],
        lambda origin: [str(signer(run.settings, origin).verifier)], lambda *_: None,
    ):  # fmt: skip
        found += [f"I6: ledger verify: {one.code}: {one.text}" for one in verdict.findings]
    return found


def _root(leaves: Sequence[bytes]) -> bytes:
    """The root of a Merkle tree, by the recursion of RFC 6962, 2.1."""
    if len(leaves) == 1:
        return leaves[0]
    if not leaves:
        return hashlib.sha256(b"").digest()
    middle = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + _root(leaves[:middle]) + _root(leaves[middle:])).digest()


def replayed(run: Simulation) -> list[str]:
    """I7: what was decided is decided again, byte for byte."""
    chunks = [read_chunk(run.monitor, 0, some) for some in keys(run.monitor, 0, None, 100)]
    done = replay_all(chunks, read_versions(run.monitor, 0))
    if done.equal and done.looks:
        return []
    reads = [f"I7: replay reads {read.what} in {read.file}:{read.line}" for read in done.reads]
    return (
        [f"I7: replay differs: {one}" for one in done.differences[:3]] + reads + ([] if done.looks else ["I7: no look"])
    )
