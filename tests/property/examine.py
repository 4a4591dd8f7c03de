"""How a property is examined: many worlds, always the same ones, and a count of what was really checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from hypothesis import HealthCheck, Phase, given, settings

from tests.property.telling import Told, tell
from tests.property.worlds import Shape, World, worlds

Check = Callable[[Told], int]
"""A rule as a check: raises AssertionError where a story breaks it; answers how often the rule was at stake."""

_SETTINGS = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}


def examine(check: Check, shape: Shape, examples: int) -> int:
    """Check the stories of that many worlds of a shape; how often the rule was at stake in all of them."""
    at_stake = 0

    @settings(max_examples=examples, derandomize=True, **_SETTINGS)  # type: ignore[arg-type]
    @given(worlds(shape))
    def follow(world: World) -> None:
        nonlocal at_stake
        at_stake += check(tell(world))

    follow()
    return at_stake


@lru_cache(maxsize=64)
def drawn(shape: Shape, examples: int) -> tuple[World, ...]:
    """That many worlds of a shape, always the same."""
    found: list[World] = []

    @settings(max_examples=examples, derandomize=True, phases=[Phase.generate], **_SETTINGS)  # type: ignore[arg-type]
    @given(worlds(shape))
    def draw(world: World) -> None:
        found.append(world)

    draw()
    return tuple(found)


@contextmanager
def patched(owner: object, name: str, value: object) -> Iterator[None]:
    """``owner.name`` is ``value`` inside, and what it was after."""
    was = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, was)
