"""The statements that find what is wrong between staged rows, or between them and the book that is there already.

Each gives a line first, then what a Problem tells of the row. Those that delete take the rows out that they find:
after them each id is there once, and no instalment is of an unknown loan.
"""

from __future__ import annotations

from typing import Final

from scheduler.store.staging import LOANS, instant_of

_OLD_LOAN: Final = "loan o ON o.lender_id = %(lender)s AND o.clock_id = %(clock)s AND o.loan_id = s.loan_id"
_UNIT: Final = f"{LOANS} JOIN s_unit u ON u.currency = coalesce(o.currency, n.currency)"
_NO_SUCH_BORROWER: Final = """
NOT EXISTS (SELECT FROM s_borrower n WHERE n.borrower_id = s.borrower_id)
AND NOT EXISTS (SELECT FROM borrower o WHERE o.lender_id = %(lender)s AND o.clock_id = %(clock)s
                AND o.borrower_id = s.borrower_id)
"""

# Two looks at all rows that tell whether anything is wrong with them, so that a book that is right costs no more.
# Instalments: of no loan, with decimals too many, of a loan that was there before; and out of order.
SOUND_INSTALMENTS: Final = f"""
SELECT coalesce(bool_and(o.loan_id IS NULL AND n.loan_id IS NOT NULL AND mod(s.principal, u.unit) = 0
                         AND mod(s.interest, u.unit) = 0 AND mod(s.fees, u.unit) = 0), true)
       AND NOT EXISTS (
           SELECT FROM (SELECT number, due_on, row_number() OVER w AS place, lag(due_on) OVER w AS before
                        FROM s_instalment WINDOW w AS (PARTITION BY loan_id ORDER BY number)) i
           WHERE i.number <> i.place OR i.due_on <= i.before)
FROM s_instalment s {LOANS} LEFT JOIN s_unit u ON u.currency = coalesce(o.currency, n.currency)
"""  # noqa: S608 - the pieces are this file's own

# Events: of no loan, with decimals too many, of another borrower than the loan.
SOUND_EVENTS: Final = f"""
SELECT coalesce(bool_and(coalesce(o.loan_id, n.loan_id) IS NOT NULL AND mod(coalesce(s.amount, 0), u.unit) = 0
                         AND coalesce(s.borrower_id = coalesce(o.borrower_id, n.borrower_id), true)), true)
FROM s_event s {LOANS} LEFT JOIN s_unit u ON u.currency = coalesce(o.currency, n.currency)
WHERE s.loan_id IS NOT NULL
"""  # noqa: S608

DUPLICATE_BORROWERS: Final = """
DELETE FROM s_borrower s
USING (SELECT borrower_id, min(line) AS line FROM s_borrower GROUP BY borrower_id HAVING count(*) > 1) f
WHERE s.borrower_id = f.borrower_id AND s.line > f.line
RETURNING s.line, s.borrower_id, f.line AS first_line
"""

DUPLICATE_LOANS: Final = """
DELETE FROM s_loan s
USING (SELECT loan_id, min(line) AS line FROM s_loan GROUP BY loan_id HAVING count(*) > 1) f
WHERE s.loan_id = f.loan_id AND s.line > f.line
RETURNING s.line, s.loan_id, f.line AS first_line
"""

LOANS_OF_NOBODY: Final = f"SELECT s.line, s.borrower_id FROM s_loan s WHERE {_NO_SUCH_BORROWER}"  # noqa: S608

CHANGED_LOANS: Final = f"""
SELECT s.line, s.loan_id, o.borrower_id, o.product, o.currency, o.principal_minor, o.disbursed_at, o.allocation,
       s.borrower_id, s.product, s.currency, s.principal_minor, {instant_of("s.disbursed")},
       string_to_array(s.allocation, ' ')
FROM s_loan s JOIN {_OLD_LOAN}
WHERE (o.borrower_id, o.product, o.currency, o.principal_minor, o.disbursed_at, o.allocation) IS DISTINCT FROM
      (s.borrower_id, s.product, s.currency, s.principal_minor, {instant_of("s.disbursed")},
       string_to_array(s.allocation, ' '))
"""  # noqa: S608 - the pieces are this file's own

INSTALMENTS_OF_NO_LOAN: Final = """
DELETE FROM s_instalment s
WHERE NOT EXISTS (SELECT FROM s_loan n WHERE n.loan_id = s.loan_id)
  AND NOT EXISTS (SELECT FROM loan o
                  WHERE o.lender_id = %(lender)s AND o.clock_id = %(clock)s AND o.loan_id = s.loan_id)
RETURNING s.line, s.loan_id
"""

INSTALMENT_DECIMALS: Final = f"""
SELECT s.line, v.name, v.amount, u.currency
FROM s_instalment s {_UNIT}
CROSS JOIN LATERAL (VALUES ('principal', s.principal), ('interest', s.interest), ('fees', s.fees)) v(name, amount)
WHERE (mod(s.principal, u.unit) <> 0 OR mod(s.interest, u.unit) <> 0 OR mod(s.fees, u.unit) <> 0)
  AND mod(v.amount, u.unit) <> 0
"""  # noqa: S608

DUPLICATE_INSTALMENTS: Final = """
DELETE FROM s_instalment s
USING (SELECT loan_id, number, min(line) AS line FROM s_instalment GROUP BY loan_id, number HAVING count(*) > 1) f
WHERE s.loan_id = f.loan_id AND s.number = f.number AND s.line > f.line
RETURNING s.line, s.loan_id, s.number, f.line AS first_line
"""

CHANGED_INSTALMENTS: Final = f"""
SELECT s.line, s.loan_id, s.number, i.due_on AS due_before, i.principal_minor, i.interest_minor, i.fees_minor, s.due_on,
       s.principal / u.unit AS principal, s.interest / u.unit AS interest, s.fees / u.unit AS fees
FROM s_instalment s
JOIN {_OLD_LOAN}
JOIN s_unit u ON u.currency = o.currency
LEFT JOIN instalment i ON i.lender_id = %(lender)s AND i.clock_id = %(clock)s
     AND i.loan_id = s.loan_id AND i.number = s.number
WHERE i.loan_id IS NULL OR (i.due_on, i.principal_minor, i.interest_minor, i.fees_minor) IS DISTINCT FROM
      (s.due_on, s.principal / u.unit, s.interest / u.unit, s.fees / u.unit)
"""  # noqa: S608

# The first instalment of a loan that is out of order: not the number of its place, or not due after the one before.
INSTALMENT_ORDER: Final = f"""
SELECT DISTINCT ON (s.loan_id) s.line, s.loan_id, s.number, s.place, s.due_on, s.before
FROM (SELECT line, loan_id, number, due_on, row_number() OVER w AS place, lag(due_on) OVER w AS before
      FROM s_instalment WINDOW w AS (PARTITION BY loan_id ORDER BY number)) s
LEFT JOIN {_OLD_LOAN}
WHERE (s.number <> s.place OR s.due_on <= s.before) AND o.loan_id IS NULL
  AND EXISTS (SELECT FROM s_loan n WHERE n.loan_id = s.loan_id)
ORDER BY s.loan_id, s.number
"""  # noqa: S608

LOANS_WITHOUT_INSTALMENTS: Final = f"""
SELECT s.line, s.loan_id FROM s_loan s LEFT JOIN {_OLD_LOAN}
WHERE o.loan_id IS NULL AND NOT EXISTS (SELECT FROM s_instalment i WHERE i.loan_id = s.loan_id)
"""  # noqa: S608

ANY_NEW_LOAN: Final = f"SELECT 1 FROM s_loan s LEFT JOIN {_OLD_LOAN} WHERE o.loan_id IS NULL LIMIT 1"  # noqa: S608

EVENTS_OF_NO_LOAN: Final = f"""
SELECT s.line, s.loan_id FROM s_event s {LOANS}
WHERE s.loan_id IS NOT NULL AND n.loan_id IS NULL AND o.loan_id IS NULL
"""  # noqa: S608

EVENT_DECIMALS: Final = f"""
SELECT s.line, 'amount' AS name, s.amount, u.currency FROM s_event s {_UNIT}
WHERE mod(s.amount, u.unit) <> 0
"""  # noqa: S608

EVENTS_OF_NOBODY: Final = f"""
SELECT s.line, s.borrower_id FROM s_event s WHERE s.borrower_id IS NOT NULL AND {_NO_SUCH_BORROWER}
"""  # noqa: S608

NOT_THE_BORROWERS: Final = f"""
SELECT s.line, s.loan_id, s.borrower_id FROM s_event s {LOANS}
WHERE s.loan_id IS NOT NULL AND coalesce(o.borrower_id, n.borrower_id) <> s.borrower_id
"""  # noqa: S608

EVENT_TWICE: Final = """
DELETE FROM s_event s
USING (SELECT f.event_id, f.line, d.digest
       FROM (SELECT event_id, min(line) AS line FROM s_event GROUP BY event_id HAVING count(*) > 1) f
       JOIN s_event d ON d.line = f.line) f
WHERE s.event_id = f.event_id AND s.line > f.line
RETURNING s.line, s.event_id, f.line AS first_line, s.digest <> f.digest AS differs
"""

CHANGED_EVENTS: Final = """
SELECT s.line, s.event_id FROM s_event s
JOIN event e ON e.lender_id = %(lender)s AND e.clock_id = %(clock)s AND e.event_id = s.event_id
WHERE e.digest <> s.digest
"""

# A reversal takes back a payment of its loan; a release ends a hold, a promise, or the hold of a step of a known
# loan; a receipt is of a message.
UNKNOWN_REFS: Final = f"""
SELECT e.line, e.type, e.ref
FROM s_event e
LEFT JOIN s_event t ON t.event_id = e.ref
LEFT JOIN event x ON x.lender_id = %(lender)s AND x.clock_id = %(clock)s AND x.event_id = e.ref
WHERE e.type IN ('reversal', 'release', 'receipt') AND CASE e.type
    WHEN 'reversal' THEN coalesce(t.type, x.type) IS DISTINCT FROM 'payment'
                         OR coalesce(t.loan_id, x.loan_id) IS DISTINCT FROM e.loan_id
    WHEN 'release' THEN coalesce(t.type, x.type, '') NOT IN ('hold', 'promise') AND NOT EXISTS (
        SELECT FROM (SELECT split_part(e.ref, '/', 1) AS loan_id WHERE e.ref LIKE '%%/%%/%%') s {LOANS}
        WHERE n.loan_id IS NOT NULL OR o.loan_id IS NOT NULL)
    WHEN 'receipt' THEN NOT EXISTS (
        SELECT FROM message m
        WHERE m.lender_id = %(lender)s AND m.clock_id = %(clock)s AND m.message_id = e.ref)
END
"""  # noqa: S608

# Of all new or changed loans that are alike for the choice of a policy, the first.
POLICY_QUESTIONS: Final = f"""
SELECT DISTINCT ON (q.policy, q.product, q.region, q.currency) q.*
FROM (SELECT s.line, s.loan_id, s.borrower_id, s.policy, s.product, coalesce(nb.region, ob.region) AS region,
             s.currency
      FROM s_loan s
      LEFT JOIN {_OLD_LOAN}
      LEFT JOIN s_borrower nb ON nb.borrower_id = s.borrower_id
      LEFT JOIN borrower ob ON ob.lender_id = %(lender)s AND ob.clock_id = %(clock)s AND ob.borrower_id = s.borrower_id
      WHERE o.loan_id IS NULL OR o.policy IS DISTINCT FROM s.policy) q
WHERE q.region IS NOT NULL
ORDER BY q.policy, q.product, q.region, q.currency, q.line
"""  # noqa: S608
