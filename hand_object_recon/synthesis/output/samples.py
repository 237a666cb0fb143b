"""Frames by their index: the same index always gives the same frame, whichever were made before."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import numpy as np

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.projection import project
from hand_object_recon.synthesis.filming.film import film_frame
from hand_object_recon.synthesis.filming.film_set import FilmSet
from hand_object_recon.synthesis.output.settings import SampleSettings
from hand_object_recon.synthesis.output.stage import Stage, StagedTake
from hand_object_recon.synthesis.takes.resting import forearm_direction
from hand_object_recon.synthesis.takes.take import Moment, Take

FRAMES_PER_TAKE: Final = 16
START_NS: Final = 1_700_000_000_000_000_000
_TAKE_APART_NS: Final = 60 * 10**9
_TAKES_AT_HAND: Final = 4
_TIMES_TRIED: Final = 8
_TO_PALM_M: Final = 0.08
_RIM: Final = 0.08


class SampleSource:
    """Single frames at random times of takes.

    Each ``FRAMES_PER_TAKE`` frames in a row are of one take, on one set: ask for them in a row,
    because drawing a take and its set takes longer than rendering a frame.
    """

    def __init__(self, settings: SampleSettings) -> None:
        self._stage = Stage(settings)
        self._takes: OrderedDict[int, StagedTake] = OrderedDict()

    def sample(self, index: int) -> AnnotatedFrame:
        """Frame number ``index``.

        A time at which no hand is in view is drawn again, eight times at most, so a few frames
        show none.
        """
        if index < 0:
            raise InvalidValueError(f"sample index is {index}; it must be 0 or more")
        number, frame = divmod(index, FRAMES_PER_TAKE)
        take, film_set = self._take(number)
        random = self._stage.random(number, frame)
        time_s, moment = _draw_in_view(take, film_set, random)
        stamp_ns = START_NS + number * _TAKE_APART_NS + round(time_s * 1e9)
        return film_frame(take, film_set, moment, stamp_ns, random)

    def _take(self, number: int) -> StagedTake:
        if number not in self._takes:
            self._takes[number] = self._stage.staged_take(number)
            if len(self._takes) > _TAKES_AT_HAND:
                self._takes.popitem(last=False)
        return self._takes[number]


def _draw_in_view(
    take: Take, film_set: FilmSet, random: np.random.Generator
) -> tuple[float, Moment]:
    """A random time of the take, and what happens then."""
    for trial in range(1, _TIMES_TRIED + 1):
        time_s = float(random.uniform(0.0, take.duration_s))
        moment = take.at(time_s)
        if trial == _TIMES_TRIED or _is_hand_in_view(moment, film_set):
            break
    return time_s, moment


def _is_hand_in_view(moment: Moment, film_set: FilmSet) -> bool:
    """Whether the middle of a palm is in the picture, not at its rim."""
    camera, pose = film_set.camera, film_set.camera_from_take
    palms = [hand.wrist_pose[:3, 3] - _TO_PALM_M * forearm_direction(hand) for hand in moment.hands]
    shares = project(np.array(palms) @ pose[:3, :3].T + pose[:3, 3], camera)
    shares /= (camera.width - 1, camera.height - 1)
    return bool(((shares > _RIM) & (shares < 1.0 - _RIM)).all(axis=1).any())
