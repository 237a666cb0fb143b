"""Which of the hands that the network finds is which of those the pipeline tracks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.hands import BoundingBox, HandSide, TrackedHand
from hand_object_recon.geometry.projection import project
from hand_object_recon.reconstructors.pdfnet.hand_look import FoundHand

FloatArray = NDArray[np.floating[Any]]

NOT_SEEN: Final = "the network sees no hand of that side in the image"
OTHER_SIDE: Final = "the network takes it for the hand of the other side"
ELSEWHERE: Final = "the network sees the hand of that side elsewhere"

_BOX_GROWTH: Final = 0.25


def matched_hands(
    tracked: Sequence[TrackedHand],
    found: Mapping[HandSide, FoundHand],
    camera: CameraIntrinsics,
    least_presence: float,
) -> tuple[dict[int, FoundHand], dict[int, str]]:
    """The found hand of each track, and of tracks without one the reason, by track id.

    A tracked hand is the found hand of its side if that lies about where it was detected. Of two
    tracks with the same side the nearer one is; the network knows one hand of each side.
    """
    places = {
        side: _middle_px(hand, camera)
        for side, hand in found.items()
        if hand.presence >= least_presence
    }
    matched: dict[int, FoundHand] = {}
    for side, place in places.items():
        near = [hand for hand in tracked if hand.side is side and _is_about(hand, place)]
        if near:
            nearest = min(near, key=lambda hand: _distance_px(hand.detection.box, place))
            matched[nearest.track_id] = found[side]
    left_out = {
        hand.track_id: _reason(hand, places) for hand in tracked if hand.track_id not in matched
    }
    return matched, left_out


def _middle_px(hand: FoundHand, camera: CameraIntrinsics) -> FloatArray:
    """(2,) middle of what joints cover in the image; NaN for those behind the camera."""
    pixels = project(hand.joints_m, camera)
    return np.asarray((pixels.min(axis=0) + pixels.max(axis=0)) / 2)


def _is_about(hand: TrackedHand, place: FloatArray) -> bool:
    box = hand.detection.box.grown(_BOX_GROWTH)
    x, y = place
    return bool(box.x_min <= x <= box.x_max and box.y_min <= y <= box.y_max)


def _distance_px(box: BoundingBox, place: FloatArray) -> float:
    return float(np.hypot(*np.subtract(box.center, place)))


def _reason(hand: TrackedHand, places: Mapping[HandSide, FloatArray]) -> str:
    if any(side is not hand.side and _is_about(hand, place) for side, place in places.items()):
        return OTHER_SIDE
    return ELSEWHERE if hand.side in places else NOT_SEEN
