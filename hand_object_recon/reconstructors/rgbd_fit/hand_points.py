"""The part of a depth image that shows one hand, as points with normals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import BoundingBox
from hand_object_recon.core.keypoints import KNUCKLES, MIDDLE_MCP, WRIST

FloatArray = NDArray[np.floating[Any]]

_BOX_MARGIN: Final = 0.15
_HAND_REACH_M: Final = 0.16  # no part of a hand is farther from its middle along the view
_JUMP_M: Final = 0.012  # a step between neighbouring pixels that no skin makes
_FOREARM_SHARE: Final = 0.10  # of wrist to middle knuckle, kept beyond the wrist
_LEAST_PALM_SHARE: Final = 0.25  # of the box; a shorter palm points at the camera
_SUPPORT_PX: Final = 2


@dataclass(frozen=True, eq=False)
class HandPoints:
    """Depth points of one hand in the camera optical frame.

    points_m (N, 3), normals (N, 3) towards the camera; mask (h, w) uint8, 1 where the crop at
    ``origin_px`` (column, row) shows the hand or its forearm; nearest_mask_px (h, w, 2): the
    pixel of the hand nearest to each pixel of the crop, full image coordinates; depth_m (h, w).
    """

    points_m: FloatArray
    normals: FloatArray
    depth_m: FloatArray
    mask: NDArray[np.uint8]
    nearest_mask_px: FloatArray
    origin_px: tuple[int, int]


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
    near = np.abs(depth - middle) < _HAND_REACH_M
    grid = _back_projected(depth, frame.camera, origin)
    normals, is_smooth = _normals(grid, near)
    mask = _hand_component(near, keypoints_px - origin)
    usable = is_smooth & (mask > 0) & ~_beyond_wrist(depth.shape, keypoints_px - origin, box)
    chosen = _thinned(usable, max_points)
    if len(chosen[0]) < 10:
        return None
    return HandPoints(
        points_m=grid[chosen],
        normals=normals[chosen],
        depth_m=depth,
        mask=mask,
        nearest_mask_px=_nearest_mask_pixels(mask) + np.array(origin, dtype=np.float32),
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
    medians = np.full(len(pixels), np.nan)
    seen = ~np.isnan(values).all(axis=1)
    medians[seen] = np.nanmedian(values[seen], axis=1)
    return medians


def _depth_of_hand(depth: FloatArray, keypoints: FloatArray) -> float | None:
    """Median depth at the palm's keypoints, or at all of them if the palm was not measured."""
    readings = depth_at(depth, keypoints)
    palm = readings[[WRIST, *KNUCKLES]]
    for candidates in (palm, readings):
        seen = candidates[~np.isnan(candidates)]
        if len(seen) >= 3:
            return float(np.median(seen))
    return None


def _back_projected(
    depth: FloatArray, camera: CameraIntrinsics, origin: tuple[int, int]
) -> FloatArray:
    height, width = depth.shape
    x = (np.arange(width, dtype=np.float32) + np.float32(origin[0] - camera.cx)) / np.float32(
        camera.fx
    )
    y = (np.arange(height, dtype=np.float32) + np.float32(origin[1] - camera.cy)) / np.float32(
        camera.fy
    )
    grid = np.empty((height, width, 3), dtype=np.float32)
    grid[..., 0] = x * depth
    grid[..., 1] = y[:, None] * depth
    grid[..., 2] = depth
    return grid


def _normals(grid: FloatArray, near: NDArray[np.bool_]) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Normals towards the camera, and where the surface around a pixel is whole."""
    step = 2
    normals = np.zeros_like(grid)
    whole = np.zeros(near.shape, dtype=bool)
    inner = (slice(step, -step), slice(step, -step))
    right, left = grid[step:-step, 2 * step :], grid[step:-step, : -2 * step]
    below, above = grid[2 * step :, step:-step], grid[: -2 * step, step:-step]
    middle = grid[inner]
    across, down = right - left, below - above
    nx = down[..., 1] * across[..., 2] - down[..., 2] * across[..., 1]
    ny = down[..., 2] * across[..., 0] - down[..., 0] * across[..., 2]
    nz = down[..., 0] * across[..., 1] - down[..., 1] * across[..., 0]
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    with np.errstate(invalid="ignore", divide="ignore"):
        normals[inner] = np.stack([nx, ny, nz], axis=-1) / length[..., None]
        is_whole = near[inner] & (length > 0)
        for neighbour in (right, left, below, above):
            is_whole &= np.abs(neighbour[..., 2] - middle[..., 2]) < _JUMP_M
    whole[inner] = is_whole
    return normals, whole


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


def _thinned(usable: NDArray[np.bool_], max_points: int) -> tuple[NDArray[np.intp], ...]:
    """Row and column numbers of at most ``max_points`` pixels spread evenly over the hand."""
    rows, columns = np.nonzero(usable)
    if len(rows) <= max_points:
        return rows, columns
    stride = int(np.ceil(np.sqrt(len(rows) / max_points)))
    on_grid = (rows % stride == 0) & (columns % stride == 0)
    rows, columns = rows[on_grid], columns[on_grid]
    return rows[:max_points], columns[:max_points]


def _nearest_mask_pixels(mask: NDArray[np.uint8]) -> FloatArray:
    """(h, w, 2) float32 column and row of the hand's pixel nearest to each pixel."""
    _, labels = cv2.distanceTransformWithLabels(
        1 - mask, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    rows, columns = np.nonzero(mask)
    of_label = np.zeros((labels.max() + 1, 2), dtype=np.float32)
    of_label[labels[rows, columns]] = np.stack([columns, rows], axis=1)
    return np.asarray(of_label[labels])
