"""Ctrl-C and a service manager's request to end, for commands that run until told to."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

INTERRUPTED: Final = 130
"""Exit status of a program that was told to end, as shells have it for Ctrl-C."""


@contextmanager
def stopping_on_signals(stop: Callable[[], None]) -> Iterator[None]:
    """Within the block the first SIGINT or SIGTERM calls ``stop``; a second one ends at once.

    An exception in the middle of whatever runs, Python's own way, would break into calls of
    libraries that are not made for it.
    """
    signals = (signal.SIGINT, signal.SIGTERM)

    def stop_once(_: int, __: FrameType | None) -> None:
        for one in signals:
            signal.signal(one, signal.SIG_DFL)
        stop()

    previous = {one: signal.signal(one, stop_once) for one in signals}
    try:
        yield
    finally:
        for one, handler in previous.items():
            signal.signal(one, handler)
