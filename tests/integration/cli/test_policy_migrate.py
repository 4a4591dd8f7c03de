"""``duly policy migrate``: what another version would change, which loans it refuses, and the move itself."""

from __future__ import annotations

import getpass
import json

import pytest

from scheduler.store.database import connect

BOOK = {
    "borrowers.csv": (
        "borrower_id,first_name,last_name,language,zone,region,phone,email,address\n"
        "b1,Ann,Lee,en,Europe/London,GB,,ann@example.com,\n"
        "b2,Bob,Day,en,Europe/London,GB,,bob@example.com,\n"
    ),
    "loans.csv": (
        "loan_id,borrower_id,product,currency,principal,disbursed_at,policy,segment,tags,allocation\n"
        "l1,b1,personal,GBP,100.00,2026-01-01T10:00:00Z,,,,\n"
        "l2,b2,personal,GBP,100.00,2026-01-01T10:00:00Z,,,,\n"
    ),
    "instalments.csv": (
        "loan_id,number,due_on,principal,interest,fees\nl1,1,2026-02-01,100.00,0,0\nl2,1,2026-02-20,100.00,0,0\n"
    ),
    "events.csv": "event_id,at,known_at,type,borrower_id,loan_id,amount,ref,channel,address,value,from,until,text\n",
}
FIRST = {"first": ("3", "one"), "second": ("20", "two")}


def written(title, steps):
    """A version whose steps are (days after due, message)."""
    ladder = "".join(
        f"  {name}: {{at: due + {days} days, send: {{message: {message}, by: [email]}}}}\n"
        for name, (days, message) in steps.items()
    )
    texts = "".join(
        f"  {message}: {{email: {{en: {{subject: Loan, body: 'Text {message}.'}}}}}}\n"
        for message in sorted({message for _, message in steps.values()})
    )
    return (
        f'policy: plain\ntitle: {title}\ncurrency: GBP\nlanguages: [en]\nrules: {{house: off}}\nsend_at: "10:00"\n'
        "lender: {name: Acme, reply_to: help@acme.example}\nend: true\n"
        f"steps:\n{ladder}messages:\n{texts}"
    )


@pytest.fixture
def published(stored, tmp_path):
    """Publish a version; answers its digest."""

    def publish(title, steps):
        path = tmp_path / f"{title}.yaml"
        path.write_text(written(title, steps), encoding="utf-8")
        ended = stored("policy", "publish", path, "--json")
        assert ended.code == 0, ended.err
        return json.loads(ended.lines[-1])["digest"]

    return publish


@pytest.fixture
def begun(stored, published, tmp_path):
    """The digest of the first version, under which l1 had its first step, and l2 none."""
    digest = published("first", FIRST)
    folder = tmp_path / "book"
    folder.mkdir()
    for name, text in BOOK.items():
        (folder / name).write_text(text, encoding="utf-8")
    assert stored("import", folder).code == 0
    ran = stored("run", "--from", "2026-01-01", "--until", "2026-02-10", "--json")
    assert [json.loads(line)["step"] for line in ran.lines] == ["first"], ran.out
    return digest


def moves(stored, *arguments):
    ended = stored("policy", "migrate", "--json", *arguments)
    assert ended.code == 0, ended.err
    return {one["loan_id"]: one for one in map(json.loads, ended.lines)}


def pins(url):
    with connect(url) as connection:
        return dict(connection.execute("SELECT loan_id, state ->> 1 FROM loan").fetchall())


def entries(url):
    with connect(url) as connection:
        rows = connection.execute(
            "SELECT j.entry, l.loan_id FROM journal j JOIN loan l ON l.key = j.loan_key "
            "WHERE kind = 'migrated' ORDER BY l.loan_id"
        ).fetchall()
    return [json.loads(row[0]) | {"loan_id": row[1]} for row in rows]


def test_a_preview_tells_the_next_step_under_each_version_and_changes_nothing(stored, begun, published, database_url):
    new = published("slower", {**FIRST, "second": ("30", "two")})
    found = moves(stored, begun[:15], new[7:15])
    assert found["l1"] == {
        "loan_id": "l1",
        "now": {"step": "second", "at": "2026-02-21T10:00:00+00:00"},
        "then": {"step": "second", "at": "2026-03-03T10:00:00+00:00"},
        "kept": ["first"],
        "dropped": [],
        "refused": None,
        "moved": False,
    }
    assert found["l2"]["now"] == found["l2"]["then"] == {"step": "first", "at": "2026-02-23T10:00:00+00:00"}
    assert pins(database_url) == {"l1": begun, "l2": begun} and entries(database_url) == []


def test_what_is_moved_goes_on_as_the_preview_said_and_back_again(stored, begun, published, database_url):
    new = published("slower", {**FIRST, "second": ("30", "two")})
    assert all(one["moved"] for one in moves(stored, begun, new, "--apply").values())
    assert pins(database_url) == {"l1": new, "l2": new}
    told = [
        {key: one[key] for key in ("loan_id", "policy", "from", "to", "dropped", "by")} for one in entries(database_url)
    ]
    assert told == [
        {"loan_id": n, "policy": "plain", "from": begun, "to": new, "dropped": [], "by": getpass.getuser()}
        for n in ("l1", "l2")
    ]
    assert set(moves(stored, new, begun, "--apply")) == {"l1", "l2"}
    assert moves(stored, begun, new, "--apply")["l1"]["then"]["at"] == "2026-03-03T10:00:00+00:00"
    ran = stored("run", "--from", "2026-01-01", "--until", "2026-04-01", "--json")
    steps = [(one["loan_id"], one["step"], one["at"][:10]) for one in map(json.loads, ran.lines) if one["step"]]
    assert steps == [
        ("l1", "first", "2026-02-04"),
        ("l2", "first", "2026-02-23"),
        ("l1", "second", "2026-03-03"),
        ("l2", "second", "2026-03-22"),
    ]


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ({"renamed": ("4", "one"), "second": ("20", "two")}, "step renamed is first by another name, which was done"),
        ({"early": ("2", "new"), **FIRST}, "step early stands at or before first, which is settled"),
        ({"other": ("3", "new"), "second": ("20", "two")}, "step other stands at or before first, which is settled"),
    ],
    ids=["the-message-again", "before-a-settled-one", "instead-of-a-settled-one"],
)
def test_a_loan_for_which_a_step_would_be_repeated_stays_and_the_others_move(
    stored, begun, published, database_url, steps, reason
):
    new = published("other", steps)
    found = moves(stored, begun, new, "--apply")
    assert (found["l1"]["refused"], found["l1"]["moved"], found["l1"]["then"]) == (reason, False, None)
    assert found["l2"]["refused"] is None and found["l2"]["moved"]
    assert pins(database_url) == {"l1": begun, "l2": new}
    assert [entry["loan_id"] for entry in entries(database_url)] == ["l2"]


def test_a_second_reminder_with_the_same_words_is_no_repetition(stored, begun, published):
    new = published("more", {"first": ("3", "one"), "again": ("10", "one"), "second": ("20", "two")})
    assert moves(stored, begun, new)["l1"]["then"] == {"step": "again", "at": "2026-02-11T10:00:00+00:00"}


def test_versions_that_are_unknown_ambiguous_or_the_same_are_named(stored, begun, published):
    new = published("slower", {**FIRST, "second": ("30", "two")})
    for arguments, said in (
        (("abc" * 30, new), "FROM: no published version begins with"),
        ((begun, "sha256:"), "TO: no published version begins with"),
        ((begun, begun), "the same version of plain"),
    ):
        ended = stored("policy", "migrate", *arguments)
        assert ended.code == 1 and said in ended.err


def test_for_a_person_it_is_a_table_and_a_sum(stored, begun, published):
    new = published("slower", {**FIRST, "second": ("30", "two")})
    ended = stored("policy", "migrate", begun, new)
    assert ended.lines[0].split() == ["LOAN", "NEXT", "NOW", "NEXT", "THEN", "WHAT"]
    assert "second 2026-03-03 10:00 +00:00" in ended.lines[1] and "first stays settled" in ended.lines[1]
    assert "2 of 2 loans would move; nothing is changed without --apply" in ended.err


def test_a_contract_that_cannot_be_read_keeps_no_other_from_moving(stored, begun, published, database_url):
    new = published("slower", {**FIRST, "second": ("30", "two")})
    with connect(database_url) as connection:
        connection.execute("UPDATE loan SET state = json_build_array(1, %s::text) WHERE loan_id = 'l1'", (begun,))
    found = moves(stored, begun, new, "--apply")
    assert found["l1"]["refused"] == "the contract of a loan of this person cannot be read"
    assert found["l2"]["moved"]
    assert pins(database_url) == {"l1": begun, "l2": new}
