"""Drawing of hand meshes into depth images, compiled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

_NEAREST_M = 0.05
_SMALLEST_AREA_PX = 1e-6
_ON_EDGE = -1e-5


@compiled
def draw_layers(
    vertices_m: NDArray[np.float32],
    faces: NDArray[np.int32],
    intrinsics: NDArray[np.float64],
    near_m: NDArray[np.float32],
    far_m: NDArray[np.float32],
) -> None:
    """Draw a closed mesh (V, 3), (F, 3) into depths (h, w) that hold infinity or other meshes.

    near_m is where a pixel's ray first enters a mesh, far_m where it first leaves one.
    intrinsics (4,): fx, fy, cx, cy.
    """
    pixels = projected(vertices_m, intrinsics)
    for face in range(len(faces)):
        first, second, third = faces[face]
        if pixels[first, 2] > 0.0 and pixels[second, 2] > 0.0 and pixels[third, 2] > 0.0:
            draw_face(pixels[first], pixels[second], pixels[third], near_m, far_m)


@compiled
def projected(
    vertices_m: NDArray[np.float32], intrinsics: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(V, 3) column, row and 1 / z; the last is 0 for what is behind the camera."""
    pixels = np.zeros((len(vertices_m), 3))
    for n in range(len(vertices_m)):
        if vertices_m[n, 2] > _NEAREST_M:
            inverse = 1.0 / vertices_m[n, 2]
            pixels[n, 0] = intrinsics[0] * vertices_m[n, 0] * inverse + intrinsics[2]
            pixels[n, 1] = intrinsics[1] * vertices_m[n, 1] * inverse + intrinsics[3]
            pixels[n, 2] = inverse
    return pixels


@compiled
def draw_face(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    c: NDArray[np.float64],
    near_m: NDArray[np.float32],
    far_m: NDArray[np.float32],
) -> None:
    """One triangle of corners (3,): column, row, 1 / z. Turned to the camera it is an entry."""
    height, width = near_m.shape
    area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
    if abs(area) < _SMALLEST_AREA_PX:
        return
    target = near_m if area < 0.0 else far_m
    left = max(0, int(np.ceil(min(a[0], b[0], c[0]))))
    right = min(width - 1, int(np.floor(max(a[0], b[0], c[0]))))
    top = max(0, int(np.ceil(min(a[1], b[1], c[1]))))
    bottom = min(height - 1, int(np.floor(max(a[1], b[1], c[1]))))
    for row in range(top, bottom + 1):
        for column in range(left, right + 1):
            second = ((column - a[0]) * (c[1] - a[1]) - (row - a[1]) * (c[0] - a[0])) / area
            third = ((b[0] - a[0]) * (row - a[1]) - (b[1] - a[1]) * (column - a[0])) / area
            if second >= _ON_EDGE and third >= _ON_EDGE and second + third <= 1.0 - _ON_EDGE:
                inverse = (1.0 - second - third) * a[2] + second * b[2] + third * c[2]
                depth = 1.0 / inverse
                target[row, column] = min(target[row, column], depth)
