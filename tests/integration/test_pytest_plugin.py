"""The pytest plugin in sessions of its own: what its page says is so, and who does not use it does not notice it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scheduler.rehearsal  # noqa: F401 - a session within this one leaves no module behind that it brought
from scheduler.store import embedded
from scheduler.store.database import connect
from scheduler.store.embedded import EmbeddedError, Server

pytest_plugins = ["pytester"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "testing.md"
_EXAMPLE = re.compile(r"<!-- example: (\S+) -->\n```python\n(.*?)```", re.DOTALL)

LENDS = """
import pytest
POLICY = {policy!r}


def lend(book):
    book.policy(POLICY)
    book.borrower("b1", zone="Europe/London", region="GB", email="ada@example.com")
    book.loan("L1", borrower_id="b1", currency="GBP", instalments={{"2026-02-02": "80.00", "2026-03-02": "80.00"}})

"""


@pytest.fixture
def theirs(pytester: pytest.Pytester, server: Server, database_url: str) -> pytest.Pytester:
    """A folder of somebody's tests, which make their clocks in a database of this test's own."""
    pytester.makeini(f"[pytest]\nduly_database_url = {database_url}\nfilterwarnings = error\n")
    return pytester


def example(name: str) -> str:
    """A piece of code of the page, by the name that it gives."""
    return dict(_EXAMPLE.findall(PAGE.read_text(encoding="utf-8")))[name]


def run(theirs: pytest.Pytester, code: str) -> pytest.RunResult:
    """Run tests that may ``lend(book)``."""
    policy = re.search(r'POLICY = """\\\n(.*?)"""', example("test_reminders.py"), re.DOTALL)
    assert policy is not None
    theirs.makepyfile(test_theirs=LENDS.format(policy=policy[1]) + code)
    return theirs.runpytest_inprocess("-p", "no:cacheprovider")


def test_the_example_of_the_page_passes_and_leaves_nothing(theirs: pytest.Pytester, database_url: str) -> None:
    theirs.makepyfile(test_reminders=example("test_reminders.py"))
    theirs.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=3)
    with connect(database_url) as connection:
        for table in ("named_clock", "clock", "borrower", "journal", "message_body", "policy_version"):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # noqa: S608


def test_an_adapter_of_ones_own_carries_the_messages_of_a_clock(theirs: pytest.Pytester) -> None:
    run(
        theirs,
        """
from adapters.base import Channel, Receipt
from scheduler.named_clocks import ClockError


class Mine(Channel):
    name = "mine"
    channels = frozenset({"email"})
    thread_safe = True

    def __init__(self, local):
        self.local, self.took = local, []

    @classmethod
    def from_settings(cls, settings):
        return cls(True)

    def send(self, message):
        self.took.append((message.to, message.body))
        return Receipt(self.name, "1")

    def loopback(self):
        return self.local


def test_it_is_called(clock, book):
    mine = Mine(True)
    clock.start("2026-01-05")
    clock.carry_by(mine)
    lend(book)
    assert [line["outcome"] for line in clock.advance(to="2026-02-04")] == ["sent"]
    assert mine.took == [("ada@example.com", "Ada, £80.00 is open. Acme")]
    assert not clock.messages.exists()


def test_one_that_reaches_people_is_not(clock, book):
    clock.start("2026-01-05")
    with pytest.raises(ClockError, match="reaches real people"):
        clock.carry_by(Mine(False))


def test_without_one_the_sandbox_has_them(clock, book):
    clock.start("2026-01-05")
    lend(book)
    clock.advance(to="2026-02-04")
    [file] = clock.messages.rglob("*.txt")
    assert "£80.00 is open" in file.read_text(encoding="utf-8")
""",
    ).assert_outcomes(passed=3)


def test_each_clock_stands_where_its_test_has_moved_it(theirs: pytest.Pytester) -> None:
    run(
        theirs,
        """
from datetime import UTC, date, datetime, timedelta
from scheduler.named_clocks import ClockError


@pytest.mark.parametrize("by", [timedelta(days=31), "1 month", "31 days", "744 hours"])
def test_by(clock, by):
    clock.start(date(2026, 1, 5))
    assert clock.advance(by=by) == []
    assert clock.now == datetime(2026, 2, 5, tzinfo=UTC)


def test_back(clock):
    clock.start("2026-01-05T10:00:00+01:00")
    assert clock.now == datetime(2026, 1, 5, 9, tzinfo=UTC)
    with pytest.raises(ClockError, match="does not go back"):
        clock.advance(to="2026-01-05")
    with pytest.raises(RuntimeError, match="has begun"):
        clock.start()


def test_naive(clock):
    with pytest.raises(ValueError, match="has no offset"):
        clock.start(datetime(2026, 1, 5))


def test_both(clock):
    with pytest.raises(TypeError, match="one of"):
        clock.advance()


def test_money_is_no_float(clock, book):
    with pytest.raises(TypeError, match="float"):
        book.payment("L1", 80.0)


def test_a_wrong_book_is_told_where_it_is_read(clock, book):
    from policies.problems import InputError

    clock.start("2026-01-05")
    book.payment("no-such-loan", "1.00")
    with pytest.raises(InputError):
        clock.advance(by="1 day")


def test_words(clock, book, timeline):
    clock.start("2026-01-05")
    lend(book)
    clock.advance(to="2026-02-04")
    assert timeline("L1") == "2026-02-03T10:00:00+00:00  first  sent  by email  [L3]"
    assert timeline("L1", text=True).endswith("to ada@example.com: Your loan Ada, £80.00 is open. Acme")
""",
    ).assert_outcomes(passed=10)


def test_a_session_without_a_database_named_has_one_of_its_own_and_ends_it(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    pytester.makepyfile(
        """
        def test_first(clock, duly_clocks):
            clock.start("2026-01-05")
            assert clock.advance(by="1 day") == []
            home = duly_clocks.folder("x").parents[2]
            print("home:", home)
        """
    )
    done = pytester.runpytest_inprocess("-s", "-p", "no:cacheprovider")
    done.assert_outcomes(passed=1)
    [line] = [line for line in done.outlines if "home:" in line]
    with pytest.raises(EmbeddedError, match="no database runs"):
        embedded.url(Path(line.partition("home: ")[2]))


def test_whoever_does_not_use_it_loads_nothing_of_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing():
            assert "scheduler.pytest_plugin" in sys.modules
            loaded = {name for name in sys.modules if name.partition(".")[0] in ("scheduler", "policies", "adapters")}
            assert loaded <= {"scheduler", "scheduler.pytest_plugin"}
            assert not {"psycopg", "sqlalchemy", "pydantic", "freezegun"} & set(sys.modules)
        """
    )
    pytester.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:hypothesispytest").assert_outcomes(passed=1)
