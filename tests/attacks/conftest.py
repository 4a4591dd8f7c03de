"""What an outsider has: the command line with a home of its own, a database, and providers of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.journey import Journey
from tests.integration.adapters.conftest import http_provider, smtp_server
from tests.integration.cli.conftest import Duly, duly, stored

__all__ = ["duly", "http_provider", "smtp_server", "stored"]


@pytest.fixture
def journey(stored: Duly, tmp_path: Path) -> Callable[..., Journey]:
    """From files to messages by the command line: ``journey(policy, book)`` publishes, imports and runs."""

    def travel(policy: str, book: dict[str, str]) -> Journey:
        return Journey.travel(stored, tmp_path, policy, book)

    return travel
