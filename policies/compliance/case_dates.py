"""The date calculations that a case file may ask for, by name: what each takes, and all dates that it knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from policies.compliance import dates
from policies.compliance.case_values import Part, Reading, day
from policies.compliance.case_words import word
from policies.language.source import Text

START: Final = (
    "start",
    "start_date",
    "date",
    "from",
    "from_date",
    "day",
    "first_day",
    "event",
    "event_date",
    "on",
    "at",
)
RECEIVED: Final = ("received", "received_on", "received_at", "received_date", "receipt", "receipt_date",
                   "actual_receipt", "delivered", "delivered_on")  # fmt: skip
SENT: Final = ("sent", "sent_on", "sent_at", "sent_date", "date_sent", "mailed", "mailed_on", "provided", "notice_sent",
               "validation_notice_sent", *START)  # fmt: skip
DAYS: Final = ("days", "n", "number", "count", "calendar_days", "length", "period_days", "notice_days", "min_days")
YEARS: Final = ("years", "n", "number", "retention_years", "limitation_years", "period_years", "period")


class Inputs:
    """The inputs of a calculation, by any of their names; what lacks is a problem, and a date all the same."""

    def __init__(self, part: Part, region: str) -> None:
        self.part, self.region = part, region
        part.skip("note", "jurisdiction", "country", "zone", "tz", "calendar", "what", "kind", "record")

    def day(self, *names: str) -> date:
        """A date that has to be there."""
        found = self.part.day(*names)
        if found is None and not self.part.has(*names):
            self._lacks(names[0])
        return found or date.min

    def number(self, names: tuple[str, ...], default: int | None = None) -> int:
        """A number; without a default it has to be there."""
        found = self.part.number(*names)
        if found is None and default is None and not self.part.has(*names):
            self._lacks(names[0])
        return found if found is not None else default or 0

    def holidays(self) -> tuple[date, ...] | None:
        """Those that the case gives; none where it gives none, and the tables are meant."""
        names = ("holidays", "federal_holidays", "public_holidays", "bank_holidays", "legal_holidays")
        return self.days(*names) if self.part.has(*names) else None

    def days(self, *names: str) -> tuple[date, ...]:
        """A list of dates."""
        read = self.part.reading
        return tuple(d for d in (day(read, node, names[0]) for node in self.part.nodes(*names)) if d)

    def _lacks(self, name: str) -> None:
        self.part.reading.problem(
            self.part.node, "missing-key", f"the calculation lacks '{name}'", expected=f"'{name}' among the inputs"
        )


Found = dict[str, date]


def _business_days(given: Inputs) -> Found:
    start = given.day(
        "start", "revoked", "revoked_on", "revocation", "received", "request", "requested", "sent", *START
    )
    n = given.number(("n", "days", "business_days", "number", "count", "working_days"), 10)
    return {"date": dates.business_days_after(start, n, given.holidays(), region=given.region)}


def _plus_days(given: Inputs) -> Found:
    start = given.day(*dict.fromkeys(("date", *SENT, *RECEIVED, "given", "served", "closed", "registered")))
    end = dates.plus_days(start, given.number(DAYS))
    return {"date": end, "next_day": dates.plus_days(end, 1)}


def _plus_months(given: Inputs) -> Found:
    return {"date": dates.plus_months(given.day(*START), given.number(("months", "n", "number")))}


def _retention(given: Inputs) -> Found:
    last = given.day(
        "last_activity", "last_collection_activity", "closed", "closed_on", "closed_at", "complaint_closed", "call",
        "call_date", "recorded", "recording", "end", "ended", "contract_end", "created", "last_contact", *START,
    )  # fmt: skip
    end = dates.retention_until(last, given.number(YEARS, 3))
    return {"date": end, "first_deletion_day": dates.plus_days(end, 1)}


def _limitation(given: Inputs) -> Found:
    due = given.day("due", "due_date", "last_due", "last_due_date", "default", "default_date", "accrued", *START)
    interruptions = given.days("interruptions", "interrupted", "interruption", "demands", "acknowledgements",
                               "acknowledgments", "payments", "demand", "restarts")  # fmt: skip
    longest = ("longest", "max_years", "longest_years", "maximum_years", "long_stop", "long_stop_years")
    bound = given.number(longest, 0)
    end = dates.limitation_end(due, interruptions, given.number(YEARS, 3), longest=bound or None)
    return {"date": end, "barred_from": dates.plus_days(end, 1)}


def _moratorium(given: Inputs) -> Found:
    registered = given.part.day("registered", "registered_on", "registration", "registration_date", "entered")
    first = dates.plus_days(registered, 1) if registered else given.day("start", "started", "begins", *START)
    last = dates.moratorium_last_day(first, given.number(DAYS, 60))
    return {"date": last, "next_open_day": dates.plus_days(last, 1), "first_day": first}


def _closed(given: Inputs) -> Found:
    first = given.day("first_day", "conversation", "conversation_date", "conversation_on", "call", *START)
    period = dates.closed_period(first, given.number(DAYS, 7))
    return {"date": period.last_day, "next_open_day": period.next_open_day, "first_day": period.first_day}


def _validation(given: Inputs) -> Found:
    holidays = given.holidays()
    receipt = given.number(("receipt_days", "receipt_business_days", "business_days", "assumed_days"), 5)
    length = given.number(("days", "validation_days", "calendar_days", "n", "period_days"), 30)
    received = given.part.day(*RECEIVED, "assumed_receipt")
    if received is None:
        sent = given.day(*SENT)
        received = dates.assumed_receipt(sent, holidays, days=receipt, region=given.region)
    else:
        given.part.skip(*SENT)
    end = dates.validation_period_end(received=received, days=length)
    return {"date": end, "assumed_receipt": received, "next_day": dates.plus_days(end, 1)}


def _receipt(given: Inputs) -> Found:
    days = given.number(("days", "n", "business_days", "receipt_days"), 5)
    received = dates.assumed_receipt(given.day(*SENT), given.holidays(), days=days, region=given.region)
    return {"date": received, "end": dates.validation_period_end(received=received)}


def _complaint(given: Inputs) -> Found:
    received = given.day("received", "forwarded", "forwarded_on", "complaint", "complaint_date", *RECEIVED, *START)
    days = given.number(("days", "n", "normal_days", "answer_days"), dates.COMPLAINT_DAYS)
    longest = given.number(("longest", "max_days", "at_most", "extended_days", "maximum", "limit", "max", "extension"),
                           dates.COMPLAINT_DAYS_AT_MOST)  # fmt: skip
    found = dates.complaint_deadline(received, days, longest)
    return {"date": found.due, "latest": found.latest}


def _notice(given: Inputs, days: int) -> Found:
    start = given.day("given", "served", "served_on", "notice", "notice_date", "given_on", *RECEIVED, *SENT)
    end = dates.notice_ends(start, given.number(DAYS, days or None))
    return {"date": end, "last_day": dates.plus_days(end, -1)}


@dataclass(frozen=True, slots=True)
class Calculation:
    """A date function of case files: what works it out, and other names for it."""

    run: Callable[[Inputs], Found]
    names: str = ""


CALCULATIONS: Final[dict[str, Calculation]] = {
    "business_days_after": Calculation(
        _business_days, "add_business_days plus_business_days business_days business_day_after nth_business_day "
        "revocation_deadline honour_by honor_by working_days_after debt_adjustment_deadline",
    ),
    "plus_days": Calculation(
        _plus_days, "add_days days_after calendar_days_after plus_calendar_days deadline validation_notice_due "
        "validation_notice_deadline hardship_deadline hardship_answer_due hold_until optout_date opt_out_date "
        "earliest_optout_date",
    ),
    "plus_months": Calculation(_plus_months, "add_months months_after pause_until"),
    "retention_until": Calculation(
        _retention, "retention_end retain_until keep_until retention plus_years add_years years_after retention_date "
        "retention_period_end",
    ),
    "limitation_end": Calculation(
        _limitation, "limitation limitation_until limitation_date prescription_end time_barred_after statute_end "
        "statute_of_limitations_end limitation_period_end",
    ),
    "moratorium_last_day": Calculation(
        _moratorium, "moratorium_end moratorium breathing_space_last_day breathing_space_end moratorium_period "
        "breathing_space",
    ),
    "closed_period": Calculation(
        _closed, "closed_days cool_down cooldown cooling_period next_open_day closed_window seven_day_period "
        "closed_period_end",
    ),
    "validation_period_end": Calculation(
        _validation, "validation_end validation_period validation_period_last_day validation_deadline "
        "regf_validation_period reg_f_validation_period validation",
    ),
    "assumed_receipt": Calculation(_receipt, "assumed_receipt_date receipt_assumed assumed_received receipt_date"),
    "complaint_deadline": Calculation(
        _complaint, "complaint_deadlines complaint_answer_due complaint_due complaint_response_due complaint_answer "
        "complaint_reply_due complaint_response_deadline",
    ),
    "notice_ends": Calculation(
        lambda given: _notice(given, 0), "min_notice notice_end notice_period_end minimum_notice earliest_next_step "
        "min_notice_days notice_period earliest_step min_days_after earliest_action notice_until",
    ),
    "default_notice_ends": Calculation(
        lambda given: _notice(given, 30 if given.region == "AU" else 14), "default_notice_end default_notice_until "
        "default_notice default_notice_period_end default_notice_earliest earliest_termination reporting_wait "
        "earliest_enforcement",
    ),
}  # fmt: skip
"""By name; a name of ``names`` is the same."""

NAMES: Final = {other: name for name, one in CALCULATIONS.items() for other in (name, *one.names.split())}

RESULTS: Final[dict[str, tuple[str, ...]]] = {
    "date": ("result", "last_day", "end", "until", "due", "deadline", "period_end", "end_date", "validation_period_end",
             "validation_end", "keep_until", "retain_until", "earliest", "answer_by", "by", "day",
             "normal", "due_date", "standard", "first_day_after"),
    "next_open_day": ("next_open", "opens", "next_day", "first_open_day", "open_again", "reopens", "resume"),
    "next_day": ("next_open_day", "first_day_after", "first_open_day", "opens"),
    "assumed_receipt": ("receipt", "assumed_receipt_date", "received", "assumed_received", "receipt_date",
                        "assumed_received_on"),
    "latest": ("longest", "at_most", "max", "extended", "extended_due", "latest_date", "maximum", "limit", "max_date",
               "extended_deadline"),
    "end": ("validation_period_end", "validation_end", "period_end"),
    "barred_from": ("barred", "time_barred_from", "first_barred_day", "next_day"),
    "first_deletion_day": ("delete_from", "deletion_from", "next_day", "may_delete_from"),
    "first_day": ("start", "begins", "first"),
    "last_day": ("last_closed_day",),
}  # fmt: skip
"""Other names of what a calculation answers. Its own names come first, those of its main ``date`` last."""


def result(found: Mapping[str, date], name: str) -> str | None:
    """The date of a calculation that a case means by ``name``; none, where it has none of that name."""
    said = word(name)
    if said in found:
        return said
    for own in (*(key for key in found if key != "date"), "date"):
        if said in RESULTS.get(own, ()) and own in found:
            return own
    return None


def calculate(node: Text, inputs: Part, region: str) -> Found:
    """The dates of the calculation named in ``node``; problems are noted, and no date is answered then."""
    reading: Reading = inputs.reading
    name = NAMES.get(word(node.value))
    if name is None:
        reading.unknown(node, "date calculation", node.value, NAMES)
        return {}
    before = len(reading.problems)
    try:
        found = CALCULATIONS[name].run(Inputs(inputs, region))
    except (OverflowError, ValueError):
        found = {}
        if len(reading.problems) == before:
            reading.problem(node, "no-such-date", "the result lies beyond the calendar", expected="a date before 9999")
    inputs.finish()
    return found if len(reading.problems) == before else {}
