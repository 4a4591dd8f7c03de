"""Settings come from ``DULY_…`` alone; each error names its variable and no secret is ever shown."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from adapters.email.smtp import SmtpChannel
from adapters.sandbox import SandboxChannel
from adapters.sms.twilio import TwilioChannel
from scheduler.key_files import link_key
from scheduler.settings import SettingsError, documentation, load

PAGE = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"
HUSH = "hush-hush-" * 4


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only what a test sets is set; the home is the test's own."""
    for name in list(os.environ):
        if name.upper().startswith("DULY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_without_any_variable_nothing_leaves_and_everything_lies_in_the_current_folder() -> None:
    settings = load()
    assert (settings.sms_adapter, settings.email_adapter, settings.letter_adapter) == ("sandbox",) * 3
    assert settings.adapter_options("sandbox") == {"folder": ".duly/messages"}
    assert settings.database_url is None
    assert settings.home == Path(".duly")


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_BATCH", "")
    monkeypatch.setenv("DULY_HOME", "")
    assert load() == load().model_copy(update={"batch": 500, "home": Path(".duly")})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DULY_BATCH", "many", "a whole number from 1 to 10000"),
        ("DULY_BATCH", "0", "a whole number from 1 to 10000"),
        ("DULY_LEASE_S", "4", "a whole number from 5 to 3600"),
        ("DULY_DISPATCH_CONNECTIONS", "65", "a whole number from 1 to 64"),
        ("DULY_TICK_S", "1.5", "a whole number from 1 to 3600"),
        ("DULY_LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("DULY_LOG_JSON", "perhaps", "true or false"),
        ("DULY_LINK_BASE", "http://pay.example.org", "https://host/path without a query"),
        ("DULY_LINK_BASE", "https://pay.example.org/?a=1", "https://host/path without a query"),
        ("DULY_LINK_BASE", "https://u:p@pay.example.org", "https://host/path without a query"),
        ("DULY_SMS_ADAPTER", "Twilio!", "an adapter's name"),
    ],
)
def test_a_wrong_value_is_named_with_what_was_found_and_expected(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert str(caught.value).startswith(f"{name} is {value!r}; expected {expected}")


def test_all_wrong_variables_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_BATCH", "x")
    monkeypatch.setenv("DULY_TICK_S", "x")
    monkeypatch.setenv("DULY_DATABSE_URL", "x")
    with pytest.raises(SettingsError) as caught:
        load()
    lines = str(caught.value).splitlines()
    assert [line.split()[0] for line in lines] == ["DULY_BATCH", "DULY_TICK_S", "DULY_DATABSE_URL"]
    assert lines[2].endswith("did you mean DULY_DATABASE_URL?")


@pytest.mark.parametrize("name", ["DULY_DATABASE_URL", "DULY_LINK_KEY"])
def test_a_wrong_secret_is_named_but_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "hush")
    with pytest.raises(SettingsError) as caught:
        load()
    assert str(caught.value).startswith(f"{name} has a value that is wrong")
    assert "hush" not in str(caught.value)
    assert "hush" not in repr(caught.value.__context__)


@pytest.mark.parametrize("name", ["DATABASE_URL", "LINK_KEY", "SMTP_PASSWORD", "TWILIO_AUTH_TOKEN"])
def test_no_secret_is_in_what_is_printed_of_the_settings(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"DULY_{name}", f"postgresql://u:{HUSH}@h/d")
    settings = load()
    assert getattr(settings, name.lower()).get_secret_value().count(HUSH) == 1
    for printed in (repr(settings), str(settings), str(settings.model_dump()), settings.model_dump_json()):
        assert HUSH not in printed


def test_the_adapters_that_come_with_duly_understand_each_option_that_is_documented_for_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    options = {
        "SMTP_HOST": "mail.example.org",
        "SMTP_FROM": "billing@example.org",
        "SMTP_SECURITY": "tls",
        "SMTP_PORT": "465",
        "SMTP_USERNAME": "us",
        "SMTP_PASSWORD": HUSH,
        "SMTP_TIMEOUT_S": "30",
        "TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "TWILIO_AUTH_TOKEN": HUSH,
        "TWILIO_FROM": "+15005550006",
        "TWILIO_STATUS_CALLBACK": "https://us.example.org/status",
        "TWILIO_VALIDITY_S": "600",
        "TWILIO_BASE_URL": "http://127.0.0.1:1",
        "TWILIO_TIMEOUT_S": "5",
    }
    for name, value in options.items():
        monkeypatch.setenv(f"DULY_{name}", value)
    settings = load()
    for adapter, channel in (("smtp", SmtpChannel), ("twilio", TwilioChannel), ("sandbox", SandboxChannel)):
        given = settings.adapter_options(adapter)
        assert channel.from_settings(given).name == adapter
        assert len(given) == sum(name.startswith(adapter.upper()) for name in options) or adapter == "sandbox"
    assert settings.adapter_options("smtp")["password"] == HUSH


def test_an_adapter_of_a_third_party_has_variables_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_SMS_ADAPTER", "pigeon-post")
    monkeypatch.setenv("DULY_PIGEON_POST_LOFT", "north")
    settings = load()
    assert settings.adapter_options("pigeon-post") == {"loft": "north"}
    assert "north" not in repr(settings)


def test_variables_of_an_adapter_that_nobody_named_are_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_PIGEON_POST_LOFT", "north")
    with pytest.raises(SettingsError, match="DULY_PIGEON_POST_LOFT is not a setting"):
        load()


def test_the_key_of_links_is_made_once_for_its_owner_only() -> None:
    settings = load()
    key = link_key(settings)
    file = settings.home / "link.key"
    assert len(key) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700
    assert link_key(load()) == key
    assert list(settings.home.iterdir()) == [file]


def test_a_key_of_links_that_is_set_is_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_LINK_KEY", HUSH)
    assert link_key(load()) == HUSH.encode()
    assert not Path(".duly").exists()


def test_a_key_that_others_can_read_is_refused() -> None:
    settings = load()
    link_key(settings)
    (settings.home / "link.key").chmod(0o644)
    with pytest.raises(SettingsError, match=r"can be read by others \(mode 644\); run: chmod 600"):
        link_key(settings)


def test_a_key_file_cut_short_is_refused_and_not_replaced() -> None:
    settings = load()
    link_key(settings)
    file = settings.home / "link.key"
    file.write_text("abc")
    with pytest.raises(SettingsError, match="holds no key of 32 characters"):
        link_key(settings)
    assert file.read_text() == "abc"


def test_the_documented_table_is_the_settings() -> None:
    assert PAGE.read_text(encoding="utf-8") == documentation(), "docs/configuration.md is stale; run: make docs"
