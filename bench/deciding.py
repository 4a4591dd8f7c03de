"""What one decision costs as its policy has more steps, its loan more instalments, its person more past contacts.

Only ``decide()`` is measured, in processor time: the first message of an episode, at the hour at which it is due.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from statistics import median
from time import process_time

from bench.book import DISBURSED, PAST_DUE, WAVE, ZONE
from bench.figures import Asked, Row
from policies.compliance.dossier import Contact
from policies.decide import Borrower, decide
from policies.facts import SECOND, Instalment, Loan, Person
from policies.language.check import compile_policy
from policies.outcome import SENT
from policies.versions import Policies, Published

_DECISIONS = 1_000
_DAY = 86_400 * SECOND
_FIRST_DUE = date(2026, 3, 2)

_STEP = """\
  step-{number}:
    at: due + {number} days
    when: {{overdue: ">= 10.00"}}
    send: {{message: overdue, by: [sms, email]}}
"""
_POLICY = """\
policy: growing
title: As many steps as asked for
currency: GBP
languages: [en]
send_at: "10:30"
lender: {{name: Acme Credit, reply_to: help@acme.example}}
end: true
steps:
{steps}messages:
  overdue:
    sms: {{en: "{{{{ overdue | money }}}} was due {{{{ due | date }}}}. {{{{ lender.name }}}}"}}
    email: {{en: {{subject: Your payment, body: "{{{{ overdue | money }}}} was due. {{{{ links.view }}}}"}}}}
"""


@dataclass(frozen=True, slots=True)
class _Size:
    steps: int = 5
    instalments: int = 12
    contacts: int = 20


_ALONG = {"steps": (5, 20, 80), "instalments": (1, 12, 48), "contacts": (0, 20, 200)}


def run(asked: Asked) -> Iterator[Row]:
    """A row for each size that grows, the others kept: microseconds a decision at each, and how they grow.

    ``growth`` is the last time by the middle one; it has to stay below ``floor``, the last size by the middle one.
    """
    for name, counts in _ALONG.items():
        borrowers = [_borrower(replace(_Size(), **{name: count})) for count in counts]
        spent: list[list[float]] = [[] for _ in counts]
        for _ in range(asked.pairs + 1):
            for place, borrower in enumerate(borrowers):
                spent[place].append(_seconds(borrower))
        took = [median(rounds[1:]) for rounds in spent]
        yield {
            "name": f"decide, {name}", "n": _DECISIONS, "pairs": asked.pairs, "seconds": round(took[-1], 4),
            "floor": round(counts[-1] / counts[-2], 2), "sizes": list(counts),
            "us": [round(seconds / _DECISIONS * 1e6, 1) for seconds in took], "growth": round(took[-1] / took[-2], 2),
        }  # fmt: skip


def _seconds(borrower: Borrower) -> float:
    began = process_time()
    for _ in range(_DECISIONS):
        decision = decide(borrower, WAVE)
    spent = process_time() - began
    assert [line.outcome for line in decision.lines] == [SENT]
    return spent


def _borrower(size: _Size) -> Borrower:
    """A person in the first hour of an episode, decided for when the loan was paid out and when it became overdue."""
    steps = "".join(_STEP.format(number=number) for number in range(1, size.steps + 1))
    policy, problems = compile_policy("growing.yaml", _POLICY.format(steps=steps).encode())
    assert policy is not None, problems
    person = Person("b", "Ann", "Bell", "en", ZONE, "GB", "+447700900001")
    parts = tuple(
        Instalment(number + 1, date(2026 + (number + 2) // 12, (number + 2) % 12 + 1, _FIRST_DUE.day), 10_000, 300)
        for number in range(size.instalments)
    )
    loan = Loan("l", "b", "personal", "GBP", 10_000 * size.instalments, DISBURSED, parts)
    # Over the year before, and none in the last week, so that no cap is in the way.
    contacts = tuple(
        Contact(WAVE - 8 * _DAY - back * 350 * _DAY // max(size.contacts, 1), f"k{back}", "sms", ("l",))
        for back in range(size.contacts)
    )
    borrower = Borrower(person, (loan,), (), Policies([Published(policy)]), contacts=contacts)
    for at in (DISBURSED, PAST_DUE):
        decision = decide(borrower, at)
        borrower = borrower._replace(states=decision.states, whereabouts=decision.whereabouts)
    return borrower
