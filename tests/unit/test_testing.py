"""The runner of policy tests: what a case may expect, what it may say, and what it leaves out."""

from __future__ import annotations

import io

import pytest

from policies.book import read_book
from policies.testing_rows import COLUMNS
from tests.case_files import LADDER, LOAN, POLICY, case, happened, run

# --- what a case expects --------------------------------------------------------------------------------------


def test_a_case_passes_when_its_whole_story_is_told() -> None:
    report = run(case(LADDER, until="2026-03-20"))
    assert report.passed, report.text()


@pytest.mark.parametrize("left_out", range(len(LADDER)))
def test_what_was_sent_or_held_and_is_not_expected_fails_the_case(left_out: int) -> None:
    report = run(case([item for number, item in enumerate(LADDER) if number != left_out], until="2026-03-20"))
    assert not report.passed
    assert sum(row.differs for row in report.results[0].rows) == 1


def test_what_is_expected_and_does_not_happen_fails_the_case() -> None:
    assert not run(case([*LADDER, "{at: 2026-03-05 12:00, cured: true}"], until="2026-03-20")).passed


def test_a_case_that_includes_lines_says_nothing_of_the_others() -> None:
    assert run(case(f"{{includes: [{LADDER[3]}]}}")).passed
    assert not run(case("{includes: [{at: 2026-03-11 10:01, sent: note, by: sms}]}")).passed


def test_one_line_is_not_expected_twice() -> None:
    assert not run(case(f"{{includes: [{LADDER[3]}, {LADDER[3]}]}}")).passed


def test_an_empty_list_says_that_nothing_happens() -> None:
    assert run(case("[]", until="2026-02-26")).passed
    assert not run(case("[]", until="2026-02-27")).passed


@pytest.mark.parametrize(
    "item",
    [
        "{at: 2026-03-02 10:00, skipped: first, because: L3}",
        "{at: 2026-03-11 10:00, offer: deal, until: 2026-03-19, step: deal}",
    ],
)
def test_a_line_that_reached_nobody_need_not_be_listed_but_must_be_true(item: str) -> None:
    loan = LOAN.replace("100.00", "9.00")
    told = [LADDER[0], *LADDER[2:]]
    assert run(case(told, loan=loan, until="2026-03-20")).passed
    assert run(case([*told, item], loan=loan, until="2026-03-20")).passed
    assert not run(case([*told, item.replace("2026-03", "2026-04")], loan=loan, until="2026-03-20")).passed


def test_a_report_that_comes_by_the_calendar_need_not_be_listed() -> None:
    policy = POLICY.replace("  away:\n    at: due + 20 days\n    hand_off: agency\n", "").replace(
        "lender:", "end: true\nlender:"
    )
    report = run(case(LADDER, until="2027-01-01"), policy)
    assert report.passed, report.text()
    assert "review" in [outcome for _, outcome in happened(report)]


@pytest.mark.parametrize(
    ("detail", "wrong"),
    [
        ("by: sms", "by: email"),
        ("step: first", "step: early"),
        ("loan: loan", None),
        ("instalment: 1", "instalment: 2"),
        ("language: en", "language: de"),
        ('to: "+12025550142"', 'to: "+12025550143"'),
        ("text: Robin", "text: Robyn"),
        ("because: L3", "because: L4"),
    ],
)
def test_a_detail_of_a_line_is_compared(detail: str, wrong: str | None) -> None:
    assert run(case(f"{{includes: [{{at: 2026-03-02 10:00, sent: note, {detail}}}]}}")).passed
    if wrong is not None:
        assert not run(case(f"{{includes: [{{at: 2026-03-02 10:00, sent: note, {wrong}}}]}}")).passed


def test_the_subject_of_a_mail_is_compared() -> None:
    assert run(case("{includes: [{at: 2026-03-11 10:00, sent: note, by: email, subject: Note}]}")).passed
    assert not run(case("{includes: [{at: 2026-03-11 10:00, sent: note, by: sms, subject: Note}]}")).passed


def test_a_loan_that_nobody_can_reach_goes_to_a_person_and_each_step_says_why() -> None:
    told = [
        "{at: 2026-02-26 10:00, suppressed: early, because: CHANNEL-NO-ADDRESS}",
        "{at: 2026-03-02 10:00, suppressed: first}",
        "{at: 2026-03-11 10:00, suppressed: deal, by: email}",
        "{at: 2026-03-11 10:00, suppressed: deal, by: sms}",
        "{at: 2026-03-13 10:00, hold: rest}",
        "{at: 2026-03-25 10:00, review: away, because: L8}",
    ]
    shut = "{zone: Europe/Madrid, phone: '', email: ''}"
    assert run(case(told, borrower=shut, until="2026-06-01")).passed
    for number in range(len(told)):
        assert not run(case(told[:number] + told[number + 1 :], borrower=shut, until="2026-06-01")).passed


@pytest.mark.parametrize(
    "item",
    [
        "{at: 2026-03-25 10:00, hand_off: agency, step: away}",
        "{at: 2026-03-11 10:00, offer: deal, until: 2026-03-19}",
        "{at: 2026-03-13 10:00, hold: true}",
    ],
)
def test_an_outcome_names_what_it_is_about_or_says_true(item: str) -> None:
    report = run(case(f"{{includes: [{item}]}}"))
    assert report.passed, report.text()


def test_a_loan_that_is_set_aside_is_part_of_the_story() -> None:
    other = LOAN.replace("{dis", "{currency: USD, dis")
    assert run(case("[{at: 2026-02-01 09:00, set_aside: true}]", loan=other)).passed
    assert not run(case("[]", loan=other)).passed


# --- what a case says, and what it leaves out -----------------------------------------------------------------


def test_a_time_without_an_offset_is_the_borrowers() -> None:
    events = "[{at: 2026-03-05 12:00, type: payment, amount: 100.00}]"
    told = [*LADDER[:2], "{at: 2026-03-05T11:00:00Z, cured: true}"]
    assert run(case(told, events=events)).passed
    assert not run(case(told, events=events, borrower="{zone: America/Lima}")).passed


def test_a_date_alone_is_its_first_instant() -> None:
    report = run(case([*LADDER[:2], "{at: 2026-03-05, cured: true}"],
                      events="[{at: 2026-03-05, type: payment, amount: 100.00}]"))  # fmt: skip
    assert report.passed, report.text()


def test_a_time_in_the_spring_gap_is_read_as_the_calendar_reads_it() -> None:
    loan = "{disbursed_at: 2026-02-01 09:00, instalments: [{due_on: 2026-03-10, principal: 100.00}]}"
    report = run(case("{includes: [{at: 2026-03-29 03:30, cured: true}]}", loan=loan,
                      events="[{at: 2026-03-29 02:30, type: payment, amount: 100.00}]"))  # fmt: skip
    assert report.passed, report.text()


def test_what_a_case_leaves_out_has_the_documented_default() -> None:
    policy = POLICY.replace("currency: EUR", "applies_to: {product: [car, bike], region: [DE, AT]}\ncurrency: EUR")
    bare = case("[]", borrower="", loan="{instalments: [{due_on: 2026-03-01, principal: 9.5}]}",
                events="[{at: 2026-02-01, type: charge, value: fee, amount: 1}]")  # fmt: skip
    report = run(bare, policy)
    one = report.results[0].case
    assert (one.person.first_name, one.person.last_name, one.person.borrower_id) == ("Robin", "Example", "borrower")
    assert (one.person.language, one.person.zone, one.person.region) == ("en", "UTC", "DE")
    assert (one.person.phone, one.person.email, one.person.address) == ("+12025550142", "robin@example.com", None)
    loan = one.loans[0]
    assert (loan.loan_id, loan.product, loan.currency, loan.principal_minor, loan.policy) == (
        "loan",
        "car",
        "EUR",
        950,
        None,
    )
    assert one.home.iso(loan.disbursed_at) == "2026-01-30T09:00:00+00:00"
    assert (loan.instalments[0].number, loan.instalments[0].interest_minor, loan.instalments[0].fees_minor) == (1, 0, 0)
    assert (one.events[0].event_id, one.events[0].known_at, one.events[0].loan_id) == (
        "event-1",
        one.events[0].at,
        "loan",
    )
    assert (one.span.start, one.span.until) == (loan.disbursed_at, None)


def test_an_empty_value_is_not_given_and_no_default_takes_its_place() -> None:
    report = run(case(["{at: 2026-02-26 10:00, sent: note, by: email}"], borrower="{zone: Europe/Madrid, phone: ''}",
                      until="2026-03-01"))  # fmt: skip
    assert report.passed, report.text()


def test_a_case_takes_every_column_of_a_book() -> None:
    for file, columns in COLUMNS.items():
        _, problems = read_book({file: io.BytesIO(b"nonsense\n1\n")})
        unknown = next(p for p in problems if p.code == "unknown-column")
        assert tuple((unknown.expected or "").split(", ")) == columns


def test_instalments_may_stand_beside_the_loan_and_loans_be_several() -> None:
    beside = case(LADDER[:2], loan="{disbursed_at: 2026-02-01 09:00}", until="2026-03-03",
                  instalments="[{due_on: 2026-03-01, principal: 100.00}]")  # fmt: skip
    assert run(beside).passed
    two = case(
        [
            "{at: 2026-02-26 10:00, sent: note, by: sms, loan: A}",
            "{at: 2026-02-27 08:00, sent: note, by: sms, loan: loan-2}",
        ],
        loan="", loans="[{loan_id: A}, {}]", until="2026-02-28",
        instalments="[{loan_id: A, due_on: 2026-03-01, principal: 9},"
                    " {loan_id: loan-2, due_on: 2026-03-01, principal: 9}]",
    )  # fmt: skip
    report = run(two)
    assert report.passed, report.text()


def test_a_receipt_names_its_message_by_loan_instalment_step_and_channel() -> None:
    report = run(case(
        [LADDER[0], LADDER[1], "{at: 2026-03-03 08:00, sent: note, by: email, step: first}"], until="2026-03-04",
        events="[{at: 2026-03-02 10:05, type: receipt, ref: loan/1/first/sms, value: bounced}]",
    ))  # fmt: skip
    assert report.passed, report.text()


@pytest.mark.parametrize(
    "outage", ["2026-03-01 22:00/2026-03-04 15:00", "[2026-03-01/2026-03-02, 2026-03-02/2026-03-04 15:00]"]
)
def test_in_an_outage_nothing_happens(outage: str) -> None:
    report = run(case([LADDER[0], "{at: 2026-03-04 15:00, sent: note, by: sms}"], outage=outage, until="2026-03-06"))
    assert report.passed, report.text()


def test_before_from_nothing_is_done_and_at_until_nothing_any_more() -> None:
    late = "{at: 2026-02-27 10:00, sent: note, by: sms, because: L5}"
    report = run(case([late, LADDER[1]], from_="2026-02-27", until="2026-03-11 10:00"))
    assert report.passed, report.text()
