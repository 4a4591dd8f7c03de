"""The example book: right by the rules of a book, the same for ever, and of the mixture that it promises."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from datetime import date
from io import BytesIO

import pytest

from policies.book import read_book
from policies.example import Profile, example_book
from policies.facts import Book

START = date(2026, 1, 5)


def book_of(files: dict[str, str]) -> Book:
    book, problems = read_book({name: BytesIO(text.encode()) for name, text in files.items()})
    assert problems == []
    assert book is not None
    return book


@pytest.fixture(scope="module")
def book() -> Book:
    return book_of(example_book(7, 1500, start=START))


def test_loans_have_1_to_24_instalments(book: Book) -> None:
    sizes = Counter(len(loan.instalments) for loan in book.loans.values())
    assert set(sizes) == set(range(1, 25))


def test_a_fifth_of_the_persons_have_several_loans(book: Book) -> None:
    loans = Counter(loan.borrower_id for loan in book.loans.values())
    assert set(loans) == set(book.persons)
    assert 0.17 < sum(1 for n in loans.values() if n > 1) / len(loans) < 0.23


def test_three_in_ten_payments_are_parts_of_an_instalment_and_one_in_twenty_is_taken_back(book: Book) -> None:
    payments = [event for event in book.events if event.type == "payment"]
    totals: dict[str | None, set[int]] = defaultdict(set)
    for loan in book.loans.values():
        totals[loan.loan_id] = {p.principal_minor + p.interest_minor + p.fees_minor for p in loan.instalments}
    parts = sum(1 for event in payments if event.amount_minor not in totals[event.loan_id])
    # The rest of an instalment, paid later, is a part too: six in ten parts have one.
    assert 0.27 < parts / len(payments) / 1.6 < 0.33
    reversals = sum(1 for event in book.events if event.type == "reversal")
    assert 0.035 < reversals / len(payments) < 0.065


def test_one_in_twenty_facts_is_known_1_to_30_days_late(book: Book) -> None:
    late = [event.known_at - event.at for event in book.events if event.known_at != event.at]
    assert 0.04 < len(late) / len(book.events) < 0.06
    assert all(0 < delay < 31 * 86_400_000_000 for delay in late)


def test_people_live_in_several_zones_and_some_cannot_be_reached(book: Book) -> None:
    persons = book.persons.values()
    assert len({person.zone for person in persons}) >= 6
    assert len({person.language for person in persons}) >= 4
    assert {person.region[:2] for person in persons} == {"US", "GB", "IN", "CN"}
    assert any(person.phone is None for person in persons)
    assert any(person.email is None for person in persons)


def test_every_kind_of_trouble_is_there(book: Book) -> None:
    kinds = {event.type for event in book.events}
    assert kinds >= {"charge", "waiver", "hold", "release", "promise", "opt_out", "opt_in", "contact", "close"}
    assert any(event.type == "hold" and event.until is None for event in book.events)


def test_nobody_can_be_reached_by_what_is_sent_to_the_people_of_the_example(book: Book) -> None:
    for person in book.persons.values():
        if person.email is not None:
            assert person.email.endswith(("@example.com", "@example.org"))
        if person.phone is not None:
            american = person.phone.startswith("+1") and person.phone[5:10] == "55501"
            british = person.phone.startswith("+44") and person.phone[6:10] in ("4960", "4980", "9460")
            assert american or british, person.phone


def test_the_profile_says_who_pays_late() -> None:
    def paid_late(profile: Profile) -> int:
        files = example_book(3, 60, start=START, markets=("US",), profile=profile)
        made = book_of(files)
        return sum(1 for event in made.events if event.type == "charge")

    prompt = Profile(on_time=100, late=0, slow=0)
    slow = Profile(on_time=0, late=0, slow=100)
    assert paid_late(prompt) == 0
    assert paid_late(slow) > 20


def test_the_same_seed_gives_the_same_book_under_every_hash_seed() -> None:
    script = (
        "from datetime import date; from hashlib import sha256; from policies.example import example_book;"
        "b = example_book(7, 40, start=date(2026, 1, 5)); print(sha256(repr(b).encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script], env={"PYTHONHASHSEED": seed, "TZ": zone}, check=True, capture_output=True
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Kolkata"))
    }
    assert len(digests) == 1
    assert example_book(7, 40, start=START) != example_book(8, 40, start=START)
