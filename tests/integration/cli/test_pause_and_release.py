"""``duly pause``, ``duly resume``, ``duly import --release``: what is said and refused, and what status tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.integration.cli.conftest import Duly
from tests.integration.daemon.processes import POLICY, at_noon


@pytest.fixture
def published(stored: Duly, tmp_path: Path) -> Duly:
    """A database with one policy."""
    path = tmp_path / "today.yaml"
    path.write_bytes(POLICY)
    assert stored("policy", "publish", path).code == 0
    return stored


def book(folder: Path, borrowers: int) -> Path:
    folder.mkdir()
    for name, data in at_noon(borrowers).items():
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [
        ("--all", None, "all"),
        ("--lender", "default", "lender default"),
        ("--policy", "today", "policy today"),
        ("--channel", "sms", "channel sms"),
        ("--provider", "twilio", "provider twilio"),
    ],
)
def test_what_is_paused_is_listed_with_who_and_why_until_it_is_resumed(
    published: Duly, option: str, name: str | None, words: str
) -> None:
    named = [option] if name is None else [option, name]
    paused = published("pause", *named, "--why", "a complaint", "--json")
    assert paused.code == 0 and f"{words} paused" in paused.err
    said = json.loads(paused.out)
    assert (said["why"], bool(said["by"]), said["scope"]) == ("a complaint", True, words.split(" ")[0])
    assert "nothing was changed" in published("pause", *named).err
    assert words.split(" ")[0] in published("pause").out
    status = published("status", "--json")
    assert len(json.loads(status.out)["paused"]) == 1
    assert f"paused: {words.split(' ')[0]}" in published("status").out
    resumed = published("resume", *named)
    assert resumed.code == 0 and "goes on" in resumed.err and "nothing is paused" in resumed.out
    assert "was not paused" in published("resume", *named).err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--policy", "todya"), 1),
        (("--lender", "acme"), 1),
        (("--channel", "fax"), 1),
        (("--provider", "carrier-pigeon"), 1),
        (("--all", "--channel", "sms"), 2),
    ],
)
def test_what_does_not_exist_cannot_be_paused_and_one_thing_at_a_time(
    published: Duly, arguments: tuple[str, ...], code: int
) -> None:
    ended = published("pause", *arguments)
    assert ended.code == code
    assert "nothing is paused" in published("pause").out


def test_an_import_that_lets_more_people_be_chased_today_asks_for_release(
    published: Duly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_RELEASE_LIMIT", "5")
    assert published("import", book(tmp_path / "five", 5)).code == 0
    six = book(tmp_path / "six", 6)
    refused = published("import", six)
    assert refused.code == 1
    assert "6 borrowers" in refused.err and "DULY_RELEASE_LIMIT is 5" in refused.err and "--release" in refused.err
    assert json.loads(published("status", "--json").out)["borrowers"] == 5
    assert published("import", six, "--release").code == 0
    assert json.loads(published("status", "--json").out)["borrowers"] == 6


def test_who_has_paid_or_owes_later_needs_no_release(
    published: Duly, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DULY_RELEASE_LIMIT", "2")
    folder = book(tmp_path / "book", 4)
    day = datetime.now(UTC) - timedelta(days=20)
    paid = [f"e{n},{day:%Y-%m-%dT09:00:00Z},payment,l{n},100.00" for n in (0, 1)]
    (folder / "events.csv").write_text("\n".join(["event_id,at,type,loan_id,amount", *paid]) + "\n")
    assert published("import", folder).code == 0
