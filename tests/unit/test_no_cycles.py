"""A decision leaves nothing that only the garbage collector could free: the service lets it look seldom."""

from __future__ import annotations

import gc

from policies.decide import Borrower, decide
from policies.facts import Event
from policies.versions import Policies, Published
from tests.making import loan, local, person, policy, step


def test_deciding_makes_no_cycles() -> None:
    published = Policies(
        [Published(policy([step("a", "due + 1 day", by=("sms", "email")), step("b", "due + 3 days")]))]
    )
    debt = loan({"2026-03-01": "100.00", "2026-04-01": "100.00"}, local("2026-02-10 09:00"))
    paid = Event("e1", local("2026-03-02 09:00"), local("2026-03-02 09:00"), "payment", loan_id="L", amount_minor=500)
    borrower = Borrower(person(), (debt,), (paid,), published)
    decide(borrower, local("2026-03-02 10:00"))
    gc.collect()
    gc.disable()
    try:
        decision = decide(borrower, local("2026-03-02 10:00"))
        assert [line.outcome for line in decision.lines] == ["sent"]
        del decision
        assert gc.collect() == 0
    finally:
        gc.enable()
