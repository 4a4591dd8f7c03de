"""Publishes policy files to the database: all of them, or none."""

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
from scheduler.cli.store import opened
from scheduler.publish import Publication, publish


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
        since = "from the beginning" if one.since is None else f"from {_iso(one.since)}"
        state = "was already published, current" if one.known else "published, current"
        return f"{self.file}: {one.policy.name} {state} {since}, {one.policy.digest}"


def publish_files(files: Sequence[Path], since: Instant | None) -> list[Published]:
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
    with opened() as store:
        now = store.now()
        try:
            with store.connection.transaction():
                return [
                    Published(path, publish(store.connection, str(path), data, now, since=since))
                    for path, data in sources
                ]
        except InputError as error:
            _tell(error.problems, b"", warnings_only=False)
            raise Failure("nothing was published") from error


def _tell(problems: list[Problem], data: bytes, *, warnings_only: bool) -> None:
    if problems:
        tell("\n".join(map(place_line, problems)) if warnings_only else report(problems, shown_text(data)))


def _iso(at: Instant | None) -> str | None:
    return None if at is None else zone("UTC").iso(at)
