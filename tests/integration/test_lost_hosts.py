"""What a host that is gone, or that sleeps, held of the database is given back without it."""

from __future__ import annotations

import pytest

from scheduler.store.database import LOST, connect


@pytest.mark.parametrize("hot", [True, False])
def test_the_server_looks_whether_the_host_at_the_other_end_is_still_there(database_url: str, hot: bool) -> None:
    with connect(database_url, hot=hot) as connection:
        given = dict(connection.execute("SELECT name, reset_val FROM pg_settings WHERE name LIKE 'tcp_%'").fetchall())
        asked = connection.info.get_parameters()["options"]
    assert {"tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"} <= set(given)
    assert all(f"-c {name}=" in asked for name in given)


def test_a_daemon_that_sleeps_in_a_transaction_gives_its_borrowers_back_and_counts_it_as_a_lost_connection(
    database_url: str,
) -> None:
    with connect(database_url, hot=True, patience_s=7) as asleep, connect(database_url) as other:
        assert asleep.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("7s",)
        asleep.execute("SET idle_in_transaction_session_timeout = 20")
        with pytest.raises(LOST), asleep.transaction():
            pid = asleep.info.backend_pid
            gone = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
            while other.execute(gone, [pid]).fetchone() != (0,):
                pass
            asleep.execute("SELECT 1")


def test_a_command_may_take_its_time_in_a_transaction(database_url: str) -> None:
    with connect(database_url) as connection:
        assert connection.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("0",)
