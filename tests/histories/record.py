"""Records the stories of this release: ``python -m tests.histories.record``, once for each release.

Each story is told on a database of its own, replayed, and written to ``tests/histories/<version>/<name>.json``.
Salts and keys come by chance, so that another recording has other digests; a recording of a release is never replaced.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

from scheduler.ledger.versions import versions
from scheduler.replay import story_file
from scheduler.store import database, embedded
from tests.histories.driving import read_book, replay_book, world_at
from tests.histories.stories import STORIES, Story

HERE = Path(__file__).resolve().parent


def record(server: embedded.Server, folder: Path, home: Path, story: Story) -> None:
    """Tell one story, see that it is decided again alike, and write it."""
    with server.maintenance() as connection:
        connection.execute(f"CREATE DATABASE {story.name.replace('-', '_')}")
    url = server.database_url(story.name.replace("-", "_"))
    database.migrate(url)
    with world_at(url, home) as world:
        story.tell(world)
        outcomes = Counter(str(entry["outcome"]) for entry in world.entries())
    assert story.outcomes <= set(outcomes), (story.name, outcomes)
    done = replay_book(url)
    assert done.equal and done.looks, (story.name, done)
    chunks, policies = read_book(url)
    histories = tuple(one for chunk in chunks for one in chunk.histories)
    text = story_file.written(story_file.Story(story.title, versions()["duly"], policies, histories))
    (folder / f"{story.name}.json").write_text(text, encoding="utf-8", newline="\n")
    sys.stdout.write(f"{story.name}: {done.looks} looks, {len(text) // 1024} KiB, {dict(outcomes)}\n")


def main() -> None:
    """Record every story of this version, where it is not recorded yet."""
    folder = HERE / versions()["duly"]
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        home = Path(place) / "home"
        try:
            server = embedded.start(home)
            for story in STORIES:
                if (folder / f"{story.name}.json").exists():
                    sys.stdout.write(f"{story.name}: recorded already\n")
                else:
                    record(server, folder, Path(place), story)
        finally:
            embedded.remove(home)


if __name__ == "__main__":
    main()
