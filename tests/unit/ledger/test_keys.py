"""The ledger's key is the one that is set, or is made once for its owner only, and gives way to the next whole."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from scheduler.ledger.keys import keep_seed, ledger_seed, next_seed, signer
from scheduler.ledger.notes import open_note, sign_note
from scheduler.settings import SettingsError, load

SEED = "00112233445566778899aabbccddeeff" * 2
NEXT = "ffeeddccbbaa99887766554433221100" * 2
ORIGIN = "ledger.lender.example"


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only what a test sets is set; the home is the test's own."""
    for name in list(os.environ):
        if name.upper().startswith("DULY_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_the_key_is_made_once_for_its_owner_only() -> None:
    seed = ledger_seed(load())
    file = load().home / "ledger.key"
    assert len(seed) == 32
    assert file.read_text(encoding="ascii") == seed.hex() + "\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert ledger_seed(load()) == seed
    assert list(load().home.iterdir()) == [file]


def test_two_homes_have_two_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ledger_seed(load())
    monkeypatch.setenv("DULY_HOME", "elsewhere")
    assert ledger_seed(load()) != first


def test_a_key_that_is_set_is_the_key_and_nothing_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_LEDGER_KEY", SEED)
    assert ledger_seed(load()).hex() == SEED
    assert not Path(".duly").exists()


@pytest.mark.parametrize("wrong", ["abc", SEED[:-1], SEED + "0", "x" * 64, "\u0661" * 64])
def test_a_file_that_holds_no_seed_is_refused_and_not_replaced(wrong: str) -> None:
    ledger_seed(load())
    file = load().home / "ledger.key"
    file.write_text(wrong, encoding="utf-8")
    with pytest.raises(SettingsError, match="holds no seed of 64 hexadecimal digits; restore it, or set DULY_LEDGER_"):
        ledger_seed(load())
    assert file.read_text(encoding="utf-8") == wrong


def test_a_key_that_others_can_read_is_refused() -> None:
    ledger_seed(load())
    (load().home / "ledger.key").chmod(0o640)
    with pytest.raises(SettingsError, match=r"can be read by others \(mode 640\); run: chmod 600"):
        ledger_seed(load())


def test_a_link_in_the_place_of_the_key_is_refused() -> None:
    ledger_seed(load())
    file = load().home / "ledger.key"
    file.rename(file.with_name("moved"))
    file.symlink_to("moved")
    with pytest.raises(SettingsError, match="the key of the ledger cannot be kept in"):
        ledger_seed(load())


def test_whoever_signs_does_so_under_the_ledgers_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_LEDGER_KEY", SEED)
    signs = signer(load(), ORIGIN)
    assert signs.verifier.name == ORIGIN
    assert open_note(sign_note("text\n", signs), [signs.verifier]) == ("text\n", (str(signs.verifier),))


def test_the_next_key_is_another_one_and_takes_the_place_of_the_present() -> None:
    settings = load()
    present, after = ledger_seed(settings), next_seed(settings)
    assert len(after) == 32
    assert after != present
    assert ledger_seed(settings) == present, "the next key is not in force before it is put into the place"
    keep_seed(settings, after)
    assert ledger_seed(settings) == after
    file = settings.home / "ledger.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(settings.home.iterdir()) == [file]


def test_the_next_key_is_the_one_that_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_LEDGER_KEY_NEXT", NEXT)
    settings = load()
    ledger_seed(settings)
    assert next_seed(settings).hex() == NEXT
    keep_seed(settings, next_seed(settings))
    assert ledger_seed(settings).hex() == NEXT


def test_where_the_present_key_is_set_so_is_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_LEDGER_KEY", SEED)
    with pytest.raises(SettingsError, match="DULY_LEDGER_KEY is set, so the next key is set too"):
        next_seed(load())
    monkeypatch.setenv("DULY_LEDGER_KEY_NEXT", NEXT)
    assert next_seed(load()).hex() == NEXT
    keep_seed(load(), next_seed(load()))
    assert not Path(".duly").exists(), "a key that the operator sets is not written to a file"


def test_no_error_shows_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DULY_LEDGER_KEY", SEED[:-1])
    with pytest.raises(SettingsError) as caught:
        load()
    assert "DULY_LEDGER_KEY" in str(caught.value)
    assert SEED[:20] not in str(caught.value)
