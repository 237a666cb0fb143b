"""A hand's shape, estimated over the first frames that show it well and then held."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.keypoints import KNUCKLES
from hand_object_recon.reconstructors.rgbd_fit.fitter import (
    FitResult,
    HandFitter,
    HandObservation,
    ShapeBelief,
)

FloatArray = NDArray[np.floating[Any]]

_PRIOR_INFORMATION: Final = 5.0
_FRAME_SHARE: Final = 0.1  # errors of neighbouring frames are alike, so a frame counts less
_STRAIGHT: Final = 0.9  # knuckle to tip, over the way along the bones
_STRAIGHT_FINGERS: Final = 3


@dataclass(frozen=True, eq=False)
class ShapeEstimate:
    """A Gaussian belief about the shape and how many frames may still sharpen it."""

    belief: ShapeBelief
    frames_left: int

    @classmethod
    def unknown(cls, frames: int) -> ShapeEstimate:
        """The model's mean shape, to be estimated over ``frames`` frames."""
        information = _PRIOR_INFORMATION * np.eye(10)
        return cls(ShapeBelief(np.zeros(10), information), frames)

    @property
    def mean(self) -> FloatArray:
        """(10,) the shape to use now."""
        return self.belief.mean

    def fit(
        self, fitter: HandFitter, start: FitResult, observation: HandObservation, steps: int
    ) -> tuple[ShapeEstimate, FitResult]:
        """Go on fitting one frame; where it shows the hand open, learn its shape on the way.

        A closed hand hides how long its fingers are, and what the fit makes of them then is
        noise that would stay.
        """
        if self.frames_left == 0 or not _is_open(start.hand.keypoints_m):
            return self, fitter.fit(start, observation, steps)
        result = fitter.fit(start, observation, steps, self.belief)
        learned = _FRAME_SHARE * result.shape_information
        belief = ShapeBelief(result.state.shape, self.belief.information + learned)
        return ShapeEstimate(belief, self.frames_left - 1), result


def _is_open(keypoints: FloatArray) -> bool:
    straight = 0
    for knuckle in KNUCKLES:
        finger = keypoints[knuckle : knuckle + 4]
        along = np.linalg.norm(np.diff(finger, axis=0), axis=1).sum()
        straight += bool(np.linalg.norm(finger[3] - finger[0]) > _STRAIGHT * along)
    return straight >= _STRAIGHT_FINGERS
