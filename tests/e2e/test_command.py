"""The installed command ``duly`` in a process of its own: the same bytes everywhere, quiet ends, signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from datetime import date
from pathlib import Path

import pytest

from policies import library
from policies.example import example_book
from scheduler.store import embedded

DULY = Path(sys.executable).with_name("duly")
POLICY = "us-personal-loan.yaml"
PATIENCE_S = 120

pytestmark = pytest.mark.skipif(not DULY.exists(), reason="the command is not installed beside this Python")


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment without any setting of duly's, but a home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DULY_")}
    return {**kept, "DULY_HOME": str(home), **more}


def duly(home: Path, *arguments: object, **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command to its end."""
    return subprocess.run(
        [str(DULY), *map(str, arguments)], env=environment(home, **more), capture_output=True, timeout=PATIENCE_S,
        check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder with a policy and a book of twenty persons."""
    folder = tmp_path_factory.mktemp("given")
    (folder / POLICY).write_bytes(library.read(POLICY))
    (folder / "book").mkdir()
    for name, text in example_book(3, 20, start=date(2026, 1, 5), days=90, markets=("US",)).items():
        (folder / "book" / name).write_text(text, encoding="utf-8", newline="\n")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home whose embedded database is removed at the end."""
    folder = tmp_path_factory.mktemp("embedded") / "home"
    yield folder
    embedded.remove(folder)


@pytest.mark.parametrize("form", [["simulate", "--json"], ["simulate"], ["policy", "show"], ["policy", "check"]])
def test_the_bytes_depend_on_no_hash_seed_zone_locale_or_width(given, tmp_path, form):
    paths = [given / POLICY, *([given / "book"] if form[0] == "simulate" else [])]
    surroundings = [
        {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C", "COLUMNS": "40", "PYTHONUTF8": "0"},
        {"PYTHONHASHSEED": "1234", "TZ": "Pacific/Apia", "LC_ALL": "de_DE.UTF-8", "COLUMNS": "300"},
        {
            "PYTHONHASHSEED": "77",
            "TZ": "Asia/Kathmandu",
            "LC_ALL": "POSIX",
            "PYTHONIOENCODING": "latin-1",
            "TERM": "dumb",
        },
    ]
    ended = [duly(tmp_path, *form, *paths, **more) for more in surroundings]
    assert [one.returncode for one in ended] == [0, 0, 0]
    assert len({one.stdout for one in ended}) == 1
    assert len(ended[0].stdout) > 100 and b"\r" not in ended[0].stdout


def test_who_stops_reading_is_told_nothing(given, tmp_path):
    process = subprocess.Popen(
        [str(DULY), "simulate", "--json", str(given / POLICY), str(given / "book")], env=environment(tmp_path),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    assert process.wait(PATIENCE_S) == 0
    process.stderr.close()


def test_help_loads_no_database_no_policy_and_no_holidays(tmp_path):
    heavy = ("sqlalchemy", "psycopg", "alembic", "holidays", "liquid", "babel", "apscheduler", "pydantic")
    program = (
        "import sys\n"
        "from scheduler.cli import main\n"
        "assert main.execute(['--help']) == 0\n"
        f"print([name for name in {heavy} if name in sys.modules], file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env=environment(tmp_path), capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert ended.stderr.decode().splitlines() == ["[]"]


def test_from_files_to_messages_on_the_embedded_database(given, home):
    for arguments in (["policy", "publish", given / POLICY], ["import", given / "book"]):
        ended = duly(home, *arguments)
        assert ended.returncode == 0, ended.stderr.decode()
    span = ("--from", "2026-01-05", "--until", "2026-03-05", "--json")
    simulated = duly(home, "simulate", given / POLICY, given / "book", *span)
    ran = duly(home, "run", *span)
    assert ran.returncode == 0, ran.stderr.decode()
    assert ran.stdout == simulated.stdout
    sent = [json.loads(line) for line in ran.stdout.splitlines() if json.loads(line)["outcome"] == "sent"]
    assert len(list((home / "messages").rglob("*.txt"))) == len(sent) > 20
    assert duly(home, "status").returncode == 0
    url = duly(home, "db", "url")
    assert url.stdout.startswith(b"postgresql://")
    assert [duly(home, "db", "stop").stderr for _ in range(2)] == [b"stopped\n", b"it was not running\n"]


def test_the_daemon_ends_with_nought_on_sigterm(tmp_path):
    home = tmp_path / "home"
    process = subprocess.Popen(
        [str(DULY), "run"], env=environment(home), stderr=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stderr is not None and process.stdout is not None
        for line in process.stderr:
            if json.loads(line)["event"] == "daemon started":
                break
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read().decode()
        assert process.wait(PATIENCE_S) == 0
        assert "daemon stopped" in rest
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
        process.stdout.close()
        embedded.remove(home)


def test_a_run_that_is_stopped_goes_on_where_it_was(given, tmp_path):
    home = tmp_path / "home"
    span = ("--from", "2026-01-05", "--until", "2026-03-05", "--json")
    messages = home / "messages"
    try:
        assert duly(home, "policy", "publish", given / POLICY).returncode == 0
        assert duly(home, "import", given / "book").returncode == 0
        process = subprocess.Popen(
            [str(DULY), "run", *span], env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        never = threading.Event()
        while process.poll() is None and not any(messages.rglob("*.txt")):
            never.wait(0.01)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 0
        assert out == b"" and b"the same command goes on from there" in err
        simulated = duly(home, "simulate", given / POLICY, given / "book", *span)
        assert duly(home, "run", *span).stdout == simulated.stdout
    finally:
        embedded.remove(home)
