"""What one process has done since it began, counted for the metrics; written by its jobs, read by the health port."""

from __future__ import annotations

import threading
from bisect import bisect_left
from typing import Final

from scheduler.engine import Tick

BUCKETS_S: Final = (0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400)
"""The upper ends of the buckets of lateness, in seconds; what is later still is in none of them."""


class Tally:
    """Counts; ``lateness`` has one more count than there are buckets."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.decided = 0
        self.lines = 0
        self.messages = 0
        self.lateness = [0] * (len(BUCKETS_S) + 1)
        self.late_s: float = 0

    def decide(self, tick: Tick) -> None:
        """Add what one tick of an engine did."""
        if not tick.borrowers:
            return
        with self._lock:
            self.decided += tick.borrowers
            self.lines += tick.lines
            self.messages += tick.messages
            for late_s in tick.late_s:
                self.lateness[bisect_left(BUCKETS_S, late_s)] += 1
                self.late_s += late_s
