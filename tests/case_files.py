"""A small policy and files of one case, from which the tests of the runner of policy tests are made."""

from __future__ import annotations

from textwrap import indent

from policies.testing import TestReport, run_tests

POLICY = """
policy: small
currency: EUR
languages: [en, de]
send_at: "10:00"
lender: {name: Acme}
steps:
  early:
    at: due - 3 days
    send: {message: note, by: [sms, email]}
  first:
    at: due + 1 day
    when: {overdue: ">= 10.00"}
    send: {message: note, by: [sms, email]}
  deal:
    at: due + 10 days
    offer: deal
    send: {message: note, by: {all: [email, sms]}}
  rest:
    at: due + 12 days
    hold: {for: 5 days}
  away:
    at: due + 20 days
    hand_off: agency
offers:
  deal: {pay: {instalments: 2, every: 1 month, first_after: 3 days}, expires: 7 days}
messages:
  note:
    sms: {en: "{{ borrower.first_name }} {{ due | date }}", de: "{{ due | date }}, {{ borrower.first_name }}"}
    email:
      en: {subject: "Note {{ loan.loan_id }}", body: "{{ overdue | money }} is past due"}
      de: {subject: "Notiz", body: "{{ overdue | money }} offen"}
"""

LOAN = "{disbursed_at: 2026-02-01 09:00, instalments: [{due_on: 2026-03-01, principal: 100.00}]}"
LADDER = [
    "{at: 2026-02-26 10:00, sent: note, by: sms}",
    "{at: 2026-03-02 10:00, sent: note, by: sms}",
    "{at: 2026-03-11 10:00, sent: note, by: email}",
    "{at: 2026-03-11 10:00, sent: note, by: sms}",
    "{at: 2026-03-13 10:00, hold: rest, until: 2026-03-18}",
]


def case(expect: list[str] | str, **parts: str) -> str:
    """A test file of one case; ``expect`` as a list of items, ``parts`` as they are written."""
    given_parts = {"name": "a case", "borrower": "{zone: Europe/Madrid}", "loan": LOAN, **parts}
    lines = [f"{key.rstrip('_')}: {value}" for key, value in given_parts.items() if value]
    lines += [f"expect: {expect}"] if isinstance(expect, str) else ["expect:", *(f"  - {item}" for item in expect)]
    return "policy: p.yaml\ncases:\n  -\n" + indent("\n".join(lines), "    ") + "\n"


def run(text: str, policy: str = POLICY) -> TestReport:
    def read(name: str) -> bytes:
        if name != "p.yaml":
            raise FileNotFoundError(2, "No such file or directory", name)
        return policy.encode()

    return run_tests("p.test.yaml", text.encode(), read)


def happened(report: TestReport) -> list[tuple[str, str | None]]:
    home = report.results[0].case.home
    return [(home.iso(line.at)[:16].replace("T", " "), line.outcome) for line in report.results[0].story]
