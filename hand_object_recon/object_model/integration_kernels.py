"""Depth into a truncated signed distance volume, compiled.

Blocks of pixels about half a voxel wide become readings of six numbers each: what they say
(``SURFACE`` ...), four that tell a distance from a point, and a weight. They lie side by side, so
that a voxel fetches them at once.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.object_model.view_kernels import inverse_depths, nearest_around, plane_at

NOTHING = 0.0
SURFACE = 1.0
EMPTY = 2.0

OBJECT = 1  # ViewLabel; an enum is not compiled
FREE = 2
OCCLUDER = 3

MOST_WEIGHT = 30.0

_REFERENCE_M = 0.5  # where a reading of a surface seen face on weighs 1
_LEAST_WEIGHT = 0.1
_LARGEST_WEIGHT = 2.0
_EMPTY_WEIGHT = 0.5  # of a reading's: labels err at rims
_HAND_WEIGHT = 0.15  # of a reading's: a hand is posed less well than measured
_OUTLINE_MARGIN = 1.0  # in blocks
_BACKGROUND_MARGIN_M = 0.01
_OCCLUDER_MARGIN_M = 0.004
_HAND_MARGIN_M = 0.004
_LEAST_ROOM_VOXELS = 0.5  # else what was wrong would come to lie on the surface and stay
_COLORED_VOXELS = 1.5
_CLEAR_VOXELS = 2.0  # before a surface nothing is, at whatever angle that is seen


@compiled
def pixel_readings(
    depth_m: NDArray[np.float32],
    label: NDArray[np.uint8],
    beside: NDArray[np.float32],
    intrinsics: NDArray[np.float64],
    stride: int,
) -> NDArray[np.float32]:
    """(N, 6) what the blocks, row by row, say of the space along their pixels' rays.

    ``SURFACE``: outward unit normal (3) and offset of the plane, weight face on. ``EMPTY``: depth
    up to which nothing is, distance in rays at depth 1 to the nearest pixel that is not ``FREE``.

    beside
        (h / stride, w / stride) distance in blocks to the nearest that is not ``FREE``.
    """
    inverse = inverse_depths(depth_m, label)
    height, width = depth_m.shape[0] // stride, depth_m.shape[1] // stride
    readings = np.zeros((height * width, 6), dtype=np.float32)
    fx, fy, cx, cy = intrinsics[0], intrinsics[1], intrinsics[2], intrinsics[3]
    for i in range(height):
        for j in range(width):
            row, column = i * stride + stride // 2, j * stride + stride // 2
            what, depth = label[row, column], depth_m[row, column]
            block = i * width + j
            if not depth > 0.0:
                continue
            if what == OBJECT:
                a, b, c = plane_at(inverse, fx, fy, cx, cy, row, column)
                if c != 0.0:
                    scale = 1.0 / math.sqrt(a * a + b * b + c * c)
                    readings[block, 0] = SURFACE
                    readings[block, 1], readings[block, 2] = -a * scale, -b * scale
                    readings[block, 3], readings[block, 4] = -c * scale, scale
                    readings[block, 5] = _depth_weight(depth)
                else:
                    before = nearest_around(inverse, row, column) - _OCCLUDER_MARGIN_M
                    readings[block, 0], readings[block, 1] = EMPTY, before
                    readings[block, 2] = 1.0
            elif what == FREE:
                readings[block, 0] = EMPTY
                readings[block, 1] = depth - _BACKGROUND_MARGIN_M
                readings[block, 2] = max(beside[i, j] - _OUTLINE_MARGIN, 0.0) * stride / fx
            elif what == OCCLUDER:
                readings[block, 0] = EMPTY
                readings[block, 1] = depth - _OCCLUDER_MARGIN_M
                readings[block, 2] = 1.0
    return readings


@compiled
def integrate(
    distance: NDArray[np.float32],
    weight: NDArray[np.float32],
    color: NDArray[np.float32],
    texture: NDArray[np.float32],
    origin_m: NDArray[np.float64],
    voxel_m: float,
    truncation_m: float,
    readings: NDArray[np.float32],
    stride: int,
    rgb: NDArray[np.uint8],
    intrinsics: NDArray[np.float64],
    camera_from_object: NDArray[np.float64],
) -> None:
    """Bring the (nx, ny, nz) volume up to date with a view's readings (N, 6), in place.

    distance, weight, color (..., 3), texture
        Running averages; NaN where the weight is 0, colours where no surface was near.
    """
    intrinsics_of_blocks = _of_blocks(intrinsics, stride)
    height, width = rgb.shape[0] // stride, rgb.shape[1] // stride
    blocks = np.empty(distance.shape[2], dtype=np.int32)
    step_x, step_y, step_z = _step(camera_from_object, voxel_m)
    empty_share = _EMPTY_WEIGHT * _depth_weight(
        _middle_depth(distance.shape, origin_m, voxel_m, camera_from_object)
    )
    colored, clear = _COLORED_VOXELS * voxel_m, _CLEAR_VOXELS * voxel_m
    for i in range(distance.shape[0]):
        for j in range(distance.shape[1]):
            x0, y0, z0 = _moved(camera_from_object, origin_m, i * voxel_m, j * voxel_m)
            _project_row(
                blocks, x0, y0, z0, step_x, step_y, step_z, intrinsics_of_blocks, height, width
            )
            for k in range(distance.shape[2]):
                if blocks[k] < 0:
                    continue
                block = blocks[k]
                what = readings[block, 0]
                if what == NOTHING:
                    continue
                x, y, z = x0 + k * step_x, y0 + k * step_y, z0 + k * step_z
                if what == SURFACE:
                    offset = readings[block, 4]
                    signed = (
                        readings[block, 1] * x
                        + readings[block, 2] * y
                        + readings[block, 3] * z
                        + offset
                    )
                    if signed < clear:
                        behind = -signed * z / (offset - signed)
                        if behind >= truncation_m:
                            continue
                        share = readings[block, 5] * offset * offset / (x * x + y * y + z * z)
                        share *= _confidence(behind, truncation_m)
                        before = weight[i, j, k]
                        after = min(before + share, MOST_WEIGHT)
                        portion = 1.0 if before == 0.0 else share / after
                        known = distance[i, j, k] if before > 0.0 else 0.0
                        distance[i, j, k] = known + (signed - known) * portion
                        weight[i, j, k] = after
                        if abs(signed) < colored:
                            is_first = not texture[i, j, k] >= 0.0
                            row = block // width * stride + stride // 2
                            column = block % width * stride + stride // 2
                            for channel in range(3):
                                seen = float(rgb[row, column, channel])
                                painted = seen if is_first else color[i, j, k, channel]
                                color[i, j, k, channel] = painted + (seen - painted) * portion
                            texture[i, j, k] = _grey(
                                color[i, j, k, 0], color[i, j, k, 1], color[i, j, k, 2]
                            )
                        continue
                    room = signed
                elif z < readings[block, 1]:
                    room = min(readings[block, 1] - z, z * readings[block, 2])
                    room = max(room, _LEAST_ROOM_VOXELS * voxel_m)
                else:
                    continue
                after = min(weight[i, j, k] + empty_share, MOST_WEIGHT)
                distance[i, j, k] = _kept_out(
                    distance[i, j, k], min(room, truncation_m), empty_share, after
                )
                weight[i, j, k] = after


@compiled
def carve_hand(
    distance: NDArray[np.float32],
    weight: NDArray[np.float32],
    origin_m: NDArray[np.float64],
    voxel_m: float,
    truncation_m: float,
    hand_near_m: NDArray[np.float32],
    hand_far_m: NDArray[np.float32],
    intrinsics: NDArray[np.float64],
    camera_from_object: NDArray[np.float64],
) -> None:
    """Keep the object out of the space between two depths (h, w), NaN where there is no hand."""
    intrinsics_of_pixels = _of_blocks(intrinsics, 1)
    height, width = hand_near_m.shape
    hand_near, hand_far = hand_near_m.ravel(), hand_far_m.ravel()
    pixels = np.empty(distance.shape[2], dtype=np.int32)
    step_x, step_y, step_z = _step(camera_from_object, voxel_m)
    for i in range(distance.shape[0]):
        for j in range(distance.shape[1]):
            x0, y0, z0 = _moved(camera_from_object, origin_m, i * voxel_m, j * voxel_m)
            _project_row(
                pixels, x0, y0, z0, step_x, step_y, step_z, intrinsics_of_pixels, height, width
            )
            for k in range(distance.shape[2]):
                if pixels[k] < 0:
                    continue
                z = z0 + k * step_z
                room = min(z - hand_near[pixels[k]], hand_far[pixels[k]] - z)
                if room > _HAND_MARGIN_M:
                    share = _HAND_WEIGHT * _depth_weight(z)
                    after = min(weight[i, j, k] + share, MOST_WEIGHT)
                    room = min(room - _HAND_MARGIN_M, truncation_m)
                    distance[i, j, k] = _kept_out(distance[i, j, k], room, share, after)
                    weight[i, j, k] = after


@compiled
def _depth_weight(depth: float) -> float:
    """Inverse variance of a stereo camera's readings, whose noise grows with depth squared."""
    squared = (_REFERENCE_M / depth) ** 2
    return min(max(squared * squared, _LEAST_WEIGHT), _LARGEST_WEIGHT)


@compiled
def _confidence(behind_m: float, truncation_m: float) -> float:
    """Falls along the ray behind the surface: a thin body's far side, or the ray's way out at the
    body's rim, must be able to say otherwise."""
    if behind_m <= 0.0:
        return 1.0
    left = 1.0 - behind_m / truncation_m
    return left * left


@compiled
def _moved(
    pose: NDArray[np.float64], origin_m: NDArray[np.float64], along_x: float, along_y: float
) -> tuple[float, float, float]:
    """Where the origin, shifted along the first two axes, lies in the camera's frame."""
    a, b, c = origin_m[0] + along_x, origin_m[1] + along_y, origin_m[2]
    return (
        pose[0, 0] * a + pose[0, 1] * b + pose[0, 2] * c + pose[0, 3],
        pose[1, 0] * a + pose[1, 1] * b + pose[1, 2] * c + pose[1, 3],
        pose[2, 0] * a + pose[2, 1] * b + pose[2, 2] * c + pose[2, 3],
    )


@compiled
def _middle_depth(
    shape: tuple[int, ...],
    origin_m: NDArray[np.float64],
    voxel_m: float,
    pose: NDArray[np.float64],
) -> float:
    """Depth of the middle of a volume."""
    half = 0.5 * voxel_m
    _, _, z = _moved(pose, origin_m, half * shape[0], half * shape[1])
    return float(z + half * shape[2] * pose[2, 2])


@compiled
def _step(pose: NDArray[np.float64], voxel_m: float) -> tuple[float, float, float]:
    """How far along the camera's axes neighbours along the volume's last axis lie."""
    return voxel_m * pose[0, 2], voxel_m * pose[1, 2], voxel_m * pose[2, 2]


@compiled
def _of_blocks(intrinsics: NDArray[np.float64], stride: int) -> NDArray[np.float64]:
    """Intrinsics of an image of blocks, with block (0, 0) from 0 to 1 rather than about 0."""
    moved = intrinsics / stride
    moved[2] = (intrinsics[2] + 0.5) / stride
    moved[3] = (intrinsics[3] + 0.5) / stride
    return moved


@compiled
def _project_row(
    pixels: NDArray[np.int32],
    x: float,
    y: float,
    z: float,
    step_x: float,
    step_y: float,
    step_z: float,
    intrinsics: NDArray[np.float64],
    height: int,
    width: int,
) -> None:
    """Number of the pixel that each point of a row falls on, -1 outside the image.

    In single precision and without a branch, so that points go through side by side.
    """
    start_x, start_y = np.float32(intrinsics[0] * x), np.float32(intrinsics[1] * y)
    add_x, add_y = np.float32(intrinsics[0] * step_x), np.float32(intrinsics[1] * step_y)
    start_z, add_z = np.float32(z), np.float32(step_z)
    cx, cy = np.float32(intrinsics[2]), np.float32(intrinsics[3])
    none, one = np.float32(0.0), np.float32(1.0)
    high, wide = np.float32(height), np.float32(width)
    for k in range(pixels.shape[0]):
        steps = np.float32(k)
        depth = start_z + steps * add_z
        inverse = one / depth
        across = (start_x + steps * add_x) * inverse + cx
        down = (start_y + steps * add_y) * inverse + cy
        is_in = (across >= none) & (across < wide) & (down >= none) & (down < high)
        number = np.int32(down) * np.int32(width) + np.int32(across)
        pixels[k] = number if is_in & (depth > none) else np.int32(-1)


@compiled
def _kept_out(known_m: float, room_m: float, share: float, weight: float) -> float:
    """Distance where the surface is at least ``room_m`` away; known to be farther, it stays."""
    if known_m >= room_m:
        return known_m
    if math.isnan(known_m):
        return room_m
    return known_m + (room_m - known_m) * share / weight


@compiled
def _grey(red: float, green: float, blue: float) -> float:
    """Grey level of a colour (ITU-R BT.601)."""
    return 0.299 * red + 0.587 * green + 0.114 * blue
