"""Publishes a policy: its text is kept as written, and is current from an instant on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from policies.calendar import to_datetime
from policies.compliance.packs import digest_of_all
from policies.contract import Policy
from policies.facts import Instant
from policies.language.check import compile_policy
from policies.problems import ERROR, InputError, Problem
from scheduler import journal
from scheduler.batch import write_journal
from scheduler.store.database import Connection
from scheduler.store.people import instant


@dataclass(frozen=True, slots=True)
class Publication:
    """What came of publishing one file: its policy, and the span in which it is current.

    ``known``: it was there already, and nothing was changed. Without ``until`` no version after it is published.
    """

    policy: Policy
    since: Instant | None
    known: bool
    warnings: tuple[Problem, ...]
    until: Instant | None = None


def publish(
    connection: Connection, file_name: str, source: bytes, now: Instant, *, clock_id: int = 0,
    lender_id: str = "default", since: Instant | None = None, by: str | None = None,
) -> Publication:  # fmt: skip
    """Publish one policy file in the caller's transaction, told in the journal. Raises InputError on an error.

    ``by`` says who publishes; none, where no person does.

    A policy's first version holds from the beginning of time; a later one from ``since``, or from ``now``. The same
    version again changes nothing.
    """
    policy, problems = compile_policy(file_name, source)
    if policy is None:
        raise InputError(problems)
    keys = {"lender": lender_id, "clock": clock_id, "name": policy.name}
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('duly publish'))")
    rows = connection.execute(
        "SELECT digest, since, number FROM policy_version "
        "WHERE lender_id = %(lender)s AND clock_id = %(clock)s AND name = %(name)s ORDER BY number",
        keys,
    ).fetchall()
    for place, (digest, held_since, _number) in enumerate(rows, 1):
        if digest == policy.digest:
            until = rows[place][1] if place < len(rows) else None
            return Publication(policy, _held(held_since), True, tuple(problems), _held(until))
    starts = None if not rows else (now if since is None else since)
    if rows and starts is not None:
        newest = rows[-1][1]
        if newest is not None and instant(newest) > starts:
            raise InputError([_too_early(file_name, policy.name)])
    number = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM policy_version").fetchone()
    assert number is not None  # noqa: S101 - an aggregate always answers
    connection.execute(
        "INSERT INTO policy_version (lender_id, clock_id, digest, name, file_name, source, since, number) "
        "VALUES (%(lender)s, %(clock)s, %(digest)s, %(name)s, %(file)s, %(source)s, %(since)s, %(number)s)",
        {
            **keys, "digest": policy.digest, "file": file_name, "source": source, "number": number[0],
            "since": None if starts is None else to_datetime(starts),
        },
    )  # fmt: skip
    values: dict[str, Any] = {
        "policy": policy.name, "digest": policy.digest, "file": file_name, "number": number[0],
        "source": f"sha256:{sha256(source).hexdigest()}", "rules": digest_of_all(),
    }  # fmt: skip
    if by is not None:
        values["by"] = by
    if starts is not None:
        values["since"] = to_datetime(starts).isoformat()
    write_journal(connection, lender_id, clock_id, [journal.entry(now, journal.PUBLISHED, values)])
    return Publication(policy, starts, False, tuple(problems))


def _held(at: datetime | None) -> Instant | None:
    return None if at is None else instant(at)


def _too_early(file_name: str, name: str) -> Problem:
    return Problem(
        file_name, 0, 0, ERROR, "version-too-early",
        f"a version of {name} that begins later is already published", expected="a later instant",
        remedy="publish this one with --from at or after that instant",
    )  # fmt: skip
