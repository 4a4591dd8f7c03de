"""A daemon on a database of its own, with a clock and a way out that the test sets, and the server's manner with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler import jobs
from scheduler.store.embedded import Server
from tests import running
from tests.integration.daemon.serving import Serving
from tests.integration.outbox import FILES, POLICY


@pytest.fixture
def serving(server: Server, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    """One borrower, whose first message is due at ten o'clock on the third of March, where the clock stands."""
    monkeypatch.setattr(jobs, "LONGEST_PAUSE_S", 1)
    running.import_all(database_url, [POLICY], FILES)
    one = Serving(server, database_url, tmp_path)
    yield one
    one.answer_again()
