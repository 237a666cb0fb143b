"""Takes of the generator filmed at regular times, so that a frame has earlier ones beside it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.synthesis.filming.film import film_frame
from hand_object_recon.synthesis.filming.film_set import Viewpoint
from hand_object_recon.synthesis.objects.catalogue import Split
from hand_object_recon.synthesis.output.settings import SampleSettings, SceneChoice
from hand_object_recon.synthesis.output.stage import Stage
from hand_object_recon.training.config import SyntheticData

_START_NS: Final = 1_700_000_000_000_000_000
_TAKE_APART_NS: Final = 600 * 10**9


def sample_settings(data: SyntheticData, split: Split, number: int) -> SampleSettings:
    """What the generator is told of a take."""
    return SampleSettings(
        split=split,
        seed=data.seed,
        scene=SceneChoice(data.scene),
        hands=_hands_of_take(number, data.two_hands_share),
        image_size_px=data.size_px,
        viewpoint=Viewpoint(data.viewpoint),
        tracks=data.tracks,
        sequences=data.sequences,
    )


def frames_of_take(
    settings: SampleSettings, number: int, count: int, step_s: float
) -> Iterator[AnnotatedFrame]:
    """``count`` frames of a take, ``step_s`` apart from a random time on, fewer in a short take."""
    stage = _stage(settings)
    take, film_set = stage.staged_take(number)
    random = stage.random(number, 0)
    longest_s = step_s * (count - 1)
    start_s = float(random.uniform(0.0, max(take.duration_s - longest_s, step_s)))
    times_s = start_s + step_s * np.arange(count)
    for frame, time_s in enumerate(times_s[times_s <= take.duration_s].tolist()):
        stamp_ns = _START_NS + number * _TAKE_APART_NS + round(1e9 * time_s)
        chance = stage.random(number, frame + 1)
        yield film_frame(take, film_set, take.at(time_s), stamp_ns, chance)


def _hands_of_take(number: int, two_hands_share: float | None) -> int | None:
    """How many, spread evenly over the takes' numbers."""
    if two_hands_share is None:
        return None
    before, after = (math.floor(two_hands_share * count) for count in (number, number + 1))
    return 1 + after - before


@lru_cache(maxsize=2)
def _stage(settings: SampleSettings) -> Stage:
    return Stage(settings)
