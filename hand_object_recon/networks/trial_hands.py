"""What plugins with a network are warmed up on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand


def trial_hands() -> Iterator[tuple[RgbdFrame, list[TrackedHand]]]:
    """A black frame without depth with one hand in it, and the same with two."""
    camera = CameraIntrinsics(width=320, height=240, fx=300.0, fy=300.0, cx=160.0, cy=120.0)
    size = (camera.height, camera.width)
    depth_m = np.full(size, np.nan, dtype=np.float32)
    frame = RgbdFrame(np.zeros((*size, 3), np.uint8), depth_m, camera, 0, "warm_up")
    right = HandDetection(HandSide.RIGHT, 1.0, BoundingBox(100.0, 60.0, 220.0, 180.0))
    hands = [TrackedHand(0, right), TrackedHand(1, replace(right, side=HandSide.LEFT))]
    for count in (1, 2):
        yield frame, hands[:count]
