"""What an entry says: every decision with its facts, versions and rules, and nothing by which a person is known."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.facts import SECOND
from policies.simulate import Span
from scheduler.ledger.commit import borrower_key, canonical, loan_key
from scheduler.store.database import Connection, connect
from tests import running

# Canaries: whatever could tell of a person holds one of these words, and so do the ids.
FILES = {
    "borrowers.csv": b"""borrower_id,first_name,last_name,language,zone,region,phone,email,address
kestrel-1,Kestrelina,Kestrelson,en,Europe/London,GB,+442079460123,kestrel@example.com,5 Kestrel Street;Leeds
kestrel-2,Kestrelo,Kestrelson,en,Europe/London,GB,+442079460124,,
""",
    "loans.csv": b"""loan_id,borrower_id,product,currency,principal,disbursed_at
kestrel-loan-1,kestrel-1,personal,GBP,200.00,2026-02-01T09:00:00Z
kestrel-loan-2,kestrel-1,personal,GBP,100.00,2026-02-02T09:00:00Z
kestrel-loan-3,kestrel-2,personal,GBP,100.00,2026-02-03T09:00:00Z
""",
    "instalments.csv": b"""loan_id,number,due_on,principal,interest,fees
kestrel-loan-1,1,2026-03-02,100.00,1.00,0.00
kestrel-loan-1,2,2026-04-02,100.00,1.00,0.00
kestrel-loan-2,1,2026-03-09,100.00,0.00,0.00
kestrel-loan-3,1,2026-03-09,100.00,0.00,0.00
""",
    "events.csv": b"""event_id,at,known_at,type,borrower_id,loan_id,amount,ref,channel,address,value,from,until,text
kestrel-e1,2026-03-04T09:00:00Z,,payment,,kestrel-loan-1,30.00,,,,,,,
kestrel-e2,2026-03-05T09:00:00Z,2026-03-07T09:00:00Z,payment,,kestrel-loan-1,10.00,,,,,,,
kestrel-e3,2026-03-12T09:00:00Z,,hold,kestrel-1,,,,,,dispute,2026-03-12,2026-03-20,the Kestrel disputes
kestrel-e4,2026-03-25T09:00:00Z,,payment,,kestrel-loan-1,900.00,,,,,,,
""",
}
SPAN = Span(int(datetime(2026, 2, 1, tzinfo=UTC).timestamp()) * SECOND)
SAID = {
    "at", "because", "borrower", "channel", "due", "facts", "instalment", "language", "link", "loan", "message",
    "message_key", "now", "occurrence", "planned", "policies", "policy", "revision", "rules", "step", "text", "to",
    "versions",
}  # fmt: skip


def entries(connection: Connection) -> list[tuple[str, dict[str, Any], str]]:
    rows = connection.execute("SELECT kind, entry FROM journal ORDER BY xact, entry_id").fetchall()
    return [(kind, json.loads(text), text) for kind, text in rows]


@pytest.fixture
def ran(database_url: str, tmp_path: Path) -> str:
    """A database after a run of two borrowers with canaries everywhere."""
    running.import_all(database_url, [running.ladder_policy("GBP", house=True)], FILES)
    running.run(database_url, tmp_path, SPAN)
    return database_url


def test_no_entry_holds_anything_of_a_person(ran: str) -> None:
    with connect(ran) as connection:
        found = entries(connection)
        assert {kind for kind, _, _ in found} >= {"published", "imported", "looked", "decision", "hand_over"}
        for _, values, text in found:
            assert not re.search(r"kestrel|Kestrel|4420794601", text), text
            assert canonical(values) == text
        columns = connection.execute(
            "SELECT string_agg(j::text, ' ') FROM (SELECT lender_id, kind, borrower_key, loan_key FROM journal) j"
        ).fetchall()
    assert "estrel" not in columns[0][0]


def test_a_decision_says_all_that_it_rests_on(ran: str) -> None:
    with connect(ran) as connection:
        found = entries(connection)
        versions = connection.execute("SELECT digest, number FROM policy_version").fetchall()
    sent = [values for kind, values, _ in found if kind == "decision" and values["outcome"] == "sent"]
    assert len(sent) > 5
    for one in sent:
        assert one.keys() >= SAID
        assert (one["policy"], one["policies"]) == versions[0]
        assert set(one["versions"]) == {"duly", "holidays", "tzdata"}
    handed = [values for kind, values, _ in found if kind == "hand_over"]
    assert {one["message_key"] for one in handed} == {one["message_key"] for one in sent}
    published = next(values for kind, values, _ in found if kind == "published")
    source = running.ladder_policy("GBP", house=True)
    assert published["source"] == "sha256:" + hashlib.sha256(source).hexdigest()


def test_whoever_looks_says_it_also_when_nothing_was_to_be_done(ran: str) -> None:
    """Each look leaves at least one entry, and all of one look the same head."""
    with connect(ran) as connection:
        rows = connection.execute(
            "SELECT xact, borrower_key, array_agg(entry) FROM journal WHERE kind IN ('decision', 'looked') "
            "GROUP BY xact, borrower_key"
        ).fetchall()
    assert len(rows) > 10
    for _, _, texts in rows:
        heads = {
            tuple(json.loads(t)[key] for key in ("now", "borrower", "revision", "facts", "policies", "rules", "link"))
            for t in texts
        }
        assert len(heads) == 1
        kinds = [json.loads(text)["kind"] for text in texts]
        assert kinds == ["looked"] or set(kinds) == {"decision"}


def _plainly(salt: bytes, ref: str, fields: dict[str, Any]) -> bytes:
    """A fact's digest as ``docs/proof.md`` describes it, put together by hand."""
    digests = {}
    for name, value in fields.items():
        opened = hashlib.sha256(salt + f"{ref}#{name}".encode()).digest()
        written = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        digests[name] = hashlib.sha256(opened + written.encode()).hexdigest()
    return hashlib.sha256(json.dumps(digests, sort_keys=True, separators=(",", ":")).encode()).digest()


def test_the_chain_of_facts_grows_by_what_each_look_is_the_first_to_see(ran: str) -> None:
    with connect(ran) as connection:
        ((salt,),) = connection.execute("SELECT salt FROM person WHERE borrower_id = 'kestrel-2'").fetchall()
        rows = connection.execute(
            "SELECT j.entry FROM journal j JOIN borrower b ON b.key = j.borrower_key AND b.borrower_id = 'kestrel-2' "
            "WHERE j.kind IN ('decision', 'looked') ORDER BY j.entry_id"
        ).fetchall()
    person = {
        "borrower_id": "kestrel-2", "first_name": "Kestrelo", "last_name": "Kestrelson", "language": "en",
        "zone": "Europe/London", "region": "GB", "phone": "+442079460124",
    }  # fmt: skip
    loan = {
        "loan_id": "kestrel-loan-3", "borrower_id": "kestrel-2", "product": "personal", "currency": "GBP",
        "principal_minor": 10_000, "disbursed_at": "2026-02-03T09:00:00+00:00", "tags": [],
        "allocation": ["penalty", "fee", "interest", "principal"],
        "instalments": [[1, "2026-03-09", 10_000, 0, 0]],
    }  # fmt: skip
    facts = _plainly(salt, "person", person) + _plainly(salt, "loan/kestrel-loan-3", loan)
    expected = hashlib.sha256(bytes(32) + facts).hexdigest()
    assert {json.loads(row[0])["facts"] for row in rows} == {expected}


def test_a_fact_that_becomes_known_changes_the_chain_at_the_look_that_sees_it(ran: str) -> None:
    with connect(ran) as connection:
        rows = connection.execute(
            "SELECT j.entry FROM journal j JOIN borrower b ON b.key = j.borrower_key AND b.borrower_id = 'kestrel-1' "
            "WHERE j.kind IN ('decision', 'looked') ORDER BY j.entry_id"
        ).fetchall()
    seen = {}
    for (text,) in rows:
        values = json.loads(text)
        seen.setdefault(values["facts"], values["now"])
    first = [datetime.fromtimestamp(now // SECOND, UTC).isoformat()[:16] for now in seen.values()]
    assert first[0] == "2026-02-01T09:00"
    for known in ("2026-03-04T09:00", "2026-03-07T09:00", "2026-03-12T09:00", "2026-03-25T09:00"):
        assert known in first


@pytest.fixture(scope="module")
def shared(module_database_url: str) -> Iterator[Connection]:
    """A connection to a database with the schema, for many examples."""
    with connect(module_database_url) as connection:
        yield connection


@given(name=st.text(min_size=1, max_size=40).filter(lambda s: "\x00" not in s and s.isprintable()))
def test_the_keys_of_the_database_are_those_of_the_entries(shared: Connection, name: str) -> None:
    salt = hashlib.sha256(name.encode()).digest()
    row = shared.execute(
        "SELECT duly_key(%(salt)s, 'borrower', %(id)s), duly_key(%(salt)s, 'loan/' || %(id)s, %(id)s)",
        {"salt": salt, "id": name},
    ).fetchone()
    assert row is not None
    assert (row[0].hex, row[1].hex) == (borrower_key(salt, name), loan_key(salt, name))


def test_salts_are_32_bytes_and_no_two_are_alike(ran: str) -> None:
    with connect(ran) as connection:
        rows = connection.execute("SELECT salt FROM person").fetchall()
    assert len({row[0] for row in rows}) == 2
    assert all(len(row[0]) == 32 for row in rows)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET entry = '{}'", "DELETE FROM journal", "TRUNCATE journal",
        "UPDATE ledger_checkpoint SET note = ''", "DELETE FROM ledger_checkpoint", "TRUNCATE ledger_checkpoint",
    ],
)  # fmt: skip
def test_no_role_may_change_or_take_back_whatever_was_granted(ran: str, statement: str) -> None:
    with connect(ran) as connection:
        connection.execute("CREATE ROLE somebody")
        connection.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO somebody")
        try:
            connection.execute("SET ROLE somebody")
            with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO journal (lender_id, clock_id, at, kind, place, channel_place, entry) "
                "VALUES ('default', 0, '2026-01-01T00:00:00Z', 'note', 0, 0, '{}')"
            )
        finally:
            connection.execute("RESET ROLE")
            connection.execute("DROP OWNED BY somebody")
            connection.execute("DROP ROLE somebody")


@pytest.mark.parametrize("statement", ["UPDATE journal SET entry = ''", "DELETE FROM journal", "TRUNCATE journal"])
def test_the_owner_changes_nothing_by_mistake(ran: str, statement: str) -> None:
    with connect(ran) as connection, pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute(statement)


def test_a_role_without_grants_may_do_nothing(ran: str) -> None:
    with connect(ran) as connection:
        connection.execute("CREATE ROLE nobody_at_all")
        try:
            connection.execute("SET ROLE nobody_at_all")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SELECT * FROM journal")
        finally:
            connection.execute("RESET ROLE")
            connection.execute("DROP ROLE nobody_at_all")
