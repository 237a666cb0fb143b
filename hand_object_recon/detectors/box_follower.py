"""Follows a hand's box in the depth image for the few frames in which a detector misses it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection

FloatArray = NDArray[np.floating[Any]]

_DEPTH_REACH_M: Final = 0.08
_MATCH_SHARE: Final = 0.75  # of a box's size between the centres of the same hand
_LEAST_PIXELS: Final = 80
_LEAST_AREA_SHARE: Final = 0.35  # of the hand's pixels when it was last detected
_SHIFTS: Final = 4
_SCORE_DECAY: Final = 0.8
_SAME_HAND_OVERLAP: Final = 0.5


@dataclass(frozen=True)
class _Followed:
    """A hand last seen or followed: its detection, depth, the pixels it had, and how far the
    middle of those pixels lay from the middle of its box."""

    detection: HandDetection
    depth_m: float
    pixels: int
    offset_px: tuple[float, float]
    missed: int = 0


class BoxFollower:
    """Completes a detector's output with hands it saw a moment ago.

    A missed hand's box is moved to where the depth image shows a surface of about the same
    distance and size nearby (mean shift); it carries no keypoints and says it is followed. A box
    that this moves onto another hand is dropped: its own hand is behind that one.
    """

    def __init__(self, max_frames: int) -> None:
        self._max_frames = max_frames
        self._hands: list[_Followed] = []

    def complete(
        self, frame: RgbdFrame, detections: Sequence[HandDetection]
    ) -> list[HandDetection]:
        """The detections and, after them, the boxes of hands that were missed."""
        missed = [hand for hand in self._hands if not _is_among(hand.detection, detections)]
        followed: list[_Followed] = []
        for moved in (self._follow(frame, hand) for hand in missed):
            others = [*detections, *(other.detection for other in followed)]
            if moved is not None and not _covers_any(moved.detection.box, others):
                followed.append(moved)
        seen = [hand for one in detections if (hand := _measured(frame, one))]
        self._hands = seen + followed
        return [*detections, *(hand.detection for hand in followed)]

    def reset(self) -> None:
        """Forget every hand."""
        self._hands = []

    def _follow(self, frame: RgbdFrame, hand: _Followed) -> _Followed | None:
        if hand.missed >= self._max_frames:
            return None
        box, depth_m = hand.detection.box, hand.depth_m
        for _ in range(_SHIFTS):
            found = _surface_middle(frame, box, hand.depth_m)
            if found is None or found[2] < _LEAST_AREA_SHARE * hand.pixels:
                return None
            dx = found[0] - hand.offset_px[0] - box.center[0]
            dy = found[1] - hand.offset_px[1] - box.center[1]
            box, depth_m = box.shifted(dx, dy), found[3]
            if dx * dx + dy * dy < 0.25:
                break
        detection = replace(
            hand.detection,
            box=box,
            score=hand.detection.score * _SCORE_DECAY,
            keypoints_px=None,
            relative_keypoints_m=None,
            is_followed=True,
        )
        return replace(hand, detection=detection, depth_m=depth_m, missed=hand.missed + 1)


def _measured(frame: RgbdFrame, detection: HandDetection) -> _Followed | None:
    """What following a detection needs to know; None where its depth was not measured."""
    if detection.keypoints_px is None:
        return None
    height, width = frame.depth_m.shape
    column = np.clip(np.rint(detection.keypoints_px[:, 0]), 0, width - 1).astype(np.intp)
    row = np.clip(np.rint(detection.keypoints_px[:, 1]), 0, height - 1).astype(np.intp)
    readings = frame.depth_m[row, column]
    readings = readings[np.isfinite(readings)]
    if not len(readings):
        return None
    depth = float(np.median(readings))
    found = _surface_middle(frame, detection.box, depth)
    if found is None:
        return None
    center = detection.box.center
    return _Followed(detection, depth, found[2], (found[0] - center[0], found[1] - center[1]))


def _surface_middle(
    frame: RgbdFrame, box: BoundingBox, depth_m: float
) -> tuple[float, float, int, float] | None:
    """Mean column and row, count, and median depth of the box's pixels at about ``depth_m``."""
    rows, columns = box.pixel_slices(*frame.depth_m.shape)
    depth = frame.depth_m[rows, columns]
    row, column = np.nonzero(np.abs(depth - depth_m) < _DEPTH_REACH_M)
    if len(row) < _LEAST_PIXELS:
        return None
    middle = float(np.median(depth[row, column]))
    return float(column.mean()) + columns.start, float(row.mean()) + rows.start, len(row), middle


def _is_among(hand: HandDetection, detections: Sequence[HandDetection]) -> bool:
    reach = _MATCH_SHARE * max(hand.box.width, hand.box.height)
    x, y = hand.box.center
    return any(
        np.hypot(other.box.center[0] - x, other.box.center[1] - y) < reach for other in detections
    )


def _covers_any(box: BoundingBox, detections: Sequence[HandDetection]) -> bool:
    return any(box.intersection_over_union(one.box) > _SAME_HAND_OVERLAP for one in detections)
