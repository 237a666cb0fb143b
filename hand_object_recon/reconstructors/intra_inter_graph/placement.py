"""Where a hand is in the camera's frame, whose network knows it about the wrist."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.geometry.depth_placement import offset_onto_depth
from hand_object_recon.geometry.depth_turn import motion_onto_depth
from hand_object_recon.geometry.size_placement import offset_by_spread
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.reconstructors.intra_inter_graph.hand_look import FoundHand

FloatArray = NDArray[np.floating[Any]]

_LEAST_WEIGHT: Final = 1e-3


def placed_hand(
    frame: RgbdFrame, crop: CropCamera, found: FoundHand, faces: NDArray[np.int32]
) -> FoundHand | None:
    """A hand in the axes of its crop's camera to where it is in the camera's frame, in metres.

    Its joints have the middle and the spread of what the heat-maps of the crop show, the more a
    joint counts the surer it is. Where the network read depth, the hand is moved along its ray to
    the distance that it found. From there its visible surface, with (F, 3) faces, is laid on the
    depth, if there is enough. None where no such place is before the camera.
    """
    start_m = offset_in_crop(found)
    before_crop = found.joints_m[:, 2] + start_m[2]
    if not (np.isfinite(start_m).all() and (before_crop > 0.0).all()):
        return None
    hand, offset_m = found.in_camera(crop), start_m @ crop.axes
    if not (hand.joints_m[:, 2] + offset_m[2] > 0.0).all():
        return None
    return hand.moved(offset_onto_depth(frame, hand.joints_m, hand.vertices_m, faces, offset_m))


def turned_onto_depth(frame: RgbdFrame, hand: FoundHand, faces: NDArray[np.int32]) -> FoundHand:
    """A hand in its place, turned so that its surface lies on the depth where that tells."""
    motion = motion_onto_depth(frame, hand.vertices_m, faces)
    return hand if motion is None else hand.laid(motion)


def offset_in_crop(found: FoundHand) -> FloatArray:
    """(3,) where the origin of a hand is before its crop's camera; NaN where nothing tells."""
    weights = found.confidence + _LEAST_WEIGHT
    by_size = offset_by_spread(found.joints_m, found.slopes, weights)
    if np.isnan(found.distance_m):
        return by_size
    middle = found.joints_m.mean(axis=0) + by_size
    return np.asarray(by_size + middle / middle[2] * (found.distance_m - by_size[2]))
