"""How commands end: the exit code of each kind of end, and one clear text instead of a traceback."""

from __future__ import annotations

import pkgutil

import pytest

from scheduler.cli.failures import _EXPECTED, describe


@pytest.mark.parametrize(
    ("code", "arguments"),
    [
        (0, ["--help"]),
        (0, ["--version"]),
        (0, ["policy", "schema"]),
        (1, ["policy", "check", "none.yaml"]),
        (1, ["simulate", "POLICY", "none"]),
        (1, ["simulate", "POLICY", "POLICY"]),
        (1, ["import", "none"]),
        (2, []),
        (2, ["policy"]),
        (2, ["nothing"]),
        (2, ["simulate", "POLICY"]),
        (2, ["policy", "check", "--nothing", "POLICY"]),
        (2, ["run", "--until", "2026-01-01"]),
        (2, ["run", "--from", "2026-01-01", "--speed", "0"]),
        (2, ["messages", "--status", "lost"]),
    ],
)
def test_the_exit_code_without_a_database(duly, policy, code, arguments):
    ended = duly(*(str(policy) if one == "POLICY" else one for one in arguments))
    assert ended.code == code
    assert "Traceback" not in ended.err
    assert (ended.err == "") == (code == 0)


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["run"], ["messages"], ["db", "migrate"], ["loan", "show", "l-1"], ["policy", "publish", "POLICY"]],
)
def test_no_database_ends_with_four_and_says_where_it_was_looked_for(duly, policy, monkeypatch, arguments):
    monkeypatch.setenv("DULY_DATABASE_URL", "postgresql://duly:a-secret@127.0.0.1:1/duly")
    ended = duly(*(str(policy) if one == "POLICY" else one for one in arguments))
    assert ended.code == 4
    assert "127.0.0.1:1" in ended.err and ": Connection refused; check DULY_DATABASE_URL" in ended.err
    assert "a-secret" not in ended.err and "Traceback" not in ended.err


def test_a_database_without_tables_ends_with_four_and_names_the_remedy(duly, monkeypatch, empty_database_url):
    monkeypatch.setenv("DULY_DATABASE_URL", empty_database_url)
    ended = duly("messages")
    assert ended.code == 4
    assert "duly db migrate" in ended.err


def test_a_wrong_setting_is_named_and_ends_with_one(duly, monkeypatch):
    monkeypatch.setenv("DULY_TICK_S", "soon")
    ended = duly("status")
    assert ended.code == 1
    assert "DULY_TICK_S" in ended.err and "Traceback" not in ended.err


@pytest.mark.parametrize("name", sorted(_EXPECTED))
def test_each_error_that_is_expected_exists_under_its_name(name):
    module, _, kind = name.rpartition(".")
    assert issubclass(pkgutil.resolve_name(f"{module}:{kind}"), Exception)


def test_an_error_that_nobody_expected_is_named_without_its_words(monkeypatch):
    monkeypatch.delenv("DULY_LOG_LEVEL", raising=False)
    text, code = describe(ZeroDivisionError("what a person wrote"))
    assert code == 1
    assert "ZeroDivisionError" in text and "what a person wrote" not in text


def test_its_traceback_is_shown_on_request(monkeypatch):
    monkeypatch.setenv("DULY_LOG_LEVEL", "debug")
    assert "ZeroDivisionError: nought" in describe(ZeroDivisionError("nought"))[0]
