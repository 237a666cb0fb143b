"""A person's hand shape, estimated over the first frames that show it well and then held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import KNUCKLES
from hand_object_recon.geometry.projection import project
from hand_object_recon.reconstructors.rgbd_fit.fitter import (
    FitResult,
    HandFitter,
    HandObservation,
    MotionBelief,
    ShapeBelief,
)

FloatArray = NDArray[np.floating[Any]]

_PRIOR_INFORMATION: Final = 1.0
_FRAME_SHARE: Final = 0.2  # errors of neighbouring frames are alike, so a frame counts less
_KEPT_SHARE: Final = 0.3  # of what was learned, for a hand that may be another person's
_STRAIGHT: Final = 0.9  # knuckle to tip, over the way along the bones
_STRAIGHT_FINGERS: Final = 3
_SKIN_TO_JOINT_M: Final = 0.008
_SEEN_WITHIN_M: Final = 0.012


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

    def doubted(self, frames: int) -> ShapeEstimate:
        """The same shape held less surely, to be estimated further: who comes into view may be
        somebody else."""
        unknown = _PRIOR_INFORMATION * np.eye(10)
        learned = self.belief.information - unknown
        return ShapeEstimate(ShapeBelief(self.belief.mean, unknown + _KEPT_SHARE * learned), frames)

    def fit(
        self,
        fitter: HandFitter,
        start: FitResult,
        observation: HandObservation,
        steps: int,
        motion: MotionBelief | None,
    ) -> tuple[ShapeEstimate, FitResult]:
        """Go on fitting one frame; where it shows the hand open, learn its shape on the way.

        A closed hand hides how long its fingers are, and what the fit makes of them then is
        noise that would stay.
        """
        if self.frames_left == 0 or not _shows_open(start.keypoints_m, observation):
            return self, fitter.fit(start.state, observation, steps, motion)
        result = fitter.fit(start.state, observation, steps, motion, self.belief)
        return ShapeEstimate(_learned(self.belief, result), self.frames_left - 1), result


class PersonShapes:
    """Whose hand has what shape.

    The hands of a person have one shape, and as long as no more than one hand of a side is in
    view, all are taken for one person's. While there are more, each hand has a shape of its own.
    """

    def __init__(self) -> None:
        self._shared: ShapeEstimate | None = None
        self._own: dict[int, ShapeEstimate] = {}
        self._sharing: set[int] = set()
        self._are_many = False

    def enter(self, sides: Mapping[int, HandSide], frames: int) -> None:
        """Say which hands, by track, are in view; new ones are learned over ``frames`` frames."""
        are_many = len(set(sides.values())) < len(sides)
        if are_many and not self._are_many:
            known = self._sharing if self._shared is not None else ()
            self._own = {track: self._shared for track in known if self._shared is not None}
            self._shared, self._sharing = None, set()
        if self._are_many and not are_many:
            self._shared = self._surest(sides)
            self._own, self._sharing = {}, set(sides) if self._shared is not None else set()
        self._are_many = are_many
        for track in sides:
            if are_many:
                self._own.setdefault(track, ShapeEstimate.unknown(frames))
            elif track not in self._sharing:
                self._share(track, frames)

    def of(self, track_id: int) -> ShapeEstimate:
        """The shape of a hand in view."""
        shape = self._own[track_id] if self._are_many else self._shared
        assert shape is not None
        return shape

    def learn(self, track_id: int, shape: ShapeEstimate) -> None:
        """Keep what a frame taught about a hand in view."""
        if self._are_many:
            self._own[track_id] = shape
        else:
            self._shared = shape

    def forget(self, track_id: int) -> None:
        """A track ended; the person's shape stays for when the hand comes back."""
        self._own.pop(track_id, None)
        self._sharing.discard(track_id)

    def _share(self, track_id: int, frames: int) -> None:
        if self._shared is None:
            self._shared = ShapeEstimate.unknown(frames)
        elif not self._sharing:
            self._shared = self._shared.doubted(frames)
        self._sharing.add(track_id)

    def _surest(self, tracks: Iterable[int]) -> ShapeEstimate | None:
        known = [self._own[track] for track in tracks if track in self._own]
        return max(known, key=lambda one: float(np.trace(one.belief.information)), default=None)


def _learned(belief: ShapeBelief, result: FitResult) -> ShapeBelief:
    """The belief after a frame of which only a share counts.

    The fit weighed the whole frame against the belief, so that its shape is where both balance:
    (belief + frame) (shape - mean) = frame (frame's own shape - mean).
    """
    frame = _FRAME_SHARE * result.shape_information
    balance = belief.information + result.shape_information
    pull = _FRAME_SHARE * balance @ (result.state.shape - belief.mean)
    information = belief.information + frame
    return ShapeBelief(belief.mean + np.linalg.solve(information, pull), information)


def _shows_open(keypoints_m: FloatArray, observation: HandObservation) -> bool:
    """Whether enough fingers are straight and seen at their middle joints."""
    seen = _is_seen(keypoints_m, observation)
    straight = 0
    for knuckle in KNUCKLES:
        finger = keypoints_m[knuckle : knuckle + 4]
        along = np.linalg.norm(np.diff(finger, axis=0), axis=1).sum()
        is_straight = np.linalg.norm(finger[3] - finger[0]) > _STRAIGHT * along
        straight += bool(is_straight and seen[knuckle + 1 : knuckle + 3].all())
    return straight >= _STRAIGHT_FINGERS


def _is_seen(keypoints_m: FloatArray, observation: HandObservation) -> NDArray[np.bool_]:
    """(21,) whether skin was measured just in front of each joint."""
    points = observation.points
    if points is None:
        return np.zeros(len(keypoints_m), dtype=bool)
    pixels = project(keypoints_m.astype(np.float64), observation.camera)
    cells = np.nan_to_num((pixels - points.cells[:2]) / points.cells[2], nan=-1.0)
    column, row = np.rint(cells).astype(np.intp).T
    height, width = points.depth_m.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    measured = points.depth_m[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
    in_front = keypoints_m[:, 2] - measured
    return np.asarray(inside & (np.abs(in_front - _SKIN_TO_JOINT_M) < _SEEN_WITHIN_M))
