"""Compiled: the terms of the fit, what each observation asks of the model.

A residual is what remains of an observation divided by its standard deviation, so that terms
add up; a robust weight below one takes the pull out of observations that do not belong
(Geman-McClure: the cost levels off). Each term fills in pulls behind the first ``count`` and
returns how many there are then, and its robust cost.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.reconstructors.rgbd_fit.crop_labels import BACKGROUND
from hand_object_recon.reconstructors.rgbd_fit.hand_arrays import HandArrays, PosedArrays
from hand_object_recon.reconstructors.rgbd_fit.motion_rows import (
    Pulls,
    add_landmarks,
    add_vertices,
    room_for_pulls,
)
from hand_object_recon.reconstructors.rgbd_fit.nearest_vertices import nearest_vertices
from hand_object_recon.reconstructors.rgbd_fit.observation import ObservationArrays

FloatArray = NDArray[np.floating[Any]]

_NEAREST_HAND_M: Final = 0.05  # points of the model are never projected from nearer


@compiled
def add_observed(
    hand: HandArrays,
    posed: PosedArrays,
    seen: ObservationArrays,
    shape_motion: FloatArray,
    sums: FloatArray,
) -> float:
    """All terms of an observation."""
    on_landmarks = room_for_pulls(2 * len(seen.keypoints_px) + 3 * len(seen.targets_m))
    count, cost = reprojection_pulls(posed, seen, on_landmarks, 0)
    count, target_cost = target_pulls(posed, seen, on_landmarks, count)
    add_landmarks(hand, posed, shape_motion, on_landmarks, count, sums)
    on_vertices = room_for_pulls(len(seen.points_m) + len(posed.vertices_m))
    count, surface_cost = surface_pulls(hand, posed, seen, on_vertices, 0)
    count, image_cost = image_pulls(hand, posed, seen, on_vertices, count)
    add_vertices(hand, posed, shape_motion, on_vertices, count, sums)
    return cost + target_cost + surface_cost + image_cost


@compiled
def reprojection_pulls(
    posed: PosedArrays, seen: ObservationArrays, pulls: Pulls, count: int
) -> tuple[int, float]:
    """Landmarks against keypoints in the image."""
    settings = seen.settings
    landmarks, keypoints, sigma = posed.landmarks_m, seen.keypoints_px, seen.keypoint_sigma_m
    fx, fy, cx, cy = seen.camera
    distance = max(np.mean(landmarks[:, 2]), _NEAREST_HAND_M)
    total = 0.0
    for landmark in range(len(keypoints)):
        z = max(landmarks[landmark, 2], _NEAREST_HAND_M)
        x, y = landmarks[landmark, 0] / z, landmarks[landmark, 1] / z
        sigma_ray = sigma[landmark] / distance
        u = (x - (keypoints[landmark, 0] - cx) / fx) / sigma_ray
        v = (y - (keypoints[landmark, 1] - cy) / fy) / sigma_ray
        weight, cost = _geman_mcclure(u * u + v * v, settings.landmark_reach)
        scale = 1.0 / (z * sigma_ray)
        _set_pull(pulls, count, landmark, scale, 0.0, -x * scale, u, weight)
        _set_pull(pulls, count + 1, landmark, 0.0, scale, -y * scale, v, weight)
        count += 2
        total += cost
    return count, total


@compiled
def target_pulls(
    posed: PosedArrays, seen: ObservationArrays, pulls: Pulls, count: int
) -> tuple[int, float]:
    """Landmarks against points in space."""
    settings = seen.settings
    landmarks, targets, sigma = posed.landmarks_m, seen.targets_m, seen.target_sigma_m
    total = 0.0
    for landmark in range(len(targets)):
        scale = 1.0 / sigma[landmark]
        x = scale * (landmarks[landmark, 0] - targets[landmark, 0])
        y = scale * (landmarks[landmark, 1] - targets[landmark, 1])
        z = scale * (landmarks[landmark, 2] - targets[landmark, 2])
        weight, cost = _geman_mcclure(x * x + y * y + z * z, settings.landmark_reach)
        _set_pull(pulls, count, landmark, scale, 0.0, 0.0, x, weight)
        _set_pull(pulls, count + 1, landmark, 0.0, scale, 0.0, y, weight)
        _set_pull(pulls, count + 2, landmark, 0.0, 0.0, scale, z, weight)
        count += 3
        total += cost
    return count, total


@compiled
def surface_pulls(
    hand: HandArrays, posed: PosedArrays, seen: ObservationArrays, pulls: Pulls, count: int
) -> tuple[int, float]:
    """Distance of each depth point to the plane of the vertex it most likely shows.

    The plane stands across the mean of the normals of point and vertex: the chord between two
    points of a round surface lies in it, so that a curved finger is not taken for a flat one.
    """
    settings = seen.settings
    vertices, normals = posed.vertices_m, posed.normals
    points, point_normals = seen.points_m, seen.point_normals
    share = settings.independent_points / max(len(points), 1)
    # of the points, not of the hand: else a hand far behind them costs less than one among them
    distance_m = float(np.mean(points[:, 2])) if len(points) else 0.0
    sigma_m = math.hypot(settings.surface_sigma_m, settings.noise_m * distance_m**2)
    ceiling = (settings.surface_robust_m / sigma_m) ** 2
    nearest = np.empty(len(points), dtype=np.int64)
    nearest_vertices(vertices, normals, hand.is_hand, points, point_normals, nearest)
    total = 0.0
    for point in range(len(points)):
        vertex = nearest[point]
        if vertex < 0:
            total += ceiling
            continue
        x = vertices[vertex, 0] - points[point, 0]
        y = vertices[vertex, 1] - points[point, 1]
        z = vertices[vertex, 2] - points[point, 2]
        agreement = (
            normals[vertex, 0] * point_normals[point, 0]
            + normals[vertex, 1] * point_normals[point, 1]
            + normals[vertex, 2] * point_normals[point, 2]
        )
        squared = x * x + y * y + z * z
        if agreement <= settings.least_agreement or squared >= settings.surface_reject_m**2:
            total += ceiling
            continue
        nx = normals[vertex, 0] + point_normals[point, 0]
        ny = normals[vertex, 1] + point_normals[point, 1]
        nz = normals[vertex, 2] + point_normals[point, 2]
        scale = 1.0 / (sigma_m * math.sqrt(nx * nx + ny * ny + nz * nz))
        nx, ny, nz = scale * nx, scale * ny, scale * nz
        distance = nx * x + ny * y + nz * z
        weight, cost = _geman_mcclure(squared / settings.surface_robust_m**2, 1.0)
        total += max(0.5 * min(distance * distance, ceiling), cost * ceiling)
        _set_pull(pulls, count, vertex, nx, ny, nz, distance, share * weight)
        count += 1
    return count, share * total


@compiled
def image_pulls(
    hand: HandArrays, posed: PosedArrays, seen: ObservationArrays, pulls: Pulls, count: int
) -> tuple[int, float]:
    """Vertices beside the hand's outline are drawn back into it; vertices in front of what the
    camera measured there are pushed back."""
    settings = seen.settings
    vertices, is_hand = posed.vertices_m, hand.is_hand
    label, depth, outline_label, outline_px = (
        seen.label,
        seen.depth_m,
        seen.outline_label,
        seen.outline_px,
    )
    height, width = label.shape
    fx, fy, cx, cy = seen.camera
    first_column, first_row, step = seen.cells
    total = 0.0
    for vertex in range(len(vertices) if height else 0):
        if not is_hand[vertex]:
            continue
        z = max(vertices[vertex, 2], _NEAREST_HAND_M)
        x, y = vertices[vertex, 0] / z, vertices[vertex, 1] / z
        u, v = fx * x + cx, fy * y + cy
        column = math.floor((u - first_column) / step + 0.5)
        row = math.floor((v - first_row) / step + 0.5)
        if not (0 <= column < width and 0 <= row < height):
            continue
        if label[row, column] == BACKGROUND:
            outline = outline_label[row, column]
            gap_u, gap_v = u - outline_px[outline, 0], v - outline_px[outline, 1]
            length = math.sqrt(gap_u * gap_u + gap_v * gap_v) + 1e-6
            residual = (length - settings.outline_margin_px) / settings.silhouette_sigma_px
            if residual <= 0.0:
                continue
            scale = 1.0 / (z * settings.silhouette_sigma_px * length)
            nx, ny = scale * fx * gap_u, scale * fy * gap_v
            nz = -(nx * x + ny * y)
            share, reach = settings.silhouette_share, settings.silhouette_reach
        else:
            ahead = depth[row, column] - z - settings.free_space_margin_m
            if not ahead > 0.0:  # also where nothing was measured (NaN)
                continue
            residual = -ahead / settings.free_space_sigma_m
            nx, ny, nz = 0.0, 0.0, 1.0 / settings.free_space_sigma_m
            share, reach = settings.free_space_share, settings.free_space_reach
        weight, cost = _geman_mcclure(residual * residual, reach)
        _set_pull(pulls, count, vertex, nx, ny, nz, residual, share * weight)
        count += 1
        total += share * cost
    return count, total


@compiled
def _set_pull(
    pulls: Pulls,
    number: int,
    point: int,
    x: float,
    y: float,
    z: float,
    residual: float,
    weight: float,
) -> None:
    pulls.points[number] = point
    pulls.directions[number, 0] = x
    pulls.directions[number, 1] = y
    pulls.directions[number, 2] = z
    pulls.residuals[number] = residual
    pulls.weights[number] = weight


@compiled
def _geman_mcclure(squared: float, reach: float) -> tuple[float, float]:
    """Weight and cost of a squared residual; the cost levels off at ``reach`` squared."""
    ratio = 1.0 / (1.0 + squared / (reach * reach))
    return ratio * ratio, squared * ratio
