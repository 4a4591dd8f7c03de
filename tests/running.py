"""Runs a book through the real database, and the same book through ``simulate``, for tests that compare the two."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from io import BytesIO
from pathlib import Path

from policies.book import read_book
from policies.facts import Book, Instant
from policies.language.check import compile_policy
from policies.simulate import Outages, Span, simulate
from policies.versions import Policies, Published
from scheduler import settings
from scheduler.engine import read_policies
from scheduler.history import story
from scheduler.ingest import import_book
from scheduler.publish import publish
from scheduler.run_through import Progress, run_through
from scheduler.service import open_channels, open_service
from scheduler.store.database import connect

Files = Mapping[str, bytes]

LADDER = (-3, 0, 1, 3, 7, 15, 30, 60)


def ladder_policy(currency: str, *, house: bool, languages: str = "en") -> bytes:
    """A policy with a step on each day of LADDER at 10:00 that ends by itself."""
    steps = "\n".join(f"  day{'-' if d < 0 else ''}{abs(d)}: {{at: {_at(d)}, {_send(d)}}}" for d in LADDER)
    return f"""\
policy: ladder-{currency.lower()}
title: A ladder for tests
currency: {currency}
languages: [{languages}]
rules: {{house: {"on" if house else "off"}}}
send_at: "10:00"
lender: {{name: Acme, reply_to: help@acme.example, phone: "+44 20 7946 0000"}}
end: true
steps:
{steps}
messages:
  text:
    sms:
      en: "{{{{ borrower.first_name }}}}, {{{{ balance | money }}}} is due {{{{ due | date }}}}: {{{{ links.view }}}}"
    email:
      en: {{subject: "Loan {{{{ loan.loan_id }}}}", body: "{{{{ balance | money }}}} was due {{{{ due | date }}}}."}}
""".encode()


def _at(days: int) -> str:
    return "due" if not days else f"due {'-' if days < 0 else '+'} {abs(days)} day{'s' if abs(days) > 1 else ''}"


def _send(days: int) -> str:
    return "send: {message: text, by: [sms, email]}"


def folder_files(folder: Path) -> Files:
    """The files of a book's folder."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


def text_files(texts: Mapping[str, str]) -> Files:
    """The files of a book given as texts."""
    return {name: text.encode() for name, text in texts.items()}


def some_borrowers(files: Files, count: int) -> Files:
    """The part of a book that concerns its first ``count`` borrowers."""
    people = files["borrowers.csv"].splitlines(keepends=True)
    kept = {line.split(b",")[0] for line in people[1 : count + 1]}
    loans = [line for line in files["loans.csv"].splitlines(keepends=True)[1:] if line.split(b",")[1] in kept]
    ids = {line.split(b",")[0] for line in loans}
    found = {
        "borrowers.csv": b"".join(people[: count + 1]),
        "loans.csv": files["loans.csv"].splitlines(keepends=True)[0] + b"".join(loans),
    }
    for name, column in (("instalments.csv", 0), ("events.csv", 3)):
        lines = files[name].splitlines(keepends=True)
        found[name] = lines[0] + b"".join(line for line in lines[1:] if line.split(b",")[column].strip() in ids)
    return found


def read(files: Files) -> Book:
    """The book in memory; it must be right."""
    book, problems = read_book({name: BytesIO(data) for name, data in files.items()})
    assert book is not None, problems[:3]
    return book


def span_of(book: Book, outages: Iterable[tuple[Instant, Instant]] = (), until: Instant | None = None) -> Span:
    """From the first disbursement on, as the command line has it."""
    return Span(min(loan.disbursed_at for loan in book.loans.values()), until, Outages(outages))


def simulated(policies: Iterable[bytes], book: Book, span: Span) -> list[str]:
    """The lines of ``simulate``."""
    published = []
    for source in policies:
        policy, problems = compile_policy("policy.yaml", source)
        assert policy is not None, problems
        published.append(Published(policy))
    return [text for _, text in simulate(Policies(published), book, span)]


def import_all(url: str, policies: Iterable[bytes], files: Files) -> None:
    """Publish the policies and import the book."""
    with connect(url) as connection:
        for number, source in enumerate(policies):
            with connection.transaction():
                publish(connection, f"policy{number}.yaml", source, 0)
        import_book(
            connection, {name: BytesIO(data) for name, data in files.items()}, clock_id=0, now=0,
            policies=read_policies(connection, 0)["default"],
        )  # fmt: skip


def run(url: str, home: Path, span: Span, each: threading.Event | None = None) -> Progress:
    """The production engine and dispatcher over the span, with the sandbox."""
    configured = settings.Settings(home=home)
    channels = open_channels(configured, test_clock=True)
    with open_service(configured, url, 0, channels, test_clock=True) as service:
        return run_through(service, span, each or threading.Event())


def told(url: str, span: Span) -> list[str]:
    """The lines that ``duly run`` prints afterwards."""
    with connect(url) as connection:
        return list(story(connection, 0, since=span.start, until=span.until))
