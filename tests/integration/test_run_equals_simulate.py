"""``duly run`` over a book through the real database tells the same bytes as ``simulate``."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from policies.calendar import to_instant, zone
from policies.example import example_book
from policies.facts import SECOND, Instant
from policies.simulate import Span
from tests import running

BOOK_NG = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "book-ng"
DAY = 86_400 * SECOND

needs_book_ng = pytest.mark.skipif(not BOOK_NG.is_dir(), reason="../shared/data/book-ng is not beside this checkout")

EXAMPLE_POLICIES = [running.ladder_policy(currency, house=True) for currency in ("USD", "GBP", "INR", "CNY")]


def example_files() -> running.Files:
    return running.text_files(example_book(7, 60, start=date(2026, 1, 5)))


def outages_for(span: Span) -> list[tuple[Instant, Instant]]:
    """One of a few hours, one over a week end, one of two weeks; each begins in the middle of a morning."""
    morning = span.start - span.start % DAY + 9 * 3600 * SECOND + 1_800 * SECOND
    return [
        (morning + 20 * DAY, morning + 20 * DAY + 5 * 3600 * SECOND),
        (morning + 40 * DAY, morning + 43 * DAY),
        (morning + 60 * DAY, morning + 74 * DAY),
    ]


def check_equal(url: str, home: Path, policies: list[bytes], files: running.Files, span: Span) -> list[str]:
    running.import_all(url, policies, files)
    running.run(url, home, span)
    expected = running.simulated(policies, running.read(files), span)
    assert running.told(url, span) == expected
    return expected


@needs_book_ng
def test_the_real_book_is_told_alike(database_url: str, tmp_path: Path) -> None:
    files = running.some_borrowers(running.folder_files(BOOK_NG), 150)
    span = running.span_of(running.read(files))
    lines = check_equal(database_url, tmp_path, [running.ladder_policy("NGN", house=False)], files, span)
    assert Counter(json.loads(line)["outcome"] for line in lines)["sent"] > 700


@needs_book_ng
def test_the_real_book_is_told_alike_with_outages(database_url: str, tmp_path: Path) -> None:
    files = running.some_borrowers(running.folder_files(BOOK_NG), 100)
    plain = running.span_of(running.read(files))
    span = running.span_of(running.read(files), outages_for(plain))
    policies = [running.ladder_policy("NGN", house=True)]
    lines = check_equal(database_url, tmp_path, policies, files, span)
    assert lines != running.simulated(policies, running.read(files), plain)


def test_the_generated_book_is_told_alike(database_url: str, tmp_path: Path) -> None:
    files = example_files()
    lines = check_equal(database_url, tmp_path, EXAMPLE_POLICIES, files, running.span_of(running.read(files)))
    outcomes = Counter(json.loads(line)["outcome"] for line in lines)
    assert {"sent", "cured", "deferred", "void"} <= set(outcomes)


def test_the_generated_book_is_told_alike_with_outages(database_url: str, tmp_path: Path) -> None:
    files = example_files()
    span = running.span_of(running.read(files))
    check_equal(
        database_url, tmp_path, EXAMPLE_POLICIES, files, running.span_of(running.read(files), outages_for(span))
    )


def test_a_run_that_ends_early_tells_the_beginning_and_goes_on(database_url: str, tmp_path: Path) -> None:
    files = example_files()
    whole = running.span_of(running.read(files))
    half = Span(whole.start, whole.start + 50 * DAY)
    check_equal(database_url, tmp_path, EXAMPLE_POLICIES, files, half)
    running.run(database_url, tmp_path, whole)
    assert running.told(database_url, whole) == running.simulated(EXAMPLE_POLICIES, running.read(files), whole)


@pytest.mark.parametrize("kill_after", [1, 3, 7])
def test_a_run_that_is_killed_and_started_again_ends_with_the_same_list(
    database_url: str, tmp_path: Path, kill_after: int
) -> None:
    files = example_files()
    running.import_all(database_url, EXAMPLE_POLICIES, files)
    plain = running.span_of(running.read(files))
    span = running.span_of(running.read(files), outages_for(plain))
    outages = [f"{start}/{end}" for start, end in outages_for(plain)]
    command = [sys.executable, "-m", "tests.integration.run_child", database_url, str(tmp_path), str(span.start), ""]
    kills = 0
    while True:
        with subprocess.Popen([*command, *outages], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) as child:
            assert child.stdout is not None
            steps = 0
            while kills < 3 and child.stdout.readline():
                steps += 1
                if steps == kill_after:
                    child.send_signal(signal.SIGKILL)
                    kills += 1
                    break
            child.stdout.read()
            if child.wait() == 0:
                break
            assert child.returncode == -signal.SIGKILL
    assert kills == 3
    assert running.told(database_url, span) == running.simulated(EXAMPLE_POLICIES, running.read(files), span)


def test_every_message_lies_in_the_sandbox_once(database_url: str, tmp_path: Path) -> None:
    files = example_files()
    span = running.span_of(running.read(files))
    lines = check_equal(database_url, tmp_path, EXAMPLE_POLICIES, files, span)
    sent = sum(1 for line in lines if json.loads(line)["outcome"] == "sent")
    written = [path for path in (tmp_path / "messages").rglob("*") if path.is_file()]
    assert len(written) == sent > 100


def test_times_are_the_borrowers(database_url: str, tmp_path: Path) -> None:
    files = example_files()
    span = running.span_of(running.read(files))
    lines = check_equal(database_url, tmp_path, EXAMPLE_POLICIES, files, span)
    zones = {p.borrower_id: zone(p.zone) for p in running.read(files).persons.values()}
    for line in map(json.loads, lines):
        if line["outcome"] == "sent":
            at = to_instant(datetime.fromisoformat(line["at"]))
            assert zones[line["borrower_id"]].iso(at) == line["at"]
            assert timedelta(hours=8) <= timedelta(seconds=zones[line["borrower_id"]].tod(at)) < timedelta(hours=20)
