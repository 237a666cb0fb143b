"""What one frame shows of a hand and what is expected of it, as the compiled kernels take it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating[Any]]


class TermSettings(NamedTuple):
    """How the terms of the fit weigh.

    landmark_reach, silhouette_reach, free_space_reach
        Robust: deviations at which the cost of a residual levels off.
    surface_sigma_m, noise_m, surface_robust_m
        How far the model's surface is from the hand's, a depth reading's noise at one metre,
        which grows with the square of the distance, and where a point's pull fades.
    independent_points
        How many independent observations all depth points together count for at most; their
        number itself says nothing, because neighbouring points agree.
    surface_reject_m, least_agreement
        Points farther off, or whose normal agrees less, belong to something else.
    silhouette_sigma_px, silhouette_share, outline_margin_px
        Vertices beside the outline: deviation, weight of each, and what is not held against them.
    free_space_sigma_m, free_space_share, free_space_margin_m
        The same of vertices in front of what the camera measured.
    """

    landmark_reach: float = 3.0
    surface_sigma_m: float = 0.002
    noise_m: float = 0.003
    surface_robust_m: float = 0.008
    independent_points: float = 300.0
    surface_reject_m: float = 0.03
    least_agreement: float = 0.2
    silhouette_sigma_px: float = 2.0
    silhouette_share: float = 1.0
    silhouette_reach: float = 8.0
    outline_margin_px: float = 2.0
    free_space_sigma_m: float = 0.004
    free_space_share: float = 0.05
    free_space_reach: float = 5.0
    free_space_margin_m: float = 0.004


class ObservationArrays(NamedTuple):
    """What a frame shows; any part may be empty (length zero).

    camera (4,) float64: fx, fy, cx, cy.
    keypoints_px (K, 2), keypoint_sigma_m (K,) float64
        Landmarks in the image, and their deviation at the hand.
    targets_m (K, 3), target_sigma_m (K,) float64
        Landmarks in space.
    points_m (N, 3), point_normals (N, 3) float32
        Depth points of the hand.
    label (h, w) uint8, depth_m (h, w) float32
        What each cell of the crop shows (``crop_labels``) and its reading, NaN where none.
    outline_label (h, w) int32, outline_px (L, 2) float32
        For each cell the number of the nearest cell that is not background, and where it is.
    cells (3,) int64
        Column and row of the crop in the image, and the pixels to a cell's side.
    settings
        How all this weighs.
    """

    camera: NDArray[np.float64]
    keypoints_px: NDArray[np.float64]
    keypoint_sigma_m: NDArray[np.float64]
    targets_m: NDArray[np.float64]
    target_sigma_m: NDArray[np.float64]
    points_m: NDArray[np.float32]
    point_normals: NDArray[np.float32]
    label: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    outline_label: NDArray[np.int32]
    outline_px: NDArray[np.float32]
    cells: NDArray[np.int64]
    settings: TermSettings


class ExpectationArrays(NamedTuple):
    """What is expected of a hand before it is looked at, all float64.

    pose_mean_rad (45,), pose_precision (45, 45), lowest_rad (45,), highest_rad (45,)
        Usual poses and the joint limits.
    orientation (3, 3), wrist_m (3,), angles_rad (45,), information (51,)
        Where the hand's motion leads, and how surely along each parameter; zero is not at all.
    shape_mean (10,), shape_information (10, 10)
    """

    pose_mean_rad: NDArray[np.float64]
    pose_precision: NDArray[np.float64]
    lowest_rad: NDArray[np.float64]
    highest_rad: NDArray[np.float64]
    orientation: NDArray[np.float64]
    wrist_m: NDArray[np.float64]
    angles_rad: NDArray[np.float64]
    information: NDArray[np.float64]
    shape_mean: NDArray[np.float64]
    shape_information: NDArray[np.float64]
