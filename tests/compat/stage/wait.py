"""Waiting for something to be so, with a deadline and the last thing seen in the failure."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")

DEADLINE_S = 40.0
PAUSE_S = 0.05


def until(what: str, look: Callable[[], Seen], good: Callable[[Seen], bool] = bool) -> Seen:
    """Looks again and again until `good`, and returns what was seen; fails at the deadline with the last look."""
    end = time.monotonic() + DEADLINE_S
    while True:
        seen = look()
        if good(seen):
            return seen
        if time.monotonic() >= end:
            raise AssertionError(f"not within {DEADLINE_S:.0f} s: {what}; last seen: {seen!r}")
        time.sleep(PAUSE_S)
