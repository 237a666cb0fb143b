"""A view's arrays as the kernels of registration take them."""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.object_model.object_view import ObjectView, ViewLabel, intrinsics_array

Float32Array = NDArray[np.float32]

_GREY_OF_RGB: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)


class ViewArrays(NamedTuple):
    """All C-contiguous and writable, so that each kernel is compiled once.

    points_m, normals (N, 3) and greys (N,) float32 of the object's points; depth_m (h, w) float32
    of the object, NaN where the view tells nothing of it; beyond_px (h, w) float32 distance of a
    pixel that shows what is behind the object to the nearest that does not; camera (4,) float64
    fx, fy, cx, cy.
    """

    points_m: Float32Array
    normals: Float32Array
    greys: Float32Array
    depth_m: Float32Array
    beyond_px: Float32Array
    camera: NDArray[np.float64]


def view_arrays(view: ObjectView, most_points: int | None = None) -> ViewArrays:
    """The arrays of a view, thinned evenly to ``most_points``."""
    step = 1 if most_points is None else max(1, -(-len(view.points_m) // most_points))
    is_free = (view.label == ViewLabel.FREE).astype(np.uint8)
    depth = np.where(view.label == ViewLabel.OBJECT, view.depth_m, np.float32(np.nan))
    return ViewArrays(
        _plain(view.points_m[::step]),
        _plain(view.normals[::step]),
        _plain(view.colors[::step] @ _GREY_OF_RGB),
        _plain(depth),
        _plain(cv2.distanceTransform(is_free, cv2.DIST_L2, 3)),
        intrinsics_array(view.camera),
    )


def _plain(array: NDArray[np.float32]) -> Float32Array:
    return np.require(array, np.float32, ["C", "W"])
