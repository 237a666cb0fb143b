"""True hands in the detector's place, so that a method is judged by itself.

Published figures are of crops around true hands, and a detector that finds no hand where much of it
is hidden keeps a method from showing what it makes of such hands.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide
from hand_object_recon.evaluation.hand_truth import HandTruth
from hand_object_recon.geometry.projection import project
from hand_object_recon.pipeline.pipeline import DetectedFrame
from hand_object_recon.pipeline.stage_clock import StageClock


def told_hands(frame: RgbdFrame, truth: HandTruth) -> DetectedFrame:
    """A frame with its true hands as detections: side, 2-D joints and the box around them.

    Hands that are not wholly before the camera, or of which no joint is in the image, are not told.
    """
    rows = np.flatnonzero(truth.stamps_ns == frame.stamp_ns)
    found = (_detection(frame, truth.joints_m[row], HandSide(truth.sides[row])) for row in rows)
    return DetectedFrame(frame, tuple(one for one in found if one is not None), StageClock())


def _detection(
    frame: RgbdFrame, joints_m: NDArray[np.float64], side: HandSide
) -> HandDetection | None:
    pixels = project(joints_m, frame.camera)
    if not np.isfinite(pixels).all():
        return None
    is_seen = (pixels >= 0.0) & (pixels < [frame.camera.width, frame.camera.height])
    if not is_seen.all(axis=1).any():
        return None
    return HandDetection(side, 1.0, BoundingBox.around(pixels), pixels.astype(np.float32))
