"""Faults that are planted on purpose: a simulation that finds none of them would find nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from policies.compliance import times
from policies.facts import SECOND
from scheduler import dispatch
from scheduler.store import queries
from scheduler.store.people import instant


@contextmanager
def tries_the_unknown_again() -> Iterator[None]:
    """A message whose outcome is unknown goes back into the outbox."""
    whole = dispatch.Dispatcher._send

    def send(self: Any, one: Any, *rest: Any) -> Any:
        result = whole(self, one, *rest)
        if result.status == dispatch.UNCONFIRMED:
            return replace(result, status=dispatch.QUEUED, again=instant(one.at) + 60 * SECOND)
        return result

    with patch.object(dispatch.Dispatcher, "_send", send):
        yield


@contextmanager
def forgets_the_revision() -> Iterator[None]:
    """A message leaves although facts have come since it was decided."""
    wrong = {
        name: text.replace("m.revision = b.revision", "true")
        for name, text in vars(queries).items()
        if isinstance(text, str) and name.startswith("LEAVE")
    }
    assert any("AND true" in text for text in wrong.values())
    with patch.multiple(queries, **wrong):
        yield


@contextmanager
def knows_no_hours() -> Iterator[None]:
    """Every hour is lawful."""
    with (
        patch.object(times, "window_opens", lambda rule, zones, holiday, when: when),
        patch.object(times, "window_closes", lambda rule, zones, holiday, when: None),
    ):
        yield


MUTANTS: Mapping[str, Callable[[], AbstractContextManager[None]]] = {
    "I1": tries_the_unknown_again,
    "I2": forgets_the_revision,
    "I3": knows_no_hours,
}
"""By the invariant that each breaks."""
