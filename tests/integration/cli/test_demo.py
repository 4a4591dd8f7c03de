"""``duly demo``: the main job on a small book, twice in one folder, and never where something else lies."""

from __future__ import annotations

import re

import pytest

from scheduler.cli import demo
from scheduler.store import embedded


@pytest.fixture
def small(monkeypatch, tmp_path):
    """A demo of a few persons and days, whose database is removed at the end."""
    monkeypatch.setattr(demo, "PERSONS", 8)
    monkeypatch.setattr(demo, "DAYS", 60)
    folder = tmp_path / "demo-out"
    yield folder
    embedded.remove(folder / demo.HOME)


def test_the_demo_says_what_was_sent_and_where_it_lies_and_again(duly, small):
    for _ in range(2):
        ended = duly("demo", "--folder", small)
        assert ended.code == 0, ended.err
        written = list((small / "messages").rglob("*.txt"))
        total = re.search(r"^\s+all\b.*?(\d+)\s*$", ended.out.split("And what else")[0], re.MULTILINE | re.DOTALL)
        assert total is not None
        assert "Messages sent" in ended.out and "one of the messages" in ended.out
        assert re.search(rf"^\s+all\s.*\b{len(written)}\s*$", ended.out, re.MULTILINE)
        shown = re.search(r"^this message\s+(\S+)$", ended.out, re.MULTILINE)
        assert shown is not None and shown[1] in {str(path) for path in written}


def test_the_server_of_the_demo_is_stopped_at_its_end(duly, small):
    assert duly("demo", "--folder", small).code == 0
    assert embedded.stop(small / demo.HOME) is False


def test_what_the_demo_did_can_be_looked_at_afterwards(duly, small, monkeypatch):
    ended = duly("demo", "--folder", small)
    monkeypatch.setenv("DULY_HOME", str(small / demo.HOME))
    command = re.search(r"duly (loan timeline \S+)$", ended.out, re.MULTILINE)
    assert command is not None
    timeline = duly(*command[1].split())
    assert timeline.code == 0 and "sent" in timeline.out


def test_a_folder_with_something_else_in_it_is_left_alone(duly, small):
    small.mkdir()
    (small / "letter.txt").write_text("mine", encoding="utf-8")
    ended = duly("demo", "--folder", small)
    assert ended.code == 1
    assert "no demo made it" in ended.err
    assert [path.name for path in small.iterdir()] == ["letter.txt"]
