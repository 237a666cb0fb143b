"""The part of a depth image that shows one hand, as points with normals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import BoundingBox
from hand_object_recon.core.keypoints import KNUCKLES, MIDDLE_MCP, WRIST

FloatArray = NDArray[np.floating[Any]]
IndexArray = NDArray[np.integer[Any]]

_BOX_MARGIN: Final = 0.15
_HAND_REACH_M: Final = 0.16  # no part of a hand is farther from its middle along the view
_JUMP_M: Final = 0.012  # a step between neighbouring pixels that no skin makes
_FOREARM_SHARE: Final = 0.10  # of wrist to middle knuckle, kept beyond the wrist
_LEAST_PALM_SHARE: Final = 0.25  # of the box; a shorter palm points at the camera
_SUPPORT_PX: Final = 2
_NORMAL_STEP: Final = 2
_LEAST_POINTS: Final = 10


class Outline:
    """For pixels beside a mask, the mask's nearest pixel, good to two pixels."""

    _STEP: Final = 2

    def __init__(self, mask: NDArray[np.uint8], origin_px: tuple[int, int]) -> None:
        coarse = np.ascontiguousarray(mask[:: self._STEP, :: self._STEP])
        _, self._labels = cv2.distanceTransformWithLabels(
            1 - coarse, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
        )
        rows, columns = np.nonzero(coarse)
        self._pixels = np.zeros((int(self._labels.max()) + 1, 2), dtype=np.float32)
        of_label = self._labels[rows, columns]
        self._pixels[of_label, 0] = self._STEP * columns + origin_px[0]
        self._pixels[of_label, 1] = self._STEP * rows + origin_px[1]

    def nearest(self, rows: IndexArray, columns: IndexArray) -> FloatArray:
        """(N, 2) column and row in the image for (N,) rows and columns of the crop."""
        return np.asarray(self._pixels[self._labels[rows // self._STEP, columns // self._STEP]])


@dataclass(frozen=True, eq=False)
class HandPoints:
    """Depth points of one hand in the camera optical frame.

    points_m (N, 3), normals (N, 3) towards the camera; mask (h, w) uint8, 1 where the crop at
    ``origin_px`` (column, row) shows the hand or its forearm; outline: the way back to that
    mask; depth_m (h, w).
    """

    points_m: FloatArray
    normals: FloatArray
    depth_m: FloatArray
    mask: NDArray[np.uint8]
    outline: Outline
    origin_px: tuple[int, int]

    @cached_property
    def middle_m(self) -> FloatArray:
        """(3,) mean of the points."""
        return np.asarray(self.points_m.mean(axis=0))


def hand_points(
    frame: RgbdFrame, keypoints_px: FloatArray, box: BoundingBox, max_points: int
) -> HandPoints | None:
    """Cut one hand out of the depth image; None where nothing was measured on it."""
    rows, columns = box.grown(_BOX_MARGIN).pixel_slices(*frame.depth_m.shape)
    depth = frame.depth_m[rows, columns]
    if depth.shape[0] < 8 or depth.shape[1] < 8:
        return None
    origin = (columns.start, rows.start)
    middle = _depth_of_hand(depth, keypoints_px - origin)
    if middle is None:
        return None
    mask = _hand_component(np.abs(depth - middle) < _HAND_REACH_M, keypoints_px - origin)
    usable = (mask > 0) & ~_beyond_wrist(depth.shape, keypoints_px - origin, box)
    points, normals = _oriented_points(frame.camera, depth, origin, _thinned(usable, max_points))
    if len(points) < _LEAST_POINTS:
        return None
    return HandPoints(
        points_m=points,
        normals=normals,
        depth_m=depth,
        mask=mask,
        outline=Outline(mask, origin),
        origin_px=origin,
    )


def depth_at(depth_m: FloatArray, pixels: FloatArray, radius: int = _SUPPORT_PX) -> FloatArray:
    """(K,) median of the readings within ``radius`` of each of (K, 2) pixels; NaN where none."""
    height, width = depth_m.shape
    steps = np.arange(-radius, radius + 1)
    centre = np.rint(pixels).astype(np.intp)
    columns = centre[:, 0, None, None] + steps[None, None, :]
    rows = centre[:, 1, None, None] + steps[None, :, None]
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    values = np.where(
        inside, depth_m[np.clip(rows, 0, height - 1), np.clip(columns, 0, width - 1)], np.nan
    ).reshape(len(pixels), -1)
    values.sort(axis=1)  # NaN goes last
    seen = np.count_nonzero(~np.isnan(values), axis=1)
    rows_of = np.arange(len(values))
    low = values[rows_of, np.maximum(seen - 1, 0) // 2]
    high = values[rows_of, np.minimum(seen // 2, values.shape[1] - 1)]
    return np.asarray(np.where(seen > 0, 0.5 * (low + high), np.nan))


def _depth_of_hand(depth: FloatArray, keypoints: FloatArray) -> float | None:
    """Median depth at the palm's keypoints, or at all of them if the palm was not measured."""
    readings = depth_at(depth, keypoints)
    palm = readings[[WRIST, *KNUCKLES]]
    for candidates in (palm, readings):
        seen = candidates[~np.isnan(candidates)]
        if len(seen) >= 3:
            return float(np.median(seen))
    return None


def _oriented_points(
    camera: CameraIntrinsics,
    depth: FloatArray,
    origin: tuple[int, int],
    pixels: tuple[IndexArray, IndexArray],
) -> tuple[FloatArray, FloatArray]:
    """(N, 3) points of (row, column) pixels of the crop and their normals towards the camera,
    where the surface around the pixel is whole: flying pixels and outlines are left out."""
    height, width = depth.shape
    row, column = pixels
    inner = (row >= _NORMAL_STEP) & (row < height - _NORMAL_STEP)
    inner &= (column >= _NORMAL_STEP) & (column < width - _NORMAL_STEP)
    row, column = row[inner], column[inner]
    row_steps = np.array([0, 0, 0, _NORMAL_STEP, -_NORMAL_STEP])[:, None]
    column_steps = np.array([0, _NORMAL_STEP, -_NORMAL_STEP, 0, 0])[:, None]
    rows, columns = row + row_steps, column + column_steps
    z = depth[rows, columns]
    whole = (np.abs(z[1:] - z[0]) < _JUMP_M).all(axis=0)  # false where a reading is missing
    z, rows, columns = z[:, whole], rows[:, whole], columns[:, whole]
    grid = np.empty((*z.shape, 3), dtype=np.float32)
    grid[..., 0] = (columns + (origin[0] - camera.cx)) / camera.fx * z
    grid[..., 1] = (rows + (origin[1] - camera.cy)) / camera.fy * z
    grid[..., 2] = z
    middle, right, left, below, above = grid
    normals = np.cross(below - above, right - left)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return middle, normals / np.maximum(length, 1e-12)


def _hand_component(near: NDArray[np.bool_], keypoints: FloatArray) -> NDArray[np.uint8]:
    """The connected parts of the near region that hold a keypoint, small holes closed."""
    closed = cv2.morphologyEx(near.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(closed, connectivity=4)
    height, width = near.shape
    column = np.clip(np.rint(keypoints[:, 0]), 0, width - 1).astype(np.intp)
    row = np.clip(np.rint(keypoints[:, 1]), 0, height - 1).astype(np.intp)
    votes = np.bincount(labels[row, column], minlength=count)
    is_hand = votes >= 1
    is_hand[0] = False
    return np.asarray(is_hand[labels], dtype=np.uint8)


def _beyond_wrist(
    shape: tuple[int, ...], keypoints: FloatArray, box: BoundingBox
) -> NDArray[np.bool_]:
    """Pixels on the forearm's side of the wrist."""
    palm = keypoints[MIDDLE_MCP] - keypoints[WRIST]
    length = float(np.linalg.norm(palm))
    if length < _LEAST_PALM_SHARE * max(box.width, box.height):
        return np.zeros(shape, dtype=bool)
    x = np.arange(shape[1]) - keypoints[WRIST, 0]
    y = np.arange(shape[0]) - keypoints[WRIST, 1]
    along = (x * palm[0] + y[:, None] * palm[1]) / length
    return np.asarray(along < -_FOREARM_SHARE * length)


def _thinned(usable: NDArray[np.bool_], max_points: int) -> tuple[IndexArray, IndexArray]:
    """Row and column numbers of about ``max_points`` pixels spread evenly over the hand."""
    stride = max(1, round(float(np.sqrt(np.count_nonzero(usable) / max_points))))
    rows, columns = np.nonzero(usable[::stride, ::stride])
    return rows * stride, columns * stride
