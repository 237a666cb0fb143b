"""Where a grasp is in the camera's frame, whose network knows it about the wrist alone."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandDetection
from hand_object_recon.geometry.depth_placement import offset_onto_depth
from hand_object_recon.geometry.depth_turn import motion_onto_depth
from hand_object_recon.networks.detected_place import offset_by_size, offset_to_measured
from hand_object_recon.reconstructors.cross_branch.grasp_look import FoundGrasp

FloatArray = NDArray[np.floating[Any]]


def wrist_place(
    frame: RgbdFrame, detection: HandDetection, grasp: FoundGrasp, faces: NDArray[np.int32]
) -> FloatArray | None:
    """(3,) where the wrist of a grasp in the camera's axes is, in metres.

    The hand is first put where it looks as large as it was detected, then as far away as the depth
    where its joints are seen; from there its visible surface, with (F, 3) faces, is laid on the
    depth, if there is enough. None where that is not before the camera.
    """
    by_size = offset_by_size(grasp.joints_m, detection, frame.camera)
    if not (grasp.joints_m[:, 2] + by_size[2] > 0.0).all():
        return None
    first = by_size + offset_to_measured(frame, grasp.joints_m + by_size, detection)
    return offset_onto_depth(frame, grasp.joints_m, grasp.vertices_m, faces, first)


def turned_onto_depth(
    frame: RgbdFrame, grasp: FoundGrasp, wrist_m: FloatArray, faces: NDArray[np.int32]
) -> tuple[FoundGrasp, FloatArray]:
    """A grasp with its wrist in its place, turned so that the hand's surface lies on the depth,
    and its wrist; what is held goes with the hand. As it was where the depth does not tell."""
    motion = motion_onto_depth(frame, grasp.vertices_m + wrist_m, faces)
    if motion is None:
        return grasp, wrist_m
    return grasp.turned(motion.rotation), motion.of(wrist_m[None])[0]
