"""Publishes policy files to the database, all of them or none, and lists what is published."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.calendar import zone
from policies.facts import Instant
from policies.language.check import compile_policy
from policies.language.report import report
from policies.problems import InputError, Problem
from scheduler.cli.failures import Failure
from scheduler.cli.output import tell
from scheduler.cli.reading import place_line, read_policy, shown_text
from scheduler.cli.start import whoever
from scheduler.cli.store import opened
from scheduler.publish import Publication, publish
from scheduler.store import queries
from scheduler.store.people import instant


@dataclass(frozen=True, slots=True)
class Published:
    """What came of one file."""

    file: Path
    publication: Publication

    def values(self) -> dict[str, Any]:
        """The JSON object of ``duly policy publish --json``."""
        one = self.publication
        return {
            "file": str(self.file), "policy": one.policy.name, "digest": one.policy.digest,
            "from": _iso(one.since), "published": not one.known,
        }  # fmt: skip

    def words(self) -> str:
        """The same for a person."""
        one = self.publication
        state = "was already published, current" if one.known else "published, current"
        return f"{self.file}: {one.policy.name} {state} {_span(one.since, one.until)}, {one.policy.digest}"

    def note(self, since: Instant | None) -> str | None:
        """What was asked for and not done: a version that was there, to begin ``since``, or again after a newer."""
        one = self.publication
        if one.known and one.until is not None:
            return (
                f"duly: {self.file}: a newer version of {one.policy.name} is published, and this one does not come "
                "back by itself; to go back to it, publish it with a new title"
            )
        if one.known and since is not None and since != one.since:
            return f"duly: {self.file}: --from changed nothing; when a published version begins is not moved"
        return None


def publish_files(files: Sequence[Path], since: Instant | None, clock: str) -> list[Published]:
    """Publish each file, in one transaction; raises Failure, with every problem of every file told, or nothing."""
    sources: list[tuple[Path, bytes]] = []
    failed = False
    for path in files:
        data, unreadable = read_policy(path)
        policy, problems = (None, [unreadable]) if unreadable else compile_policy(str(path), data)
        _tell(problems, data, warnings_only=policy is not None)
        failed = failed or policy is None
        sources.append((path, data))
    if failed:
        raise Failure("nothing was published: correct the files first")
    with opened(clock, changing=True) as store:
        now = store.now()
        try:
            with store.connection.transaction():
                return [
                    Published(
                        path,
                        publish(
                            store.connection, str(path), data, now, clock_id=store.clock_id, since=since, by=whoever()
                        ),
                    )
                    for path, data in sources
                ]
        except InputError as error:
            _tell(error.problems, b"", warnings_only=False)
            raise Failure("nothing was published") from error


def _tell(problems: list[Problem], data: bytes, *, warnings_only: bool) -> None:
    if problems:
        tell("\n".join(map(place_line, problems)) if warnings_only else report(problems, shown_text(data)))


@dataclass(frozen=True, slots=True)
class Listed:
    """One published version, and the span in which it is current."""

    policy: str
    since: Instant | None
    until: Instant | None
    digest: str
    file: str

    def values(self) -> dict[str, Any]:
        """The JSON object of ``duly policy list --json``."""
        return {
            "policy": self.policy, "from": _iso(self.since), "until": _iso(self.until), "digest": self.digest,
            "file": self.file,
        }  # fmt: skip

    def row(self) -> tuple[str, ...]:
        """The same for a person, in the columns of HEADER."""
        return (self.policy, _iso(self.since) or "the beginning", _iso(self.until) or "", self.file, self.digest)


HEADER = ("POLICY", "FROM", "UNTIL", "FILE", "VERSION")


def published(clock: str) -> list[Listed]:
    """Every published version, by policy, the oldest first."""
    with opened(clock) as store:
        rows = store.connection.execute(queries.POLICIES, {"clock": store.clock_id}).fetchall()
    found: list[Listed] = []
    after: dict[str, Instant | None] = {}
    for _, name, digest, file, _, held, _ in reversed(rows):
        since = None if held is None else instant(held)
        found.append(Listed(name, since, after.get(name), digest, file))
        after[name] = since
    found.reverse()
    found.sort(key=lambda one: one.policy)
    return found


def _span(since: Instant | None, until: Instant | None) -> str:
    begins = "from the beginning" if since is None else f"from {_iso(since)}"
    return begins if until is None else f"{begins} until {_iso(until)}"


def _iso(at: Instant | None) -> str | None:
    return None if at is None else zone("UTC").iso(at)
