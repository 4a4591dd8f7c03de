"""Policies with one value replaced, checked by the command: what it says, where, and how long it takes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.attacks.journey import POLICY

PATIENCE_S = 5.0
"""Processor time that checking the worst file may take; it takes a tenth of it, and a bomb takes a hundred times."""


def errors_of(duly: Callable[..., Any], path: Path, text: str | bytes, *command: str) -> list[dict[str, Any]]:
    """The errors that a command (``policy check``) tells of a file of this text: each placed, in short time."""
    path.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    begun = time.process_time()
    ended = duly(*(command or ("policy", "check")), "--json", path)
    assert time.process_time() - begun < PATIENCE_S
    assert "Traceback" not in ended.err and "fault of duly" not in ended.err
    problems = [json.loads(line) for line in ended.out.split("\n") if line]
    errors = [one for one in problems if one["severity"] == "error"]
    assert ended.code == (1 if errors else 0)
    for one in errors:
        assert one["line"] >= 1 and one["column"] >= 1 and one["message"]
        assert len(one["message"]) < 1_000
    return errors


def with_text(template: str) -> str:
    """The policy with this SMS, quoted as JSON, which YAML reads as it is."""
    return with_value('"Dear {{ borrower.first_name }} {{ borrower.last_name }}, please pay."', template)


def with_value(old: str, new: str) -> str:
    """The policy with the first ``old`` replaced by ``new`` as a quoted text."""
    assert old in POLICY
    return POLICY.replace(old, json.dumps(new), 1)


def line_of(old: str) -> int:
    """On which line ``old`` stands in the policy."""
    return POLICY[: POLICY.index(old)].count("\n") + 1
