"""A recorded story, replayed with whatever a test has changed in today's code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from scheduler.ledger.versions import versions
from scheduler.replay import story_file
from scheduler.replay.reading import Chunk
from scheduler.replay.running import Sum, replay_all

HISTORIES = Path(__file__).resolve().parents[2] / "histories"


@pytest.fixture
def replayed() -> Callable[[str], Sum]:
    """Replay a story of this release by its name."""

    def replay(name: str) -> Sum:
        path = HISTORIES / versions()["duly"] / f"{name}.json"
        story = story_file.read(path.read_text(encoding="utf-8"))
        return replay_all([Chunk(list(story.histories), 0)], story.policies)

    return replay
