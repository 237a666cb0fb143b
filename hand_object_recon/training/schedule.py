"""The learning rate as a function of the step."""

from __future__ import annotations

import math

from hand_object_recon.training.config import ScheduleSettings


def learning_rate_factor(step: int, steps: int, schedule: ScheduleSettings) -> float:
    """What a stage's learning rate is multiplied by at a step of so many."""
    if step < schedule.warmup_steps:
        return (step + 1) / (schedule.warmup_steps + 1)
    share = step / max(steps, 1)
    if schedule.kind == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * share))
    passed = sum(share >= milestone for milestone in schedule.milestones)
    return schedule.gamma**passed
