"""Every story that a release records is decided again alike, from the database as from its file."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.replay import story_file
from scheduler.replay.reading import Chunk
from scheduler.replay.running import replay_all
from tests.histories.driving import read_book, replay_book, world_at
from tests.histories.stories import STORIES, Story

LOOKS = "SELECT count(DISTINCT (xact, borrower_key)) FROM journal WHERE kind IN ('decision', 'looked')"


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_is_decided_again_alike(story: Story, database_url: str, tmp_path: Path) -> None:
    with world_at(database_url, tmp_path) as world:
        story.tell(world)
        outcomes = {str(entry["outcome"]) for entry in world.entries()}
        looks = world.rows(
            "SELECT count(DISTINCT (xact, borrower_key)) FROM journal WHERE kind IN ('decision', 'looked')"
        )
    assert story.outcomes <= outcomes, outcomes
    done = replay_book(database_url)
    assert done.equal, (done.differences[:3], done.reads)
    assert done.looks == looks[0][0] and not done.notes
    chunks, policies = read_book(database_url)
    histories = tuple(one for chunk in chunks for one in chunk.histories)
    text = story_file.written(story_file.Story(story.title, "0", policies, histories))
    again = story_file.read(text)
    assert story_file.written(again) == text
    done = replay_all([Chunk(list(again.histories), 0)], again.policies)
    assert done.equal and done.looks == looks[0][0]
