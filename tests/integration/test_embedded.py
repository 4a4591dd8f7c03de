"""The embedded server: starts once for all who ask, survives kills, and belongs to one user, root or not."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from scheduler.clock import SystemClock
from scheduler.store import embedded, server_place
from scheduler.store.embedded import EmbeddedError, Server

ROOT = Path(__file__).resolve().parents[2]
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes on another user, which only root may")


@pytest.fixture
def fresh_home(tmp_path: Path) -> Iterator[Path]:
    """A home without a database; what a test starts in it is removed."""
    folder = tmp_path / "home"
    yield folder
    embedded.remove(folder)


@pytest.fixture(scope="module")
def used_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home whose database was made once, for all tests of this module."""
    folder = tmp_path_factory.mktemp("used") / "home"
    try:
        embedded.start(folder)
        yield folder
    finally:
        embedded.remove(folder)


@pytest.fixture
def home(used_home: Path) -> Path:
    """A home with a database, whose server does not run."""
    embedded.stop(used_home)
    return used_home


def one(server: Server, statement: str) -> str:
    with psycopg.connect(server.conninfo) as connection:
        row = connection.execute(statement).fetchone()
    assert row is not None
    return str(row[0])


def postmaster(home: Path) -> int:
    return int((server_place.find(home).data / "postmaster.pid").read_text().split()[0])


def children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [int(line) for line in found.stdout.split()]


def in_another_process(code: str, *arguments: str, uid: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``code`` in a Python of its own, which becomes user ``uid`` after it has imported what it needs."""
    become = "" if uid is None else f"os.setgroups([]); os.setgid({uid}); os.setuid({uid}); os.environ.clear()\n"
    begin = "import os, sys; from pathlib import Path; from scheduler.store import embedded\n"
    return subprocess.run(
        [sys.executable, "-c", begin + become + code, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_first_start_gives_a_durable_utf8_database_in_utc_that_sorts_by_code_point(used_home: Path) -> None:
    server = embedded.start(used_home)
    assert one(server, "SELECT current_database()") == "duly"
    assert one(server, "SHOW server_version").startswith("18.")
    for setting, value in {
        "server_encoding": "UTF8",
        "timezone": "UTC",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
    }.items():
        assert one(server, f"SHOW {setting}") == value
    assert one(server, "SELECT datcollate FROM pg_database WHERE datname = 'duly'") == "C"


def test_the_url_serves_sqlalchemy_and_names_the_running_server(used_home: Path) -> None:
    assert embedded.url(used_home) == embedded.start(used_home).url
    engine = sqlalchemy.create_engine(embedded.url(used_home))
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT current_user")).scalar_one() == "duly"
    engine.dispose()


def test_many_who_ask_at_once_for_one_home_share_one_server(fresh_home: Path) -> None:
    code = "print(embedded.start(Path(sys.argv[1])).url)"
    with ThreadPoolExecutor(6) as pool:
        threads = [pool.submit(embedded.start, fresh_home) for _ in range(3)]
        processes = [pool.submit(in_another_process, code, str(fresh_home)) for _ in range(3)]
        urls = {future.result().url for future in threads}
        for finished in (future.result() for future in processes):
            assert finished.returncode == 0, finished.stderr
            urls.add(finished.stdout.strip())
    assert len(urls) == 1
    assert embedded.stop(fresh_home)


def test_the_server_outlives_the_process_that_started_it_until_it_is_stopped(home: Path) -> None:
    finished = in_another_process("embedded.start(Path(sys.argv[1]))", str(home))
    assert finished.returncode == 0, finished.stderr
    pid = postmaster(home)
    assert embedded.url(home)
    assert postmaster(home) == pid
    assert embedded.stop(home)
    with pytest.raises(EmbeddedError, match="no database runs"):
        embedded.url(home)
    assert not embedded.stop(home)


def test_what_was_committed_is_there_after_stop_and_start(home: Path) -> None:
    with psycopg.connect(embedded.start(home).conninfo) as connection:
        connection.execute("CREATE TABLE before_stop AS SELECT 7 AS value")
    embedded.stop(home)
    assert one(embedded.start(home), "SELECT value FROM before_stop") == "7"


def test_after_a_sigkill_of_the_postmaster_it_starts_again_with_what_was_committed(home: Path) -> None:
    with psycopg.connect(embedded.start(home).conninfo) as connection:
        connection.execute("CREATE TABLE before_kill AS SELECT 7 AS value")
    pid = postmaster(home)
    os.kill(pid, signal.SIGKILL)
    assert one(embedded.start(home), "SELECT value FROM before_kill") == "7"
    assert postmaster(home) != pid


def test_a_stale_pid_file_that_names_a_living_process_keeps_nothing_from_starting_and_harms_nobody(home: Path) -> None:
    embedded.start(home)
    pid_file = server_place.find(home).data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    embedded.stop(home)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as bystander:
        pid_file.write_text("\n".join([str(bystander.pid), *lines[1:]]) + "\n")
        assert not embedded.stop(home)
        embedded.start(home)
        assert bystander.poll() is None
        assert postmaster(home) != bystander.pid
        assert bystander.stdin is not None
        bystander.stdin.close()


def test_a_server_that_does_not_answer_is_not_started_twice(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    embedded.start(home)
    pid = postmaster(home)
    (server_place.find(home).base / "server.json").unlink()
    monkeypatch.setattr(embedded, "_ANSWER_S", 0.2)
    with pytest.raises(EmbeddedError, match=f"process {pid}.*has not answered"):
        embedded.start(home)
    os.kill(pid, signal.SIGTERM)
    monkeypatch.undo()
    embedded.start(home)


def test_a_kill_in_the_middle_of_initdb_leaves_nothing_that_must_be_cleaned_by_hand(fresh_home: Path) -> None:
    place = server_place.find(fresh_home)
    place.make()
    place.make_own_folder(place.base / "data.new")
    (place.base / "data.new" / "PG_VERSION").write_text("half")
    assert one(embedded.start(fresh_home), "SELECT 1") == "1"


def test_data_and_socket_lie_in_folders_of_mode_0700_and_the_socket_is_short(used_home: Path) -> None:
    server = embedded.start(used_home)
    for folder in (server.socket, server_place.find(used_home).data):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    path = server.socket / f".s.PGSQL.{server.port}"
    assert path.is_socket()
    assert len(os.fsencode(path)) < 100


def test_a_folder_that_was_there_keeps_its_mode(fresh_home: Path) -> None:
    fresh_home.mkdir()
    fresh_home.chmod(0o755)
    before = stat.S_IMODE(fresh_home.parent.stat().st_mode)
    embedded.start(fresh_home)
    assert stat.S_IMODE(fresh_home.stat().st_mode) == 0o755
    assert stat.S_IMODE(fresh_home.parent.stat().st_mode) == before


def test_listen_opens_that_address_and_port_with_a_password_only(home: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = embedded.start(home, listen=f"127.0.0.1:{port}")
    assert server.network_url is not None
    assert server.password is not None
    assert server.password not in repr(server)
    plain = server.network_url.replace("+psycopg", "")
    with psycopg.connect(plain) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(plain.replace(server.password, "wrong"))
    assert embedded.start(home) == server
    with pytest.raises(EmbeddedError, match=f"listens on 127.0.0.1:{port}, not on 127.0.0.1:1"):
        embedded.start(home, listen="127.0.0.1:1")


def test_a_port_that_is_taken_is_named_by_the_error(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(EmbeddedError, match="Address already in use"):
            embedded.start(home, listen=f"127.0.0.1:{taken.getsockname()[1]}")


@pytest.mark.parametrize("listen", ["", "5432", "localhost", "*:5432", "host:0", "host:65536", "a b:1", "h:1\n"])
def test_an_address_that_is_none_is_refused_before_anything_is_made(fresh_home: Path, listen: str) -> None:
    with pytest.raises(EmbeddedError, match="expected ADDRESS:PORT"):
        embedded.start(fresh_home, listen=listen)
    assert not fresh_home.exists()


def test_settings_of_postgresql_can_be_given_but_not_those_that_duly_decides(home: Path) -> None:
    with pytest.raises(EmbeddedError, match="'port' cannot be given"):
        embedded.start(home, settings={"port": "1"})
    assert one(embedded.start(home, settings={"work_mem": "9MB"}), "SHOW work_mem") == "9MB"


def test_data_of_another_major_version_is_refused_untouched(fresh_home: Path) -> None:
    place = server_place.find(fresh_home)
    place.make()
    place.make_own_folder(place.data)
    (place.data / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 16, this duly brings 18"):
        embedded.start(fresh_home)
    assert (place.data / "PG_VERSION").read_text() == "16\n"
    shutil.rmtree(place.data)


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EmbeddedError, match="DULY_HOME"):
        embedded.start(tmp_path / "file" / "home")


def test_the_lock_of_one_who_never_lets_go_is_given_up_with_an_error(fresh_home: Path) -> None:
    place = server_place.find(fresh_home)
    place.make()
    with place.locked(), pytest.raises(EmbeddedError, match="another process has been starting or stopping"):  # noqa: SIM117
        with place.locked(timeout_s=0.05):
            raise AssertionError


USER = 65_534


@pytest.fixture
def user_home() -> Iterator[Path]:
    """A home of an unprivileged user, with a path that is long and has a space, a quote and a comma in it."""
    top = Path(tempfile.mkdtemp())
    top.chmod(0o711)
    below = top / ('it\'s, a "long" $(name) ' + "x" * 80)
    below.mkdir(mode=0o755)
    os.chown(below, USER, USER)
    yield below / "home"
    stopped = in_another_process("embedded.remove(Path(sys.argv[1]))", str(below / "home"), uid=USER)
    shutil.rmtree(top)
    assert stopped.returncode == 0, stopped.stderr


@only_root
def test_an_unprivileged_user_has_the_server_in_a_home_with_any_name(user_home: Path) -> None:
    code = "s = embedded.start(Path(sys.argv[1])); print(s.socket, s.maintenance().execute('SELECT 1').fetchone()[0])"
    for _ in range(2):
        finished = in_another_process(code, str(user_home), uid=USER)
        assert finished.returncode == 0, finished.stderr
    folder, answer = finished.stdout.split()
    assert answer == "1"
    assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
    assert (user_home / "postgres" / "data").stat().st_uid == USER
    with pytest.raises(EmbeddedError, match="belongs to user 'nobody', you are 'root'"):
        embedded.start(user_home)
    stopped = in_another_process("print(embedded.stop(Path(sys.argv[1])))", str(user_home), uid=USER)
    assert stopped.stdout.strip() == "True", stopped.stderr
    assert not Path(folder).exists()


@only_root
def test_a_short_socket_folder_that_somebody_else_made_first_is_not_used(user_home: Path) -> None:
    made_before = Path("/tmp") / f"duly-{server_place._digest(user_home / 'postgres' / 'data')}"  # noqa: S108
    made_before.mkdir(mode=0o777)
    try:
        finished = in_another_process("print(embedded.start(Path(sys.argv[1])).socket)", str(user_home), uid=USER)
        assert finished.returncode == 0, finished.stderr
        assert finished.stdout.strip() != str(made_before)
        assert not list(made_before.iterdir())
    finally:
        shutil.rmtree(made_before)


@only_root
def test_root_has_the_server_run_by_an_unprivileged_user_who_owns_no_more_than_data_and_socket(home: Path) -> None:
    server = embedded.start(home)
    place = server_place.find(home)
    assert place.base.parent == Path("/var/lib/duly")
    assert Path(f"/proc/{postmaster(home)}").stat().st_uid == USER
    owned = {entry.name for entry in place.base.iterdir() if entry.stat().st_uid != 0}
    assert owned == {"data", "run"}
    assert server.socket == place.base / "run"


@only_root
def test_another_user_is_told_that_the_database_is_roots(home: Path) -> None:
    embedded.start(home)
    finished = in_another_process("embedded.start(Path(sys.argv[1]))", str(home), uid=USER)
    assert finished.returncode != 0
    assert "was made by root" in finished.stderr


@only_root
def test_programs_that_the_user_cannot_reach_are_copied_to_where_they_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_place, "_reachable", lambda program, account: False)
    monkeypatch.setattr(server_place, "ROOT_FOLDER", Path(tempfile.mkdtemp(dir="/var/lib")))
    server_place.ROOT_FOLDER.chmod(0o755)
    try:
        assert one(embedded.start(tmp_path), "SELECT 1") == "1"
        program = Path(f"/proc/{postmaster(tmp_path)}/exe").resolve()
        assert program.is_relative_to(server_place.ROOT_FOLDER)
        assert program.stat().st_uid == 0
        embedded.remove(tmp_path)
    finally:
        shutil.rmtree(server_place.ROOT_FOLDER)


@only_root
def test_a_user_who_does_not_exist_is_named(fresh_home: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"'no-such-user' does not exist.*DULY_EMBEDDED_USER"):
        embedded.start(fresh_home, user="no-such-user")


def test_stopping_leaves_no_process_of_the_server(home: Path) -> None:
    embedded.start(home)
    pids = [postmaster(home), *children(postmaster(home))]
    assert len(pids) > 3
    embedded.stop(home)
    clock, event = SystemClock(), threading.Event()
    until = clock.monotonic() + 10
    while any(living(pid) for pid in pids) and clock.monotonic() < until:
        clock.wait(0.02, event)
    assert [pid for pid in pids if living(pid)] == []


def living(pid: int) -> bool:
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip()) and not found.stdout.startswith("Z")
