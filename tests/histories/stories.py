"""The stories that each release records: invented borrowers, each with something that once went wrong somewhere."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from policies import library
from policies.example import example_book
from tests.histories.driving import DAY, HOME, World, at, book
from tests.running import text_files

POLICY = """\
policy: story
title: A ladder for stories
currency: GBP
languages: [en, es]
send_at: "10:00"
lender: {{name: Acme, reply_to: help@acme.example, phone: "+44 20 7946 0000"}}
steps:
  early: {{at: due - 3 days, send: {{message: note, by: [sms, email]}}}}
  first: {{at: due + 1 day, send: {{message: note, by: [sms, email]}}}}
  second: {{at: due + {second}, send: {{message: note, by: {{all: [sms, email]}}}}}}
  last: {{at: due + 20 days, hand_off: arbitration}}
messages:
  note:
    sms:
      en: "{{{{ borrower.first_name }}}}: {{{{ overdue | money }}}}, due {{{{ due | date }}}}. {{{{ links.view }}}}"
      es: "{{{{ borrower.first_name }}}}: {{{{ overdue | money }}}}, {{{{ due | date }}}}. {{{{ links.view }}}}"
    email:
      en: {{subject: "Loan {{{{ loan.loan_id }}}}", body: "{{{{ overdue | money }}}} was due {{{{ due | date }}}}."}}
      es: {{subject: "Cuenta {{{{ loan.loan_id }}}}", body: "{{{{ overdue | money }}}}, {{{{ due | date }}}}."}}
"""


def policy(second: str = "5 days") -> bytes:
    """A version of the ladder, by the time of its second step."""
    return POLICY.format(second=second).encode()


def person(name: str, phone: str = "+442079460101", language: str = "en", home: str = "Europe/London") -> str:
    """A row of borrowers.csv."""
    return f"{name},{name.title()},Bell,{language},{home},GB,{phone},{name}@example.com,"


def loan(name: str, owner: str, policy_name: str = "", tags: str = "") -> str:
    """A row of loans.csv."""
    return f"{name},{owner},personal,GBP,200.00,2026-01-15T09:00:00Z,{policy_name},,{tags},"


def begin(world: World, *owners: str, loans: tuple[str, ...] | None = None, until: int = 2) -> None:
    """Publish the ladder; import borrowers with a loan of two instalments each; go on to that day of March."""
    world.publish(policy())
    pairs = [(f"{owner}-1", owner) for owner in owners] if loans is None else [(n, owners[0]) for n in loans]
    world.tell(
        book(
            borrowers=[person(owner) for owner in owners],
            loans=[loan(*pair) for pair in pairs],
            instalments=[f"{n},{k},2026-0{2 + k}-02,100.00,4.50,0" for n, _ in pairs for k in (1, 2)],
        ),
        at(1, 15),
    )  # fmt: skip
    world.days(at(2, 26), until + 2)


def _part_payments(world: World) -> None:
    begin(world, "ann")
    world.event(at(3, 2, 12), type="payment", loan_id="ann-1", amount="40.00")
    world.days(at(3, 2), 4)
    paid = world.event(at(3, 6, 9), type="payment", loan_id="ann-1", amount="64.50")
    world.days(at(3, 6), 3)
    world.event(at(3, 7, 9), at(3, 9, 12), type="reversal", loan_id="ann-1", ref=paid)
    world.days(at(3, 9), 3)
    world.event(at(3, 5, 9), at(3, 12, 9), type="payment", loan_id="ann-1", amount="64.50")
    world.days(at(3, 12), 3)


def _deferral(world: World) -> None:
    begin(world, "ann", loans=("ann-1", "ann-2", "ann-3"))
    world.days(at(3, 2), 2)
    # Nothing runs for most of a day: what was due then comes in the evening, and waits for the morning.
    world.until(at(3, 7, 21))
    world.days(at(3, 8), 4)


def _fallback(world: World) -> None:
    world.provider.refuse("sms")
    begin(world, "ann", "bob")
    world.days(at(3, 2), 3)
    world.provider.refuse("sms", "email")
    world.days(at(3, 5), 20)


def _recall(world: World) -> None:
    begin(world, "ann", "bob", "cy")
    world.decide(at(3, 3, 10))
    world.event(at(3, 3, 10, 1), type="payment", loan_id="ann-1", amount="104.50")
    world.event(at(3, 3, 10, 1), type="payment", loan_id="bob-1", amount="1.00")
    world.event(at(3, 3, 10, 1), type="hold", loan_id="cy-1", value="dispute", until="2026-03-06")
    world.until(at(3, 3, 10, 2))
    world.days(at(3, 4), 3)
    world.decide(at(3, 7, 10))
    # One of the two messages of a step has left when the other is looked at again.
    world.service.dispatcher._connections = 1
    world.service.dispatcher.tick(at(3, 7, 10))
    for channel in ("sms", "email"):
        world.event(at(3, 7, 10, 1), type="opt_out", borrower_id="bob", channel=channel)
    assert any("unsent_parts" in one for one in [*world.entries(), *world.entries("looked")]) is False
    world.until(at(3, 7, 10, 2))
    assert any("unsent_parts" in one for one in [*world.entries(), *world.entries("looked")])
    world.days(at(3, 8), 4)


def _migration(world: World) -> None:
    begin(world, "ann", "bob")
    world.days(at(3, 2), 2)
    old, new = (
        str(n) for (n,) in [world.rows("SELECT digest FROM policy_version")[0], (world.publish(policy("9 days")),)]
    )
    assert world.migrate(old, new, at(3, 5, 7)) == 2
    world.days(at(3, 5), 8)


def _cure(world: World) -> None:
    begin(world, "ann")
    world.days(at(3, 2), 3)
    world.event(at(3, 5, 9), type="payment", loan_id="ann-1", amount="104.50")
    world.days(at(3, 5), 2)
    world.days(at(3, 30), 8)
    world.event(at(4, 7, 9), type="payment", loan_id="ann-1", amount="104.50")
    world.days(at(4, 7), 2)


def _hand_off(world: World) -> None:
    begin(world, "ann", "bob")
    world.event(at(3, 4, 9), type="hold", loan_id="bob-1", value="hardship", until="2026-03-20")
    world.days(at(3, 2), 25)


def _shared_refusal(world: World) -> None:
    begin(world, "ann", "bob")
    world.days(at(3, 2), 2)
    world.event(at(3, 4, 9), type="reply", borrower_id="ann", channel="sms", text="STOP")
    world.days(at(3, 4), 5)


def _changed_facts(world: World) -> None:
    begin(world, "ann")
    world.days(at(3, 2), 2)
    moved = person("ann", "+442079460177", "es", "America/New_York")
    world.tell(book(borrowers=[moved]), at(3, 4, 9))
    world.tell(book(loans=[loan("ann-1", "ann", tags="branch;vip")]), at(3, 4, 12))
    world.days(at(3, 4), 5)
    world.tell(book(borrowers=[person("ann", "", "en", "America/New_York")]), at(3, 9, 9))
    world.tell(
        book(loans=[loan("ann-2", "ann")], instalments=["ann-2,1,2026-03-12,50.00,0,0"]),
        at(3, 9, 9),
    )  # fmt: skip
    world.days(at(3, 9), 9)


def _set_aside(world: World) -> None:
    world.publish(policy())
    world.tell(
        book(
            borrowers=[person("ann")], loans=[loan("ann-1", "ann"), loan("ann-2", "ann")],
            instalments=[f"ann-{n},1,2026-03-02,100.00,0,0" for n in (1, 2)],
        ),
        at(1, 15),
    )  # fmt: skip
    # Of two policies that both apply neither can be taken; named in the loan, one is.
    world.publish(policy().replace(b"policy: story", b"policy: other"), at(1, 16))
    world.days(at(2, 26), 6)
    world.event(at(3, 4, 9), type="payment", loan_id="ann-1", amount="1.00")
    world.days(at(3, 4), 3)
    world.tell(book(loans=[loan("ann-1", "ann", "story"), loan("ann-2", "ann", "other")]), at(3, 7, 7))
    for name in ("ann-1", "ann-2"):
        world.event(at(3, 7, 7), type="payment", loan_id=name, amount="1.00")
    world.days(at(3, 7), 4)


def _business_days(world: World) -> None:
    world.publish(policy("3 business days"))
    # Good Friday lies between, and a week end.
    world.tell(
        book(
            borrowers=[person("ann")], loans=[loan("ann-1", "ann")],
            instalments=["ann-1,1,2026-04-01,100.00,0,0"],
        ),
        at(1, 15),
    )  # fmt: skip
    world.days(at(3, 27), 14)


def _demo(world: World) -> None:
    world.publish(library.read("us-personal-loan.yaml"))
    start = date(2026, 1, 5)
    world.tell(text_files(example_book(7, 6, start=start, days=120, markets=("US",))), HOME.instant(start.toordinal()))
    begin_ = HOME.instant(start.toordinal())
    for hour in range(0, 120 * 24, 2):
        world.until(begin_ + hour * DAY // 24)


class Story(NamedTuple):
    """A story: its name, what it is about, how it goes, and the outcomes that it cannot be told without."""

    name: str
    title: str
    tell: Callable[[World], None]
    outcomes: frozenset[str]


def _story(name: str, title: str, tell: Callable[[World], None], *outcomes: str) -> Story:
    return Story(name, title, tell, frozenset(outcomes))


STORIES = (
    _story("part-payments", "Paid in parts, one of them taken back, one known late", _part_payments, "sent", "cured"),
    _story(
        "deferral", "Three loans of one person share a day's contacts; a day without service", _deferral, "deferred"
    ),
    _story("fallback", "Messages fail by one channel, then by all", _fallback, "sent", "review"),
    _story("recall", "Facts between decision and hand-over", _recall, "withdrawn", "sent", "cured"),
    _story("migration", "Contracts under way are moved to another version", _migration, "sent"),
    _story("cure", "Two episodes, both cured", _cure, "sent", "cured"),
    _story("hand-off", "Handed off at the end, once past a hold", _hand_off, "hand_off"),
    _story("shared-refusal", "Two people have one number, and one of them refuses", _shared_refusal, "sent"),
    _story("changed-facts", "Person and loan change by later imports; a second loan", _changed_facts, "sent"),
    _story("set-aside", "Two policies apply, until the loan names one", _set_aside, "set_aside", "sent"),
    _story("business-days", "A step some business days after a due date before Easter", _business_days, "sent"),
    _story("demo", "Six borrowers of the example book under a policy of the library", _demo, "sent", "cured"),
)
