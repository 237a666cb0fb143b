"""What one frame shows of an object: labelled depth, and oriented points on its surface."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array

MOST_POINTS: Final = 1500

Float32Array = NDArray[np.float32]


class ViewLabel(IntEnum):
    """What a pixel of a view shows.

    ``OBJECT``: its surface. ``FREE``: something behind it (a table, a wall), so that the object
    is not in front of that. ``OCCLUDER``: something nearer, a hand as a rule, which says nothing
    of what is behind it. ``UNKNOWN``: no telling.
    """

    UNKNOWN = 0
    OBJECT = 1
    FREE = 2
    OCCLUDER = 3


@dataclass(frozen=True, eq=False)
class ObjectView:
    """One frame's view of one object, in the camera optical frame.

    depth_m
        (h, w) float32 metres, NaN where there is none.
    label
        (h, w) uint8 of ``ViewLabel``.
    rgb
        (h, w, 3) uint8, red first.
    camera
        Intrinsics of this crop.
    points_m, normals
        (N, 3) float32 points on the seen surface, thinned, and unit normals towards the camera.
    colors
        (N, 3) uint8 of the points.
    hand_near_m, hand_far_m
        (h, w) float32 depths between which a pixel's ray runs through a hand, NaN where it runs
        through none; the object is not there. None when no hand is known.
    """

    depth_m: Float32Array
    label: NDArray[np.uint8]
    rgb: NDArray[np.uint8]
    camera: CameraIntrinsics
    points_m: Float32Array
    normals: Float32Array
    colors: NDArray[np.uint8]
    hand_near_m: Float32Array | None = None
    hand_far_m: Float32Array | None = None

    def __post_init__(self) -> None:
        size = (self.camera.height, self.camera.width)
        depth = require_array("view depth_m", self.depth_m, size, np.float32)
        points = require_array("view points_m", self.points_m, (None, 3), np.float32, finite=True)
        object.__setattr__(self, "depth_m", depth)
        object.__setattr__(self, "label", require_array("view label", self.label, size, np.uint8))
        object.__setattr__(self, "rgb", require_array("view rgb", self.rgb, (*size, 3), np.uint8))
        object.__setattr__(self, "points_m", points)
        normals = require_array("view normals", self.normals, points.shape, np.float32)
        object.__setattr__(self, "normals", normals)
        colors = require_array("view colors", self.colors, points.shape, np.uint8)
        object.__setattr__(self, "colors", colors)
        self._require_hand(size)

    def _require_hand(self, size: tuple[int, int]) -> None:
        if (self.hand_near_m is None) != (self.hand_far_m is None):
            raise InvalidValueError(
                "view has one of hand_near_m and hand_far_m; give both depths of the hand or none"
            )
        for name in ("hand_near_m", "hand_far_m"):
            if getattr(self, name) is not None:
                value = require_array(f"view {name}", getattr(self, name), size, np.float32)
                object.__setattr__(self, name, value)


def object_view(
    depth_m: Float32Array,
    label: NDArray[np.uint8],
    rgb: NDArray[np.uint8],
    camera: CameraIntrinsics,
    *,
    hand_m: tuple[Float32Array, Float32Array] | None = None,
    most_points: int = MOST_POINTS,
) -> ObjectView:
    """A view of labelled depth, with points taken from its ``OBJECT`` pixels.

    A point is left out where the surface is seen at a grazing angle or torn by a jump in depth,
    because such pixels mix the depths of two surfaces. The rest is thinned evenly over the image
    to at most ``most_points``.

    hand_m
        Near and far depth (h, w) of the posed hand along each pixel's ray.
    """
    from hand_object_recon.object_model.view_kernels import oriented_points

    depth = np.ascontiguousarray(depth_m, dtype=np.float32)
    labels = np.ascontiguousarray(label, dtype=np.uint8)
    stride = _stride(labels, most_points)
    intrinsics = intrinsics_array(camera)
    points, normals, pixels = oriented_points(depth, labels, intrinsics, stride, most_points)
    colors = rgb[pixels[:, 0], pixels[:, 1]]
    near, far = hand_m if hand_m is not None else (None, None)
    return ObjectView(depth, labels, rgb, camera, points, normals, colors, near, far)


def intrinsics_array(camera: CameraIntrinsics) -> NDArray[np.float64]:
    """(4,) float64 fx, fy, cx, cy for compiled code."""
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy])


def _stride(label: NDArray[np.uint8], most_points: int) -> int:
    """Pixels between neighbouring points, so that no more than ``most_points`` are looked at."""
    count = int(np.count_nonzero(label == ViewLabel.OBJECT))
    return max(1, int(np.ceil(np.sqrt(count / most_points))))
