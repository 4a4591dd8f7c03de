"""A book of any size whose loans all have a step at one instant, made inside the database."""

from __future__ import annotations

from policies.calendar import to_datetime, zone
from policies.facts import Instant
from scheduler.publish import publish
from scheduler.store.database import Connection

ZONE = "Europe/London"

POLICY = b"""\
policy: wave
title: One step for every loan at one instant
currency: GBP
languages: [en]
send_at: "10:30"
lender: {name: Acme Credit, reply_to: help@acme.example, phone: "+44 20 7946 0000"}
end: true
steps:
  first-reminder:
    at: due + 1 day
    when: {overdue: ">= 10.00"}
    send: {message: overdue, by: [sms, email]}
  second-reminder:
    at: due + 7 days
    send: {message: overdue, by: [email, sms]}
messages:
  overdue:
    sms:
      en: >-
        {{ borrower.first_name }}, {{ overdue | money }} on loan {{ loan.loan_id }} was due {{ due | date }}.
        See {{ links.view }} {{ lender.name }}
    email:
      en:
        subject: "Your payment of {{ overdue | money }}"
        body: |
          Dear {{ borrower.first_name }},

          {{ overdue | money }} on loan {{ loan.loan_id }} was due on {{ due | date }}.
          See {{ links.view }}

          {{ lender.name }}
"""

_BORROWERS = """
INSERT INTO borrower (lender_id, clock_id, borrower_id, language, zone, region, wake_at, revision, key)
SELECT 'default', 0, borrower_id, 'en', %(zone)s, 'GB', %(disbursed)s, 1, duly_key(salt, 'borrower', borrower_id)
FROM person ORDER BY borrower_id
"""

# Half of the persons can be reached by SMS, half by e-mail.
_PERSONS = """
INSERT INTO person (lender_id, clock_id, borrower_id, first_name, last_name, phone, email)
SELECT 'default', 0, 'b' || to_char(n, 'FM0000000'), 'Ann', 'Bell',
       CASE WHEN n %% 2 = 0 THEN '+447700900' || to_char(n %% 1000, 'FM000') END,
       CASE WHEN n %% 2 = 1 THEN 'b' || n || '@example.com' END
FROM generate_series(1, %(count)s) n
"""

_LOANS = """
INSERT INTO loan (lender_id, clock_id, loan_id, borrower_id, product, currency, principal_minor, disbursed_at, tags,
                  allocation, key)
SELECT 'default', 0, loan_id, borrower_id, 'personal', 'GBP', 12000,
       %(disbursed)s, '{}', '{penalty,fee,interest,principal}', duly_key(salt, 'loan/' || loan_id, loan_id)
FROM (SELECT borrower_id, salt, 'l' || substr(borrower_id, 2) AS loan_id FROM person) p ORDER BY loan_id
"""

_INSTALMENTS = """
INSERT INTO instalment (lender_id, clock_id, loan_id, number, due_on, principal_minor, interest_minor, fees_minor)
SELECT 'default', 0, 'l' || to_char(n, 'FM0000000'), 1, '2026-03-02', 12000, 300, 0
FROM generate_series(1, %(count)s) n
"""


def london(day: str, tod: int = 0) -> Instant:
    """An instant by the clock in London."""
    from datetime import date

    return zone(ZONE).instant(date.fromisoformat(day).toordinal(), tod)


DISBURSED = london("2026-02-02", 9 * 3600)
PAST_DUE = london("2026-03-03")
WAVE = london("2026-03-03", 10 * 3600 + 1800)


def fill(connection: Connection, count: int) -> None:
    """Publish the policy and make ``count`` borrowers with a loan each, to be looked at when it is disbursed."""
    keys = {"count": count, "zone": ZONE, "disbursed": to_datetime(DISBURSED)}
    with connection.transaction():
        publish(connection, "wave.yaml", POLICY, DISBURSED)
        for statement in (_PERSONS, _BORROWERS, _LOANS, _INSTALMENTS):
            connection.execute(statement, keys)
