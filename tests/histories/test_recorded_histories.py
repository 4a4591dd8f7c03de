"""What each release decided is decided alike by this one, in a process that reads nothing but the recording."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from scheduler.ledger.versions import versions
from scheduler.replay import story_file
from scheduler.replay.history import ReplayError
from scheduler.replay.reading import Chunk
from scheduler.replay.running import replay_all
from tests.histories.stories import STORIES

HERE = Path(__file__).resolve().parent
FILES = sorted(HERE.glob("*/*.json"))


def test_this_release_has_recorded_every_story() -> None:
    recorded = {path.stem for path in FILES if path.parent.name == versions()["duly"]}
    assert recorded == {story.name for story in STORIES}, "python -m tests.histories.record"


def test_the_recordings_are_small() -> None:
    assert max(path.stat().st_size for path in FILES) < 150_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_recorded_story_is_decided_alike(path: Path) -> None:
    story = story_file.read(path.read_text(encoding="utf-8"))
    assert story.recorded_with == path.parent.name
    done = replay_all([Chunk(list(story.histories), 0)], story.policies)
    assert done.equal, (done.differences[:3], done.reads)
    recorded = Counter(
        '"kind":"looked"' in entry.text for one in story.histories for entry in one.entries if '"now"' in entry.text
    )
    assert done.entries + done.moved == recorded.total() and done.looks > 1


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"form": "duly-history/2"}'])
def test_what_is_no_recording_is_refused(text: str) -> None:
    with pytest.raises(ReplayError, match="duly-history/1"):
        story_file.read(text)
