"""Many daemons on hosts of their own: one is cut off, one killed, one suspended; nothing is lost and nothing double."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.hosts.network import missing
from tests.faults.hosts.wave import run, table


@pytest.mark.long
@pytest.mark.parametrize(("count", "warm"), [(3_000, 500), (100_000, 10_000)])
def test_a_wave_over_hosts_that_fail_sends_each_message_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], count: int, warm: int
) -> None:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    made = run(tmp_path, count, warm)
    with capsys.disabled():
        print(f"\n{table(made)}")  # noqa: T201 - what was measured is to be seen
