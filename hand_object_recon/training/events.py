"""What a training tells whoever shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


def _ignore(*_: object) -> None:
    pass


@dataclass(frozen=True)
class TrainingEvents:
    """store_progress: name of a store being made, parts done, parts in all.

    stage_begun
        Name, first step, steps in all.
    step_done
        Step, loss.
    scored
        Step, mean scores by name.
    say
        A line for the user.
    """

    store_progress: Callable[[str, int, int], None] = _ignore
    stage_begun: Callable[[str, int, int], None] = _ignore
    step_done: Callable[[int, float], None] = _ignore
    scored: Callable[[int, Mapping[str, float]], None] = _ignore
    say: Callable[[str], None] = _ignore
