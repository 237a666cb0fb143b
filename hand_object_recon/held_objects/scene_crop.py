"""The part of a frame in which hands and what they hold can be, thinned to what a model needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import BoundingBox

FloatArray = NDArray[np.floating[Any]]

_PIXEL_M: Final = 0.0014  # wanted distance of neighbouring pixels' points
_MOST_PIXELS: Final = 90_000
_LARGEST_STRIDE: Final = 6
_LEAST_PX: Final = 8
_NEAREST_M: Final = 0.05


@dataclass(frozen=True, eq=False)
class SceneCrop:
    """A thinned rectangle of a frame.

    depth_m
        (h, w) float32, NaN where nothing was measured or a pixel hangs between two surfaces.
    rgb
        (h, w, 3) uint8.
    camera
        Intrinsics of this picture.
    stamp_ns
        Of the frame.
    """

    depth_m: NDArray[np.float32]
    rgb: NDArray[np.uint8]
    camera: CameraIntrinsics
    stamp_ns: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.camera.height, self.camera.width


@dataclass(frozen=True, eq=False)
class Surroundings:
    """A ball, (3,) metres, that has to be in the picture."""

    center_m: FloatArray
    radius_m: float


def scene_crop(frame: RgbdFrame, wanted: Sequence[Surroundings]) -> SceneCrop | None:
    """The picture of these balls; None where none of them is in view."""
    from hand_object_recon.held_objects.crop_kernels import reduced_depth

    in_front = [one for one in wanted if one.center_m[2] > _NEAREST_M]
    if not in_front:
        return None
    boxes = [_box_of(one, frame.camera) for one in in_front]
    x_min, y_min = min(box.x_min for box in boxes), min(box.y_min for box in boxes)
    x_max, y_max = max(box.x_max for box in boxes), max(box.y_max for box in boxes)
    box = BoundingBox(x_min, y_min, x_max, y_max)
    rows, columns = box.pixel_slices(*frame.depth_m.shape)
    farthest_m = max(float(one.center_m[2]) + one.radius_m for one in in_front)
    nearest_m = min(float(one.center_m[2]) for one in in_front)
    stride = _stride(rows, columns, nearest_m, frame.camera)
    height, width = (rows.stop - rows.start) // stride, (columns.stop - columns.start) // stride
    if min(height, width) < _LEAST_PX:
        return None
    depth = np.require(
        frame.depth_m[rows, columns][: height * stride, : width * stride], requirements=["C", "W"]
    )
    middle = stride // 2
    colors = frame.rgb[rows, columns][middle::stride, middle::stride][:height, :width]
    return SceneCrop(
        depth_m=reduced_depth(depth, stride, stride / frame.camera.fx, farthest_m),
        rgb=np.ascontiguousarray(colors),
        camera=_camera(frame.camera, columns.start, rows.start, stride, (height, width)),
        stamp_ns=frame.stamp_ns,
    )


def _box_of(ball: Surroundings, camera: CameraIntrinsics) -> BoundingBox:
    x, y, z = (float(value) for value in ball.center_m)
    column, row = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    across, down = camera.fx * ball.radius_m / z, camera.fy * ball.radius_m / z
    return BoundingBox(column - across, row - down, column + across, row + down)


def _stride(rows: slice, columns: slice, nearest_m: float, camera: CameraIntrinsics) -> int:
    """Pixels between those that are kept."""
    fine_enough = round(_PIXEL_M * camera.fx / nearest_m)
    count = max(0, rows.stop - rows.start) * max(0, columns.stop - columns.start)
    few_enough = int(np.ceil(np.sqrt(count / _MOST_PIXELS)))
    return min(max(1, fine_enough, few_enough), _LARGEST_STRIDE)


def _camera(
    camera: CameraIntrinsics, left: int, top: int, stride: int, shape: tuple[int, int]
) -> CameraIntrinsics:
    """Pixels of the crop lie in the middle of the blocks they stand for."""
    middle = 0.5 * (stride - 1)
    return CameraIntrinsics(
        width=shape[1],
        height=shape[0],
        fx=camera.fx / stride,
        fy=camera.fy / stride,
        cx=(camera.cx - left - middle) / stride,
        cy=(camera.cy - top - middle) / stride,
    )
