"""``decide()`` tells the stories that two other programs, written from the rules alone, agree on."""

from __future__ import annotations

from typing import Any

import pytest

from tests.stories import STORIES, read, tell

CASES = read()

pytestmark = pytest.mark.skipif(not CASES, reason="../shared/cases/stories.jsonl is not beside this checkout")


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_story_is_told_the_same(case: dict[str, Any]) -> None:
    assert tell(case) == case["story"]


def test_all_the_stories_are_there() -> None:
    assert len(CASES) == 240, f"{STORIES.name} has changed; expected 240 stories"
    assert sum(len(case["story"]) for case in CASES) > 1000
