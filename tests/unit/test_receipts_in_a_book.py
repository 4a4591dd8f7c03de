"""A receipt in a book is a fact of whoever its message went to: the step's next channel is tried."""

from __future__ import annotations

import pytest

from policies.compose import message_id
from policies.facts import Book, Event
from policies.simulate import Span, simulate
from policies.versions import Policies, Published
from tests.making import loan, local, person, policy, step

ASKED = message_id("L", 1, "a", 1, "sms")


@pytest.mark.parametrize(
    ("known", "second"),
    [("2026-03-02 15:00", "2026-03-03 08:00"), ("2026-03-05 12:00", "2026-03-05 12:00")],
)
def test_a_failed_message_in_a_book_goes_by_the_next_channel(known: str, second: str) -> None:
    told_at = local(known)
    debt = loan({"2026-03-01": "100.00"}, local("2026-02-10 09:00"))
    book = Book(
        {debt.borrower_id: person()},
        {debt.loan_id: debt},
        (Event("r1", told_at, told_at, "receipt", ref=ASKED, value="failed"),),
    )
    published = Policies([Published(policy([step("a", "due + 1 day", by=("sms", "email"))], house=True))])
    sent = [(line.at, line.channel) for line, _ in simulate(published, book, Span(0)) if line.outcome == "sent"]
    assert sent[1:] == [(local(second), "email")]
    assert sent[0][1] == "sms"
