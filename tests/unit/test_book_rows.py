"""Each row of a book by itself: what is right becomes a value, what is wrong a problem at its line and column."""

from __future__ import annotations

from datetime import UTC, date, datetime
from io import BytesIO
from typing import Any

import pytest

from policies.book_events import HOLD_REASONS, KINDS
from policies.book_rows import BORROWERS, EVENTS, FILES, INSTALMENTS, LOANS, InstalmentRow, stream_rows
from policies.book_values import FieldError, tags
from policies.facts import Loan, Person
from policies.problems import Problem

RIGHT = {
    BORROWERS: {
        "borrower_id": "b1", "first_name": "Ann", "last_name": "O'Neill", "language": "en", "zone": "Europe/London",
        "region": "GB", "phone": "+442079460123", "email": "ann@Example.com", "address": "1 High Street;Leeds",
    },
    LOANS: {
        "loan_id": "l1", "borrower_id": "b1", "product": "personal", "currency": "GBP", "principal": "120.50",
        "disbursed_at": "2026-01-02T03:04:05+01:00", "policy": "uk", "segment": "new", "tags": "a;b",
        "allocation": "principal interest fee penalty",
    },
    INSTALMENTS: {
        "loan_id": "l1", "number": "1", "due_on": "2026-02-01", "principal": "120.50", "interest": "3", "fees": "0.00",
    },
    EVENTS: {"event_id": "e1", "at": "2026-02-03T10:00:00Z", "type": "payment", "loan_id": "l1", "amount": "20.00"},
}  # fmt: skip


def read(file: str, text: str | bytes) -> list[object]:
    raw = text.encode() if isinstance(text, str) else text
    return list(stream_rows(file, BytesIO(raw)))


def with_fields(file: str, **fields: str) -> tuple[str, dict[str, int]]:
    """The right row of a file with other fields in it, and the column at which each field begins."""
    row = RIGHT[file] | {name.rstrip("_"): value for name, value in fields.items()}
    places, at = {}, 1
    for name, value in row.items():
        places[name] = at
        at += len(value) + 1
    return ",".join(row) + "\n" + ",".join(row.values()) + "\n", places


def only_problem(items: list[object]) -> Problem:
    assert len(items) == 1
    assert isinstance(items[0], Problem), items
    return items[0]


def only_row(items: list[object]) -> Any:
    assert len(items) == 1
    assert isinstance(items[0], tuple), items
    return items[0][1]


def event(**fields: str) -> list[object]:
    row = {"event_id": "e1", "at": "2026-02-03T10:00:00Z"} | {k.rstrip("_"): v for k, v in fields.items()}
    return read(EVENTS, ",".join(row) + "\n" + ",".join(row.values()))


def test_a_right_row_of_each_file_becomes_a_value_with_its_line() -> None:
    assert read(BORROWERS, with_fields(BORROWERS)[0]) == [
        (2, Person("b1", "Ann", "O'Neill", "en", "Europe/London", "GB", "+442079460123", "ann@example.com",
                   "1 High Street;Leeds")),
    ]  # fmt: skip
    disbursed = datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert read(LOANS, with_fields(LOANS)[0]) == [
        (2, Loan("l1", "b1", "personal", "GBP", 12050, int(disbursed.timestamp()) * 1_000_000, (), "uk", "new",
                 ("a", "b"), ("principal", "interest", "fee", "penalty"))),
    ]  # fmt: skip
    assert read(INSTALMENTS, with_fields(INSTALMENTS)[0]) == [
        (2, InstalmentRow("l1", 1, date(2026, 2, 1), 1_205_000, 30_000, 0))
    ]


def test_an_empty_known_at_means_at() -> None:
    row = only_row(event(type="returned", loan_id="l1", known_at=""))
    assert row.known_at == row.at


@pytest.mark.parametrize(
    ("file", "field", "value", "code"),
    [
        (BORROWERS, "borrower_id", "", "missing-value"),
        (BORROWERS, "borrower_id", "b 1", "not-an-id"),
        (BORROWERS, "borrower_id", "b" * 65, "not-an-id"),
        (BORROWERS, "first_name", "Ann\x00", "forbidden-character"),
        (BORROWERS, "first_name", "Ann\x85", "forbidden-character"),
        (BORROWERS, "last_name", "Li\u202ele", "forbidden-character"),
        (BORROWERS, "last_name", "Li\u2066le", "forbidden-character"),
        (BORROWERS, "last_name", "x" * 201, "too-long"),
        (BORROWERS, "last_name", "  ", "blank"),
        (BORROWERS, "first_name", "pay at http://evil.example", "link-in-name"),
        (BORROWERS, "language", "xx", "unknown-language"),
        (BORROWERS, "language", "en_US", "unknown-language"),
        (BORROWERS, "zone", "Europe/Londn", "unknown-zone"),
        (BORROWERS, "zone", "GMT+1", "unknown-zone"),
        (BORROWERS, "region", "XX", "unknown-region"),
        (BORROWERS, "region", "EU", "unknown-region"),
        (BORROWERS, "region", "US-XX", "unknown-region"),
        (BORROWERS, "region", "us", "unknown-region"),
        (BORROWERS, "phone", "02079460123", "not-a-phone"),
        (BORROWERS, "phone", "+1", "not-a-phone"),
        (BORROWERS, "phone", "+15550100199", "not-a-phone"),
        (BORROWERS, "phone", "+4402079460123", "not-a-phone"),
        (BORROWERS, "email", "ann@", "not-an-email"),
        (BORROWERS, "email", "ann@example..com", "not-an-email"),
        (BORROWERS, "email", "a" * 65 + "@example.com", "not-an-email"),
        (LOANS, "currency", "USX", "unknown-currency"),
        (LOANS, "currency", "gbp", "unknown-currency"),
        (LOANS, "principal", "-1.00", "not-an-amount"),
        (LOANS, "principal", "1e2", "not-an-amount"),
        (LOANS, "principal", ".5", "not-an-amount"),
        (LOANS, "principal", "5.", "not-an-amount"),
        (LOANS, "principal", "1 000", "not-an-amount"),
        (LOANS, "principal", "NaN", "not-an-amount"),
        (LOANS, "principal", "١٢", "not-an-amount"),
        (LOANS, "principal", "1.005", "too-many-decimals"),
        (LOANS, "principal", "1.00001", "too-many-decimals"),
        (LOANS, "principal", "9" * 15, "amount-too-large"),
        (LOANS, "disbursed_at", "2026-01-02T03:04:60Z", "leap-second"),
        (LOANS, "disbursed_at", "2026-01-02T03:04:05", "no-offset"),
        (LOANS, "disbursed_at", "2026-01-02 03:04", "no-offset"),
        (LOANS, "disbursed_at", "2026-01-02", "not-an-instant"),
        (LOANS, "disbursed_at", "2026-01-02T24:00:00Z", "not-an-instant"),
        (LOANS, "disbursed_at", "2026-01-02T03:04:05+0100", "not-an-instant"),
        (LOANS, "disbursed_at", "2026-02-30T03:04:05Z", "no-such-date"),
        (LOANS, "disbursed_at", "2026-01-02T03:04:05.1234567Z", "too-fine"),
        (LOANS, "disbursed_at", "9999-12-31T23:59:59Z", "out-of-range"),
        (LOANS, "tags", "a;;b", "bad-tags"),
        (LOANS, "tags", "a;a", "bad-tags"),
        (LOANS, "allocation", "fee interest", "bad-allocation"),
        (LOANS, "product", "", "missing-value"),
        (INSTALMENTS, "number", "0", "not-a-number"),
        (INSTALMENTS, "number", "01", "not-a-number"),
        (INSTALMENTS, "number", "1.0", "not-a-number"),
        (INSTALMENTS, "due_on", "2026-02-29", "no-such-date"),
        (INSTALMENTS, "due_on", "20260201", "not-a-date"),
        (INSTALMENTS, "due_on", "2026-W05-1", "not-a-date"),
        (INSTALMENTS, "due_on", "1000-01-01", "out-of-range"),
        (INSTALMENTS, "fees", "", "missing-value"),
        (EVENTS, "event_id", "pay/1", "not-an-id"),
        (EVENTS, "type", "case_result", "event-without-effect"),
        (EVENTS, "type", "paymnt", "unknown-event-type"),
        (EVENTS, "amount", "0.00", "not-positive"),
        (EVENTS, "amount", "", "missing-value"),
    ],
)
def test_a_wrong_field_is_one_problem_at_its_column(file: str, field: str, value: str, code: str) -> None:
    text, places = with_fields(file, **{field: value})
    problem = only_problem(read(file, text))
    assert (problem.code, problem.line, problem.column) == (code, 2, places[field])
    assert problem.message.startswith(f"{field}: ")
    assert problem.message.isprintable()


def test_a_character_that_no_text_may_hold_is_named() -> None:
    assert "U+0000 (NUL)" in only_problem(read(BORROWERS, with_fields(BORROWERS, zone="Europe\x00")[0])).message
    message = only_problem(read(BORROWERS, with_fields(BORROWERS, first_name="A\u202eB")[0])).message
    assert "U+202E (RIGHT-TO-LEFT OVERRIDE)" in message
    assert "\u202e" not in message


@pytest.mark.parametrize("name", ["José", "王小明", "प्रिया", "می\u200cشد", "{{7*7}}", "O'Brien-Łęcki", "=1+1", "😀"])
def test_a_name_may_hold_the_letters_of_any_script(name: str) -> None:
    person = only_row(read(BORROWERS, with_fields(BORROWERS, first_name=name)[0]))
    assert person.first_name == name


@pytest.mark.parametrize(
    ("given", "kept"), [("EN", "en"), ("zh-hans-cn", "zh-Hans-CN"), ("es-419", "es-419"), ("en-ng", "en-NG")]
)
def test_a_language_is_kept_in_its_usual_capitals(given: str, kept: str) -> None:
    person = only_row(read(BORROWERS, with_fields(BORROWERS, language=given)[0]))
    assert person.language == kept


@pytest.mark.parametrize("region", ["GB", "US-CA", "CA-QC", "CN-GD", "ZZ", "NG"])
def test_a_region_may_have_a_subdivision_and_may_be_unknown(region: str) -> None:
    assert not isinstance(read(BORROWERS, with_fields(BORROWERS, region=region)[0])[0], Problem)


@pytest.mark.parametrize(
    ("currency", "text", "minor"), [("JPY", "120", 120), ("KWD", "1.005", 1005), ("USD", "1.5", 150)]
)
def test_an_amount_has_the_decimals_of_its_currency(currency: str, text: str, minor: int) -> None:
    loan = only_row(read(LOANS, with_fields(LOANS, currency=currency, principal=text)[0]))
    assert loan.principal_minor == minor


def test_a_near_name_is_offered() -> None:
    assert "Europe/London" in (
        only_problem(read(BORROWERS, with_fields(BORROWERS, zone="Europe/Londn")[0])).remedy or ""
    )
    assert "payment" in (only_problem(read(EVENTS, with_fields(EVENTS, type="paymnt")[0])).remedy or "")


def test_all_wrong_fields_of_a_row_are_told_at_once() -> None:
    text, _ = with_fields(BORROWERS, zone="Mars", region="XX", phone="1")
    assert [p.code for p in read(BORROWERS, text)] == ["unknown-zone", "unknown-region", "not-a-phone"]  # type: ignore[attr-defined]


def test_an_event_without_effect_yet_is_refused_by_name() -> None:
    problem = only_problem(event(type="offer_viewed", loan_id="l1", ref="l1/1/offer"))
    assert problem.code == "event-without-effect"
    assert "offer_viewed has no effect yet; it comes with" in problem.message


RIGHT_EVENTS: dict[str, dict[str, str]] = {
    "payment": {"loan_id": "l1", "amount": "1.00"},
    "reversal": {"loan_id": "l1", "ref": "e0"},
    "charge": {"loan_id": "l1", "amount": "1.00", "value": "penalty"},
    "waiver": {"loan_id": "l1", "amount": "1.00", "value": "interest"},
    "hold": {"value": "dispute", "loan_id": "l1"},
    "release": {"ref": "e0"},
    "promise": {"loan_id": "l1", "amount": "1.00", "until": "2026-03-01"},
    "opt_out": {"borrower_id": "b1", "channel": "sms"},
    "opt_in": {"borrower_id": "b1", "channel": "email"},
    "consent": {"borrower_id": "b1", "channel": "sms"},
    "consent_withdrawn": {"borrower_id": "b1", "channel": "sms"},
    "evidence": {"borrower_id": "b1", "value": "America/New_York; America/Chicago", "text": "zip"},
    "quiet": {"borrower_id": "b1", "value": "mon-fri 15:00-17:00; sat"},
    "reply": {"borrower_id": "b1", "channel": "sms", "text": "STOP"},
    "contact": {"borrower_id": "b1", "channel": "call"},
    "receipt": {"ref": "m1", "value": "bounced"},
    "step_done": {"loan_id": "l1", "value": "first-reminder"},
    "returned": {"loan_id": "l1"},
    "close": {"loan_id": "l1", "value": "sold"},
}
MAY_HAVE: dict[str, dict[str, str]] = {
    "reversal": {"amount": "1.00"},
    "charge": {"ref": "x"},
    "waiver": {"ref": "x"},
    "hold": {"from": "2026-02-01", "until": "2026-03-01", "text": "says\nno", "channel": "sms"},
    "opt_out": {"address": "+442079460123", "text": "STOP"},
    "opt_in": {"address": "ann@example.com", "text": "START"},
    "consent": {"address": "+442079460123", "value": "hours", "until": "2026-04-01", "ref": "x"},
    "consent_withdrawn": {"address": "+442079460123", "value": "calls", "ref": "x"},
    "evidence": {"until": "2026-04-01"},
    "quiet": {"until": "2026-04-01", "text": "not while I sleep"},
    "reply": {"ref": "m1"},
    "contact": {"loan_id": "l1", "value": "no_answer", "ref": "x", "text": "by phone"},
    "receipt": {"text": "x"},
    "returned": {"text": "x"},
    "close": {"text": "x"},
}
WRONG_EVENTS = (
    ("evidence", {"value": "Mars/Base"}, "unknown-zone"),
    ("evidence", {"text": "a hunch"}, "unknown-value"),
    ("quiet", {"value": "monday to friday"}, "not-times"),
    ("quiet", {"value": "mon 25:00-26:00"}, "not-times"),
    ("quiet", {"value": "mon 9:00-10:00;"}, "not-times"),
    ("consent", {"value": "everything"}, "unknown-value"),
)
ALL_COLUMNS = {
    "borrower_id": "b1", "loan_id": "l1", "amount": "1.00", "ref": "e0", "channel": "sms", "address": "x",
    "value": "other", "from": "2026-02-01", "until": "2026-04-01", "text": "x",
}  # fmt: skip


def test_every_type_with_an_effect_is_tried_here() -> None:
    assert set(RIGHT_EVENTS) == set(KINDS)


@pytest.mark.parametrize(("kind", "fields", "code"), WRONG_EVENTS)
def test_what_the_guard_could_not_understand_is_refused(kind: str, fields: dict[str, str], code: str) -> None:
    assert (
        only_problem(event(type=kind, **{k: f'"{v}"' for k, v in (RIGHT_EVENTS[kind] | fields).items()})).code == code
    )


@pytest.mark.parametrize("kind", RIGHT_EVENTS)
def test_an_event_may_have_what_its_type_has(kind: str) -> None:
    full = {k: f'"{v}"' for k, v in (RIGHT_EVENTS[kind] | MAY_HAVE.get(kind, {})).items()}
    whose = {"borrower_id": "b1"} if "loan_id" in full else {}
    for fields in (RIGHT_EVENTS[kind], full, full | whose):
        (item,) = event(type=kind, **fields)
        assert not isinstance(item, Problem), item


@pytest.mark.parametrize(("kind", "needed"), [(k, n) for k, fields in RIGHT_EVENTS.items() for n in fields])
def test_an_event_without_what_its_type_needs_is_refused(kind: str, needed: str) -> None:
    problem = only_problem(event(type=kind, **(RIGHT_EVENTS[kind] | {needed: ""})))
    assert (problem.code, problem.message.split(":")[0]) == ("missing-value", needed)


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        (kind, column)
        for kind, needs in RIGHT_EVENTS.items()
        for column in ALL_COLUMNS
        if column not in needs | MAY_HAVE.get(kind, {}) and not (column == "borrower_id" and "loan_id" in needs)
    ],
)
def test_an_event_with_what_its_type_does_not_have_is_refused(kind: str, extra: str) -> None:
    problem = only_problem(event(type=kind, **(RIGHT_EVENTS[kind] | {extra: ALL_COLUMNS[extra]})))
    assert problem.code == "value-not-allowed"


@pytest.mark.parametrize("kind", ["charge", "waiver", "hold", "receipt", "close"])
def test_the_value_of_an_event_is_one_of_a_closed_set(kind: str) -> None:
    assert only_problem(event(type=kind, **(RIGHT_EVENTS[kind] | {"value": "disput"}))).code == "unknown-value"


@pytest.mark.parametrize("reason", HOLD_REASONS)
def test_a_hold_may_have_each_reason(reason: str) -> None:
    assert not isinstance(event(type="hold", borrower_id="b1", value=reason)[0], Problem)


def test_from_and_until_are_an_instant_or_a_date() -> None:
    row = only_row(event(type="hold", loan_id="l1", value="dispute", from_="2026-03-01", until="2026-04-01T00:00:00Z"))
    assert row.start == date(2026, 3, 1)
    assert isinstance(row.until, int)


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"type": "promise", "loan_id": "l1", "amount": "1", "until": "2026-03-01T00:00:00Z"}, "not-a-date"),
        ({"type": "hold", "loan_id": "l1", "value": "other", "until": "2026-02-03T10:00:00Z"}, "ends-before-it-begins"),
        ({"type": "opt_out", "borrower_id": "b1", "channel": "smss"}, "unknown-channel"),
        ({"type": "opt_out", "borrower_id": "b1", "channel": "sms", "address": "12"}, "not-a-phone"),
        ({"type": "opt_out", "borrower_id": "b1", "channel": "email", "address": "12"}, "not-an-email"),
    ],
)
def test_what_cannot_hold_of_an_event_is_refused(fields: dict[str, str], code: str) -> None:
    assert only_problem(event(**fields)).code == code


@pytest.mark.parametrize("file", FILES)
def test_a_missing_column_is_named_for_each_that_a_row_must_give(file: str) -> None:
    (items,) = [read(file, "text\n" if file == EVENTS else "nothing\n")]
    missing = {p.message.split(":")[0] for p in items if isinstance(p, Problem) and p.code == "missing-column"}
    assert missing >= {"event_id", "at", "type"} if file == EVENTS else len(missing) >= 6


def test_an_unknown_column_is_named_at_its_place_with_the_nearest() -> None:
    text, _ = with_fields(LOANS)
    problem = only_problem(read(LOANS, text.replace(",policy", ",polcy")))
    assert (problem.code, problem.line, problem.column) == ("unknown-column", 1, text.index(",policy") + 2)
    assert problem.remedy == "did you mean 'policy'?"


def test_a_column_that_is_there_twice_is_named() -> None:
    assert only_problem(read(LOANS, with_fields(LOANS)[0].replace("policy", "product"))).code == "duplicate-column"


def test_a_row_with_too_few_or_too_many_fields_is_told_and_the_next_one_is_read() -> None:
    header, row = with_fields(INSTALMENTS)[0].splitlines()
    items = read(INSTALMENTS, "\n".join([header, row + ",", row, row.rpartition(",")[0]]))
    assert [(i.line, i.code) if isinstance(i, Problem) else i[0] for i in items] == [  # type: ignore[index]
        (2, "wrong-field-count"), 3, (4, "wrong-field-count"),
    ]  # fmt: skip


def test_columns_may_stand_in_any_order_with_either_line_end() -> None:
    row = RIGHT[BORROWERS]
    turned = dict(reversed(row.items()))
    assert read(BORROWERS, ",".join(turned) + "\r\n" + ",".join(turned.values()) + "\r\n") == read(
        BORROWERS, with_fields(BORROWERS)[0]
    )


@pytest.mark.parametrize("separator", [";", "\t"])
def test_a_file_with_another_separator_is_told_so_once(separator: str) -> None:
    header = separator.join(["borrower_id", "first_name", "last_name"])
    problem = only_problem(list(stream_rows("borrowers.csv", BytesIO(f"{header}\n".encode()))))
    assert (problem.code, problem.line) == ("wrong-separator", 1)


@pytest.mark.parametrize("wrong", ["vip,online", "vip online"])
def test_tags_have_a_semicolon_between(wrong: str) -> None:
    with pytest.raises(FieldError) as error:
        tags(wrong)
    assert error.value.code == "bad-tags"
    assert tags("vip; online") == ("vip", "online")
