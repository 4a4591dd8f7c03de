"""The events of a book: which types have an effect, what each of them needs and may have, and the check of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from policies.book_reach import a_phone, an_email
from policies.book_text import shown
from policies.book_values import FieldError, a_zone, nearest
from policies.compliance.weekly import EXPECTED, times_of
from policies.facts import Instant

_NEED_NO_TYPE: Final = frozenset({"event_id", "at", "known_at", "type"})


class EventRow(NamedTuple):
    """A row of ``events.csv``; ``amount_e4`` is in ten-thousandths, as the loan knows the currency (``in_minor``)."""

    event_id: str
    at: Instant
    known_at: Instant
    type: str
    borrower_id: str | None
    loan_id: str | None
    amount_e4: int | None
    ref: str | None
    channel: str | None
    address: str | None
    value: str | None
    start: Instant | date | None
    until: Instant | date | None
    text: str | None


COLUMN_OF_FIELD: Final = {name: name for name in EventRow._fields} | {"amount_e4": "amount", "start": "from"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of event: the fields it needs and may have, and the values that ``value`` may take (empty: any)."""

    needs: tuple[str, ...]
    may: tuple[str, ...] = ()
    one_of: tuple[str, ...] = ()
    """At least one of these must be given."""
    values: tuple[str, ...] = ()


HOLD_REASONS: Final = (
    "dispute", "hardship", "promise", "attorney", "cease", "bankruptcy", "death", "moratorium", "restriction",
    "occasion", "other",
)  # fmt: skip

CONSENTS: Final = ("contact", "hours", "calls", "place", "electronic", "recorded")
"""What a consent may be to, beside being contacted by its channel at all (no value): other hours, more calls, a place
of work, electronic messages as a written agreement, recorded or artificial voices."""
EVIDENCE: Final = ("address", "zip", "area_code", "statement", "known")

KINDS: Final = {
    "payment": Kind(("loan_id", "amount_e4")),
    "reversal": Kind(("loan_id", "ref"), ("amount_e4",)),
    "charge": Kind(("loan_id", "amount_e4", "value"), ("ref",), values=("penalty", "interest", "fee")),
    "waiver": Kind(("loan_id", "amount_e4", "value"), ("ref",), values=("penalty", "interest", "fee")),
    "hold": Kind(
        ("value",), ("start", "until", "text", "channel"), one_of=("loan_id", "borrower_id"), values=HOLD_REASONS
    ),
    "release": Kind(("ref",)),
    "promise": Kind(("loan_id", "amount_e4", "until")),
    "opt_out": Kind(("borrower_id", "channel"), ("address", "text")),
    "opt_in": Kind(("borrower_id", "channel"), ("address", "text")),
    "consent": Kind(("borrower_id", "channel"), ("address", "value", "until", "ref"), values=CONSENTS),
    "consent_withdrawn": Kind(("borrower_id", "channel"), ("address", "value", "ref"), values=CONSENTS),
    "evidence": Kind(("borrower_id", "value", "text"), ("until",)),
    "quiet": Kind(("borrower_id", "value"), ("until", "text")),
    "reply": Kind(("borrower_id", "channel", "text"), ("ref",)),
    "contact": Kind(("borrower_id", "channel"), ("loan_id", "value", "ref", "text")),
    "receipt": Kind(("ref", "value"), ("text",), values=("delivered", "failed", "bounced")),
    "step_done": Kind(("loan_id", "value")),
    "returned": Kind(("loan_id",), ("text",)),
    "close": Kind(("loan_id", "value"), ("text",), values=("settled", "written_off", "sold")),
}
"""The types that have an effect."""

_LATER: Final = dict.fromkeys(("offer_viewed", "offer_accepted", "offer_declined"), "the settlement of offers") | {
    "case_result": "the hand-off of cases"
}
"""Types of the format without an effect yet, and the work that each comes with."""


def event_type(text: str) -> str:
    """A type that has an effect; raises FieldError for one that has none yet, by name, and for an unknown one."""
    if text in KINDS:
        return text
    if text in _LATER:
        raise FieldError(
            "event-without-effect", f"{text} has no effect yet; it comes with {_LATER[text]}", found=text,
            expected=", ".join(KINDS), remedy="take the row out until then",
        )  # fmt: skip
    raise FieldError(
        "unknown-event-type", f"{shown(text)} is not a type of event", found=shown(text), expected=", ".join(KINDS),
        remedy=nearest(text, [*KINDS, *_LATER]),
    )  # fmt: skip


_right_shapes: Final[set[tuple[object, ...]]] = set()
"""Which (type, fields given) were found right: there are few, and looking one up is quick."""


def check_event(row: EventRow) -> EventRow:
    """The event with its address written as it is kept; raises FieldError, whose ``column`` says where."""
    shape = (row.type, *[field is None for field in row])
    if shape not in _right_shapes:
        _check_shape(row)
        _right_shapes.add(shape)
    kind = KINDS[row.type]
    if row.amount_e4 == 0:
        raise _wrong(
            "amount", FieldError("not-positive", "is 0", found="0", expected="more than 0", remedy="take the row out")
        )
    if row.type == "evidence":
        _check_evidence(row)
    elif row.type == "quiet":
        _check_quiet(row)
    if kind.values and row.value not in kind.values and (row.value is not None or "value" in kind.needs):
        raise _wrong("value", FieldError(
            "unknown-value", f"{shown(row.value or '')} is not a value of {row.type}", found=row.value,
            expected=", ".join(kind.values), remedy=nearest(row.value or "", kind.values),
        ))  # fmt: skip
    if row.until is not None:
        _check_until(row)
    if row.address is not None and row.channel in ("sms", "email"):
        try:
            address = a_phone(row.address) if row.channel == "sms" else an_email(row.address)
        except FieldError as error:
            raise _wrong("address", error) from None
        row = row._replace(address=address)
    return row


def _check_shape(row: EventRow) -> None:
    kind = KINDS[row.type]
    allowed = {*kind.needs, *kind.may, *kind.one_of} | _NEED_NO_TYPE
    if row.loan_id is not None:
        # Whose loan it is may be said beside the loan; that it is theirs is checked with the loans.
        allowed.add("borrower_id")
    for name, field in zip(row._fields, row, strict=True):
        column = COLUMN_OF_FIELD[name]
        if field is None and name in kind.needs:
            raise _wrong(column, FieldError(
                "missing-value", f"a {row.type} needs it", expected="a value", remedy="fill it in"
            ))  # fmt: skip
        if field is not None and name not in allowed:
            raise _wrong(column, FieldError(
                "value-not-allowed", f"a {row.type} does not have it", found=shown(str(field)), expected="nothing",
                remedy="leave it empty",
            ))  # fmt: skip
    if kind.one_of and all(getattr(row, name) is None for name in kind.one_of):
        raise _wrong(kind.one_of[0], FieldError(
            "missing-value", f"a {row.type} needs {' or '.join(kind.one_of)}",
            expected="loan_id for one loan, borrower_id for all loans of the person",
        ))  # fmt: skip


def _check_evidence(row: EventRow) -> None:
    for name in (row.value or "").split(";"):
        try:
            a_zone(name.strip())
        except FieldError as error:
            raise _wrong("value", error) from None
    if row.text not in EVIDENCE:
        raise _wrong("text", FieldError(
            "unknown-value", f"{shown(row.text or '')} is no kind of evidence", found=row.text,
            expected=", ".join(EVIDENCE), remedy=nearest(row.text or "", EVIDENCE),
        ))  # fmt: skip


def _check_quiet(row: EventRow) -> None:
    try:
        times_of(row.value or "")
    except ValueError as error:
        raise _wrong("value", FieldError(
            "not-times", str(error), found=shown(row.value or ""), expected=EXPECTED, remedy="write mon-fri 15:00-17:00"
        )) from None  # fmt: skip


def _check_until(row: EventRow) -> None:
    is_date = isinstance(row.until, date)
    if row.type == "promise":
        if not is_date:
            raise _wrong("until", FieldError("not-a-date", "is an instant", expected="a date: YYYY-MM-DD"))
        return
    start = row.at if row.start is None else row.start
    if type(start) is type(row.until) and row.until <= start:  # type: ignore[operator]
        raise _wrong("until", FieldError(
            "ends-before-it-begins", f"the {row.type} ends before it begins", expected="an end after its start"
        ))  # fmt: skip


def _wrong(column: str, error: FieldError) -> FieldError:
    error.column = column
    return error
