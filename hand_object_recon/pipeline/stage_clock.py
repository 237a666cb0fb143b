"""Measures how long each stage of a frame takes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StageClock:
    """Milliseconds by stage name, in the order the stages ran.

    stage_ms
        By the wall clock.
    stage_cpu_ms
        Of processor time of the thread that ran the stage. It does not grow while other programs
        have the cores; what a library does in threads of its own or on a GPU is not in it.
    """

    def __init__(self) -> None:
        self.stage_ms: dict[str, float] = {}
        self.stage_cpu_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time the block under ``name``; a name used again adds up."""
        start_ns, cpu_start_ns = time.perf_counter_ns(), time.thread_time_ns()
        try:
            yield
        finally:
            _add(self.stage_ms, name, time.perf_counter_ns() - start_ns)
            _add(self.stage_cpu_ms, name, time.thread_time_ns() - cpu_start_ns)


def _add(milliseconds: dict[str, float], name: str, elapsed_ns: int) -> None:
    milliseconds[name] = milliseconds.get(name, 0.0) + elapsed_ns / 1e6
