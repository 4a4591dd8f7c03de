"""A STOP binds a number for all loans of the lender at once, whoever of those who share it said so."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pytest

from policies.calendar import to_datetime
from scheduler.engine import read_policies
from scheduler.ingest import import_book
from scheduler.store.database import connect
from tests import running
from tests.making import local

PHONE, OTHER = "+442079460001", "+442079460002"
HEADS = {
    "borrowers.csv": "borrower_id,first_name,last_name,language,zone,region,phone,email,address",
    "loans.csv": "loan_id,borrower_id,product,currency,principal,disbursed_at,policy,segment,tags,allocation",
    "instalments.csv": "loan_id,number,due_on,principal,interest,fees",
    "events.csv": "event_id,at,known_at,type,borrower_id,loan_id,amount,ref,channel,address,value,from,until,text",
}
POLICY = running.ladder_policy("GBP", house=False)
TOLD = "2026-02-04T12:00:00Z"
WHEN = f"{TOLD},,"


def files(*events: str, people: tuple[tuple[str, str], ...] = (("ann", PHONE), ("bob", PHONE), ("cy", OTHER))):
    """Each of ``people`` (borrower, phone) has one loan, due on one day; ``events`` are rows of events.csv."""
    rows = {
        "borrowers.csv": [f"{b},Ann,Lee,en,Europe/London,GB,{phone},{b}@example.com," for b, phone in people],
        "loans.csv": [f"{b}-loan,{b},personal,GBP,100.00,2026-01-01T10:00:00Z,,,," for b, _ in people],
        "instalments.csv": [f"{b}-loan,1,2026-02-01,100.00,0,0" for b, _ in people],
        "events.csv": list(events),
    }
    return running.text_files({name: "\n".join([HEADS[name], *found, ""]) for name, found in rows.items()})


def channels(lines, borrower_id, after="2026-02-04T12"):
    """By which channels something was sent to a borrower before and after an instant."""
    found = [one for one in map(json.loads, lines) if one["borrower_id"] == borrower_id and one["outcome"] == "sent"]
    before = {one["channel"] for one in found if one["at"] < after}
    later = {one["channel"] for one in found if one["at"] >= after}
    assert before and later, found
    return before, later


def told_alike(url: str, home: Path, book):
    """The lines of ``duly run``, which are those of ``simulate``."""
    span = running.span_of(running.read(book))
    running.import_all(url, [POLICY], book)
    running.run(url, home, span)
    lines = running.told(url, span)
    assert lines == running.simulated([POLICY], running.read(book), span)
    return lines


@pytest.mark.parametrize(
    "event",
    [
        f"e1,{WHEN}opt_out,ann,,,,sms,,,,,",
        f"e1,{WHEN}opt_out,ann,,,,sms,{PHONE},,,,",
        f"e1,{WHEN}reply,ann,,,,sms,,,,,STOP",
        f"e1,{WHEN}opt_out,cy,,,,sms,{PHONE},,,,",
    ],
    ids=["of-the-channel", "of-the-number", "in-a-reply", "of-a-number-that-is-another-persons"],
)
def test_a_refusal_closes_the_number_for_everybody_who_has_it(database_url, tmp_path, event):
    lines = told_alike(database_url, tmp_path, files(event))
    assert channels(lines, "ann") == ({"sms"}, {"email"})
    assert channels(lines, "bob") == ({"sms"}, {"email"})
    assert channels(lines, "cy") == ({"sms"}, {"sms"})


@pytest.mark.parametrize(
    "event",
    [
        f"e1,{WHEN}opt_out,ann,,,,email,,,,,",
        f"e1,{WHEN}opt_out,ann,,,,sms,{OTHER},,,,",
        f"e1,{WHEN}reply,ann,,,,sms,,,,,I shall pay on Friday",
    ],
    ids=["another-channel", "another-number", "no-refusal"],
)
def test_what_is_said_of_something_else_closes_nothing_for_others(database_url, tmp_path, event):
    assert channels(told_alike(database_url, tmp_path, files(event)), "bob") == ({"sms"}, {"sms"})


def test_a_return_that_names_the_number_opens_it_for_everybody(database_url, tmp_path):
    events = (f"e1,{WHEN}opt_out,ann,,,,sms,,,,,", f"e2,2026-02-10T12:00:00Z,,opt_in,ann,,,,sms,{PHONE},,,,")
    lines = told_alike(database_url, tmp_path, files(*events))
    assert channels(lines, "bob", after="2026-02-10T12") == ({"sms", "email"}, {"sms"})


def test_a_return_without_the_number_is_of_its_teller_alone(database_url, tmp_path):
    events = (f"e1,{WHEN}opt_out,ann,,,,sms,,,,,", "e2,2026-02-10T12:00:00Z,,opt_in,ann,,,,sms,,,,,")
    lines = told_alike(database_url, tmp_path, files(*events))
    assert channels(lines, "ann", after="2026-02-10T12") == ({"sms", "email"}, {"sms"})
    assert channels(lines, "bob", after="2026-02-10T12") == ({"sms", "email"}, {"email"})


def load(url, book, lender_id="default"):
    with connect(url) as connection:
        opened = {name: BytesIO(data) for name, data in book.items()}
        policies = read_policies(connection, 0)["default"]
        import_book(connection, opened, clock_id=0, now=local("2026-02-04 12:00", "UTC"), policies=policies,
                    lender_id=lender_id)  # fmt: skip


def refused(url):
    """Who has which refusal, and from whose event it comes."""
    with connect(url) as connection:
        rows = connection.execute(
            "SELECT lender_id, borrower_id, ref FROM event JOIN event_text USING (lender_id, clock_id, event_id) "
            "WHERE type = 'opt_out' AND address = %s ORDER BY 1, 2",
            (PHONE,),
        )
        return rows.fetchall()


def test_who_shares_the_number_is_looked_at_when_the_refusal_becomes_known(database_url, tmp_path):
    book = files()
    running.import_all(database_url, [POLICY], book)
    running.run(database_url, tmp_path, running.span_of(running.read(book), until=local("2026-02-05 00:00", "UTC")))
    look = "SELECT borrower_id, wake_at, revision FROM borrower ORDER BY 1"
    with connect(database_url) as connection:
        before = connection.execute(look).fetchall()
    only = {"events.csv": files(f"e1,{TOLD},2026-02-05T06:00:00Z,reply,ann,,,,sms,,,,,STOP")["events.csv"]}
    load(database_url, only)
    load(database_url, only)
    with connect(database_url) as connection:
        after = connection.execute(look).fetchall()
    assert [row[2] for row in after] == [before[0][2] + 1, before[1][2] + 1, before[2][2]]
    known = to_datetime(local("2026-02-05 06:00", "UTC"))
    assert [row[1] for row in after[:2]] == [known, known] and after[2] == before[2]
    assert all(row[1] > known for row in before)


def test_who_comes_later_or_changes_to_the_number_finds_it_refused(database_url, tmp_path):
    running.import_all(database_url, [POLICY], files(f"e1,{WHEN}opt_out,ann,,,,sms,,,,,"))
    load(database_url, files(people=(("dee", PHONE),)))
    moved = {"borrowers.csv": files(people=(("cy", PHONE),))["borrowers.csv"]}
    load(database_url, moved)
    load(database_url, moved)
    assert refused(database_url) == [("default", one, "e1") for one in ("ann", "bob", "cy", "dee")]


def test_another_lenders_borrowers_are_not_bound(database_url):
    running.import_all(database_url, [POLICY], files())
    load(database_url, files(), lender_id="other")
    load(database_url, {"events.csv": files(f"e1,{WHEN}opt_out,ann,,,,sms,,,,,")["events.csv"]}, lender_id="other")
    assert refused(database_url) == [("other", "ann", "e1"), ("other", "bob", "e1")]
