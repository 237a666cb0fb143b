"""Where a hand is that the network found: as it says, by its size, or on the depth."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandDetection
from hand_object_recon.geometry.depth_placement import offset_onto_depth
from hand_object_recon.networks.detected_place import offset_by_size, offset_to_measured
from hand_object_recon.reconstructors.pdfnet.hand_look import FoundHand

FloatArray = NDArray[np.floating[Any]]


def placement_offset(
    frame: RgbdFrame,
    hand: FoundHand,
    detection: HandDetection,
    faces: NDArray[np.int32],
    *,
    lay_on_depth: bool,
) -> FloatArray:
    """(3,) translation in metres of a found hand to where it is.

    The network knows the place of a hand whose depth it read. Where there was none to read, the
    hand is as far away as its size says, or, to be laid on it, as the depth where its joints are.
    """
    offset: FloatArray = np.zeros(3)
    if not hand.has_place:
        offset = offset_by_size(hand.joints_m, detection, frame.camera)
        if lay_on_depth:
            offset = offset + offset_to_measured(frame, hand.joints_m + offset, detection)
    if not lay_on_depth or not (hand.joints_m[:, 2] + offset[2] > 0.0).all():
        return offset
    return offset_onto_depth(frame, hand.joints_m, hand.vertices_m, faces, offset)
