"""The part of a depth image that shows one hand, as labelled cells and as points with normals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import BoundingBox
from hand_object_recon.core.keypoints import KNUCKLES, MIDDLE_MCP, WRIST
from hand_object_recon.geometry.background_planes import BackgroundPlanes
from hand_object_recon.reconstructors.rgbd_fit.crop_kernels import (
    draw_depth,
    label_components,
    mark_occluders,
    median_depths,
    near_cells,
    oriented_points,
    outline_cells,
)
from hand_object_recon.reconstructors.rgbd_fit.crop_labels import BACKGROUND

FloatArray = NDArray[np.floating[Any]]

_BOX_MARGIN: Final = 0.15
_HAND_REACH_M: Final = 0.16  # no part of a hand is farther from its middle along the view
_FOREARM_SHARE: Final = 0.10  # of wrist to middle knuckle, kept beyond the wrist
_LEAST_PALM_SHARE: Final = 0.25  # of the box; a shorter palm points at the camera
_CELLS_ACROSS: Final = 150
_SUPPORT_PX: Final = 2
_LEAST_POINTS: Final = 10
_CROSS: Final = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class SurfaceInView:
    """A mesh in the camera frame: vertices_m (V, 3) float32, faces (F, 3) int32."""

    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class HandPoints:
    """What depth shows of one hand, in the camera optical frame.

    points_m (N, 3), normals (N, 3) towards the camera, float32.
    label (h, w) uint8, depth_m (h, w) float32
        What each cell of the crop shows (``crop_labels``), and its reading.
    outline_label (h, w) int32, outline_px (L, 2) float32
        For each cell the number of the nearest one that is not background, and its column and
        row in the image.
    cells (3,) int64
        Column and row of the crop in the image, and the pixels to a cell's side.
    """

    points_m: NDArray[np.float32]
    normals: NDArray[np.float32]
    label: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    outline_label: NDArray[np.int32]
    outline_px: NDArray[np.float32]
    cells: NDArray[np.int64]


def hand_points(
    frame: RgbdFrame,
    keypoints_px: FloatArray,
    box: BoundingBox,
    max_points: int,
    occluders: Sequence[SurfaceInView] = (),
    expected: SurfaceInView | None = None,
    background: BackgroundPlanes | None = None,
) -> HandPoints | None:
    """Cut one hand out of the depth image; None where nothing was measured on it.

    occluders
        Surfaces that are not the hand's: readings on them are taken from it, unless they are
        nearer to where the hand is expected.
    background
        Large planes that are not the hand's either, such as the table it lies on.
    """
    rows, columns = box.grown(_BOX_MARGIN).pixel_slices(*frame.depth_m.shape)
    depth = np.array(frame.depth_m[rows, columns])
    if depth.shape[0] < 8 or depth.shape[1] < 8:
        return None
    middle = _depth_of_hand(frame.depth_m, keypoints_px)
    if middle is None:
        return None
    step = max(1, round(max(depth.shape) / _CELLS_ACROSS))
    cells = np.array([columns.start, rows.start, step])
    camera = camera_array(frame.camera)
    near = near_cells(depth, step, middle, _HAND_REACH_M)
    if background is not None:
        planes, reach_m = background.planes, background.reach_m(middle)
        near[_on_planes(planes, reach_m, depth[::step, ::step], camera, cells)] = 0
    label = _hand_component(near, keypoints_px, cells)
    if occluders:
        _take_out(occluders, expected, depth, camera, cells, label)
    oriented = oriented_points(
        depth, label, cells, camera, _wrist_line(keypoints_px, box), max_points
    )
    if len(oriented) < _LEAST_POINTS:
        return None
    outline_label, outline_px = _outline(label, cells)
    return HandPoints(
        points_m=np.ascontiguousarray(oriented[:, :3]),
        normals=np.ascontiguousarray(oriented[:, 3:]),
        label=label,
        depth_m=np.ascontiguousarray(depth[::step, ::step]),
        outline_label=outline_label,
        outline_px=outline_px,
        cells=cells,
    )


def depth_at(depth_m: FloatArray, pixels: FloatArray, radius: int = _SUPPORT_PX) -> FloatArray:
    """(K,) median of the readings within ``radius`` of each of (K, 2) pixels; NaN where none."""
    return median_depths(depth_m, np.ascontiguousarray(pixels, np.float64), radius)


def camera_array(camera: CameraIntrinsics) -> NDArray[np.float64]:
    """(4,) fx, fy, cx, cy."""
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy])


def _depth_of_hand(depth_m: FloatArray, keypoints_px: FloatArray) -> float | None:
    """Median depth at the palm's keypoints, or at all of them if the palm was not measured."""
    readings = depth_at(depth_m, keypoints_px)
    palm = readings[[WRIST, *KNUCKLES]]
    for candidates in (palm, readings):
        seen = candidates[np.isfinite(candidates)]
        if len(seen) >= 3:
            return float(np.median(seen))
    return None


def _on_planes(
    planes: NDArray[np.float64],
    reach_m: float,
    depth: NDArray[np.float32],
    camera: NDArray[np.float64],
    cells: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """(h, w) cells whose reading (h, w) is within ``reach_m`` of one of planes (P, 4)."""
    fx, fy, cx, cy = camera
    column, row, step = cells
    x = (column + step * np.arange(depth.shape[1]) - cx) / fx
    y = (row + step * np.arange(depth.shape[0])[:, None] - cy) / fy
    on_plane = np.zeros(depth.shape, dtype=np.bool_)
    for normal_x, normal_y, normal_z, offset in planes:
        along_ray = np.asarray(normal_x * x + normal_y * y + normal_z, np.float32)
        on_plane |= np.abs(depth * along_ray + np.float32(offset)) < reach_m
    return on_plane


def _hand_component(
    near: NDArray[np.uint8], keypoints_px: FloatArray, cells: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """The connected ones of the cells (h, w) that may show a hand that hold a keypoint, small
    holes closed."""
    closed = cv2.morphologyEx(near, cv2.MORPH_CLOSE, _CROSS)
    count, components = cv2.connectedComponents(closed, connectivity=4)
    label = np.empty(near.shape, np.uint8)
    at_keypoints = (np.asarray(keypoints_px, np.float64) - cells[:2]) / cells[2]
    label_components(np.asarray(components, np.int32), count, at_keypoints, label)
    return label


def _take_out(
    occluders: Sequence[SurfaceInView],
    expected: SurfaceInView | None,
    depth: NDArray[np.float32],
    camera: NDArray[np.float64],
    cells: NDArray[np.int64],
    label: NDArray[np.uint8],
) -> None:
    occluder_m = np.full(label.shape, np.inf, dtype=np.float32)
    hand_m = occluder_m.copy()
    for one in occluders:
        draw_depth(one.vertices_m, one.faces, camera, cells, occluder_m)
    if expected is not None:
        draw_depth(expected.vertices_m, expected.faces, camera, cells, hand_m)
    mark_occluders(depth, int(cells[2]), occluder_m, hand_m, label)


def _wrist_line(keypoints_px: FloatArray, box: BoundingBox) -> NDArray[np.float64]:
    """(4,) where the forearm begins and the direction of the palm, zero where it cannot be told."""
    palm = keypoints_px[MIDDLE_MCP] - keypoints_px[WRIST]
    if float(np.hypot(*palm)) < _LEAST_PALM_SHARE * max(box.width, box.height):
        return np.zeros(4)
    start = keypoints_px[WRIST] - _FOREARM_SHARE * palm
    return np.asarray(np.concatenate([start, palm]), dtype=np.float64)


def _outline(
    label: NDArray[np.uint8], cells: NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    is_background = np.asarray(label == BACKGROUND, np.uint8)
    _, numbers = cv2.distanceTransformWithLabels(
        is_background, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
    )
    outline_label = np.asarray(numbers, np.int32)
    outline_px = np.zeros((int(outline_label.max()) + 1, 2), dtype=np.float32)
    outline_cells(label, outline_label, cells, outline_px)
    return outline_label, outline_px
