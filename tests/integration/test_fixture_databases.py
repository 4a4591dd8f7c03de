"""The fixtures give each test its own database, so that no test sees what another one wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.store import database, embedded
from tests.conftest import remove_servers


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_a_database_of_its_own_with_the_schema(database_url: str, turn: int) -> None:
    database.check(database_url)
    with database.connect(database_url) as connection:
        connection.execute("CREATE TABLE only_mine (turn int)")


def test_an_empty_database_has_no_schema(empty_database_url: str) -> None:
    assert database.revision(empty_database_url) is None


def test_what_an_interrupted_worker_left_running_is_stopped_and_deleted(tmp_path: Path) -> None:
    home = tmp_path / "popen-gw0" / "postgres0" / "home"
    home.parent.mkdir(parents=True)
    left = embedded.start(home)
    remove_servers(tmp_path)
    with pytest.raises(embedded.EmbeddedError):
        embedded.url(home)
    with pytest.raises(OSError):
        left.socket.stat()
