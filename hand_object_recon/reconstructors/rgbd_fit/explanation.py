"""Compiled: how far the measured depth agrees with a hand being where it was fitted."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.reconstructors.rgbd_fit.crop_labels import HAND
from hand_object_recon.reconstructors.rgbd_fit.hand_arrays import HandArrays, PosedArrays
from hand_object_recon.reconstructors.rgbd_fit.observation import ObservationArrays

FloatArray = NDArray[np.floating[Any]]

_AGREES_M: Final = 0.010
_NOISES: Final = 2.0  # readings within so many deviations agree


@compiled
def explained_shares(
    hand: HandArrays, posed: PosedArrays, seen: ObservationArrays
) -> tuple[float, float]:
    """Of the vertices that face the camera, the share at whose place a surface of the hand was
    measured, and the share behind whose place something farther was.

    The others are hidden by something nearer, out of the crop, or without a reading.
    """
    vertices, normals, is_hand = posed.vertices_m, posed.normals, hand.is_hand
    label, depth = seen.label, seen.depth_m
    height, width = label.shape
    fx, fy, cx, cy = seen.camera
    first_column, first_row, step = seen.cells
    facing, agreeing, contradicting = 0, 0, 0
    noise = seen.settings.noise_m * float(np.mean(posed.landmarks_m[:, 2])) ** 2
    agrees = _AGREES_M + _NOISES * noise
    for vertex in range(len(vertices)):
        x, y, z = vertices[vertex, 0], vertices[vertex, 1], vertices[vertex, 2]
        towards = normals[vertex, 0] * x + normals[vertex, 1] * y + normals[vertex, 2] * z
        if not is_hand[vertex] or towards >= 0.0 or z <= 0.0:
            continue
        facing += 1
        column = int(np.floor((fx * x / z + cx - first_column) / step + 0.5))
        row = int(np.floor((fy * y / z + cy - first_row) / step + 0.5))
        if not (0 <= column < width and 0 <= row < height):
            continue
        behind = depth[row, column] - z
        if behind > agrees:
            contradicting += 1
        elif behind > -agrees and label[row, column] == HAND:
            agreeing += 1
    most = max(facing, 1)
    return agreeing / most, contradicting / most
