"""When to stop before the end: somebody asks, or the time that was given is over."""

from __future__ import annotations

import time


class StopRequest:
    """A question to ask between steps.

    minutes: stop after so long; 0 for no limit.
    """

    def __init__(self, minutes: float) -> None:
        self._end_s = time.monotonic() + 60.0 * minutes if minutes else float("inf")
        self._was_asked = False

    @property
    def is_asked(self) -> bool:
        """Whether to stop now."""
        return self._was_asked or time.monotonic() > self._end_s

    def ask(self) -> None:
        """Stop at the next chance; may be called from a signal handler."""
        self._was_asked = True
