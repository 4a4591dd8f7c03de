"""S20: no secret that is set stands in any output, at any exit, in the database, or in the list of processes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scheduler.settings import Settings
from scheduler.store.database import connect
from tests.attacks.journey import POLICY, SPAN, book, write_book

DULY = Path(sys.executable).with_name("duly")
SECRETS = [name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)]


def canary(name: str) -> str:
    """A value that is good for any secret, and found again wherever it stands."""
    return hashlib.sha256(name.encode()).hexdigest()


CANARIES = [canary(name) for name in (*SECRETS, "loft")]


def with_password(url: str) -> str:
    """The same database, to which one comes with a password."""
    return url.replace("duly@", f"duly:{canary('database_url')}@", 1)


@pytest.fixture
def secrets(monkeypatch, database_url, http_provider, smtp_server):
    """Every secret set, the adapters that use them in use, their providers refusing every login."""
    http_provider.mode = "bad_login"
    mail = smtp_server(login=("us", "another"))
    variables = {name.upper(): canary(name) for name in SECRETS} | {
        "DATABASE_URL": with_password(database_url), "SMS_ADAPTER": "twilio", "EMAIL_ADAPTER": "smtp",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_FROM": "+15005550006", "TWILIO_BASE_URL": http_provider.url,
        "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(mail.port), "SMTP_SECURITY": "none", "SMTP_FROM": "us@acme.example",
        "SMTP_USERNAME": "us", "LOG_LEVEL": "debug",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(f"DULY_{name}", value)
    return {f"DULY_{name}": value for name, value in variables.items()}


@pytest.fixture
def files(tmp_path):
    """A good policy, a wrong one, a good book and a wrong one."""
    (tmp_path / "good.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "wrong.yaml").write_text("policy: [", encoding="utf-8")
    write_book(tmp_path / "book", book({}))
    write_book(tmp_path / "wrong", book({"zone": "Mars/Base"}))
    return tmp_path


def seen(text: str) -> list[str]:
    """The secrets that stand in a text."""
    return [name for name in (*SECRETS, "loft") if canary(name) in text]


COMMANDS = [
    "--help", "nothing", "status --nothing", "policy check good.yaml", "policy check wrong.yaml", "db migrate",
    "db url",
    "status", "status --json", "policy publish good.yaml", "policy publish wrong.yaml", "policy list --json",
    "import wrong", "import book", "run --from 2026-02-01 --until 2026-04-15", "run --json", "messages --json --text",
    "messages", "loan show l-001", "loan show l-001 --json", "loan timeline l-001", "loan why l-001", "loan why l-9",
    "rules list", "rules explain --borrower b-001 --channel sms", "ledger checkpoint", "ledger verify",
    "ledger verify --json", "ledger key show", "ledger key rotate", "replay --all", "reconcile", "status", "db stop",
    "simulate good.yaml book --json",
]  # fmt: skip


def test_no_secret_is_in_what_any_command_says_at_any_exit(duly, secrets, files, monkeypatch, database_url):
    monkeypatch.chdir(files)
    codes = set()
    for command in COMMANDS:
        ended = duly(*command.split())
        codes.add(ended.code)
        assert seen(ended.out + ended.err) == [], command
    with connect(database_url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = [str(connection.execute(f'SELECT t::text FROM "{name}" t').fetchall()) for (name,) in tables]  # noqa: S608
    assert len(rows) > 10 and any("credentials were not accepted" in row for row in rows)
    assert seen("".join(rows)) == []
    assert codes >= {0, 1, 2, 3}


URLS = [
    "postgresql://u:{}@127.0.0.1:1/d", "postgresql://u:{}@[bad/d", "postgresql://u:{}@host:port/d",
    "postgresql://u:a@{}@127.0.0.1:1/d", "postgresql://u:{}%zz@127.0.0.1:1/d", "postgresql://u:{}/x@127.0.0.1:1/d",
    "postgresql://127.0.0.1:1/d?user=u&password={}", "postgresql://u:p@127.0.0.1:1/d?sslpassword={}",
    "postgresql://u:{}@127.0.0.1:1/d?nonsense={}", "postgresql://u:{}#x@127.0.0.1:1/d", "mysql://u:{}@127.0.0.1/d",
    "postgresql://u:{}?x@127.0.0.1:1/d", "postgresql://:{}@127.0.0.1:99999/d", "postgresql://u:{}@127.0.0.1:1,[/d",
    "postgresql://127.0.0.1:1/d?options=-c%20x={}", "{}", "postgres://u:{}@127.0.0.1/d",
]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("command", ["status", "db url", "run"])
def test_no_address_however_wrong_shows_its_password(duly, monkeypatch, command, url):
    monkeypatch.setenv("DULY_LOG_LEVEL", "debug")
    monkeypatch.setenv("DULY_DATABASE_URL", url.replace("{}", canary("database_url")))
    ended = duly(*command.split())
    assert ended.code in ((0, 1, 4) if command == "db url" else (1, 4))
    assert canary("database_url") not in ended.out + ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("broken", ["{}\n", "{}é", "{}" * 400])
def test_no_secret_however_wrong_is_shown(duly, secrets, monkeypatch, name, broken):
    monkeypatch.setenv(f"DULY_{name.upper()}", broken.replace("{}", canary(name)))
    for command in ("run --from 2026-02-01 --until 2026-02-02", "ledger key show"):
        ended = duly(*command.split())
        assert canary(name) not in ended.out + ended.err, command


def test_no_setting_of_an_unknown_adapter_is_shown(duly, stored, monkeypatch):
    monkeypatch.setenv("DULY_SMS_ADAPTER", "pigeon")
    monkeypatch.setenv("DULY_PIGEON_LOFT", canary("loft"))
    monkeypatch.setenv("DULY_LOG_LEVEL", "debug")
    ended = stored("run", *SPAN)
    assert ended.code == 1 and "pigeon" in ended.err
    assert seen(ended.out + ended.err) == []


def command_lines() -> set[str]:
    """What the list of processes shows of each."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.add(path.read_bytes().decode(errors="replace"))
        except OSError:  # it has ended
            continue
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="this system has no /proc")
@pytest.mark.skipif(not DULY.exists(), reason="the command is not installed beside this Python")
def test_no_secret_stands_in_the_list_of_processes(duly, secrets, files, tmp_path):
    assert duly("policy", "publish", files / "good.yaml").code == 0
    assert duly("import", files / "book").code == 0
    environment = {**os.environ, "DULY_SMS_ADAPTER": "sandbox", "DULY_EMAIL_ADAPTER": "sandbox"}
    listed = set()
    for command in ("run --from 2026-02-01 --until 2026-04-15", "replay --all"):
        process = subprocess.Popen(
            [str(DULY), *command.split()], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            while process.poll() is None:
                listed |= command_lines()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.3)
            out, err = process.communicate()
            assert process.returncode == 0, err
            assert seen((out + err).decode()) == []
        finally:
            process.kill()
            process.wait()
    assert any("duly\0replay" in line for line in listed) and any("postgres" in line for line in listed)
    assert seen("".join(listed)) == []
