"""The terms of the fit: what each observation asks of the model.

A residual is what remains of an observation divided by its standard deviation, so that terms
add up; a robust weight below one takes the pull out of observations that do not belong
(Geman-McClure: the cost levels off).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.pose_differential import AttachedPoints, PosedLinearHand
from hand_object_recon.reconstructors.rgbd_fit.hand_points import HandPoints

FloatArray = NDArray[np.floating[Any]]
IndexArray = NDArray[np.integer[Any]]

NEAREST_HAND_M: Final = 0.05
"""Points of the model are never projected from nearer than this."""


@dataclass(frozen=True, eq=False)
class VertexPulls:
    """Residuals whose derivative is a vertex's motion along a direction.

    vertices (N,), directions (N, 3), residuals (N,), robust weights (N,), and the robust cost.
    """

    vertices: IndexArray
    directions: FloatArray
    residuals: FloatArray
    weights: FloatArray
    cost: float


NO_PULLS: Final = VertexPulls(
    np.empty(0, dtype=np.intp),
    np.empty((0, 3), dtype=np.float32),
    np.empty(0),
    np.empty(0),
    0.0,
)


@dataclass(frozen=True, eq=False)
class LandmarkPulls:
    """The same for landmarks: directions (D, 21, 3), residuals and weights (D, 21)."""

    directions: FloatArray
    residuals: FloatArray
    weights: FloatArray
    cost: float


def reprojection_pulls(
    hand: PosedLinearHand,
    landmarks: AttachedPoints,
    keypoints_px: FloatArray,
    sigma_m: FloatArray,
    camera: CameraIntrinsics,
) -> LandmarkPulls:
    """Landmarks against (21, 2) keypoints; ``sigma_m`` (21,) is their deviation at the hand."""
    points = hand.attached(landmarks)
    z = np.maximum(points[:, 2], NEAREST_HAND_M)
    x, y = points[:, 0] / z, points[:, 1] / z
    sigma_ray = sigma_m / float(np.median(z))
    u = (x - (keypoints_px[:, 0] - camera.cx) / camera.fx) / sigma_ray
    v = (y - (keypoints_px[:, 1] - camera.cy) / camera.fy) / sigma_ray
    scale = 1.0 / (z * sigma_ray)
    directions = np.zeros((2, len(z), 3), dtype=np.float32)
    directions[0, :, 0], directions[0, :, 2] = scale, -x * scale
    directions[1, :, 1], directions[1, :, 2] = scale, -y * scale
    weights, costs = _geman_mcclure(u * u + v * v, _LANDMARK_REACH)
    return LandmarkPulls(
        directions, np.stack([u, v]), np.stack([weights, weights]), float(costs.sum())
    )


def target_pulls(
    hand: PosedLinearHand, landmarks: AttachedPoints, targets_m: FloatArray, sigma_m: FloatArray
) -> LandmarkPulls:
    """Landmarks against (21, 3) points in space with (21,) deviations."""
    offsets = (hand.attached(landmarks) - targets_m) / sigma_m[:, None]
    directions = np.zeros((3, len(offsets), 3), dtype=np.float32)
    for axis in range(3):
        directions[axis, :, axis] = 1.0 / sigma_m
    weights, costs = _geman_mcclure(np.square(offsets).sum(axis=1), _LANDMARK_REACH)
    return LandmarkPulls(directions, offsets.T, np.tile(weights, (3, 1)), float(costs.sum()))


@dataclass(frozen=True)
class SurfaceSettings:
    """How depth points pull on the surface.

    sigma_m: a point's deviation from the surface. robust_m: distance at which its pull fades.
    independent_points: how many independent observations all of them together count for; their
    number itself says nothing, because neighbouring points agree.
    normal_reach_m: how far apart unlike normals put a point and a vertex. reject_m: points
    farther off belong to something else.
    """

    sigma_m: float
    robust_m: float
    independent_points: float
    normal_reach_m: float = 0.008
    reject_m: float = 0.03
    least_agreement: float = 0.2


def surface_pulls(
    hand: PosedLinearHand,
    is_hand: NDArray[np.bool_],
    points: HandPoints,
    settings: SurfaceSettings,
) -> VertexPulls:
    """Distance of each depth point to the plane of the model vertex it most likely shows.

    ``is_hand`` (778,) leaves out the vertices of the wrist's stub, where the forearm bends.
    """
    vertices, normals = hand.vertices_m, hand.normals
    share = settings.independent_points / len(points.points_m)
    facing = np.flatnonzero((np.einsum("vc,vc->v", normals, vertices) < 0) & is_hand)
    nearest = facing[_nearest(points, vertices[facing], normals[facing], settings)]
    offset = vertices[nearest] - points.points_m
    normal = normals[nearest]
    squared = np.einsum("nc,nc->n", offset, offset)
    agrees = np.einsum("nc,nc->n", normal, points.normals) > settings.least_agreement
    belongs = agrees & (squared < settings.reject_m**2)
    robust, costs = _geman_mcclure(squared / settings.robust_m**2, 1.0)
    distance = np.einsum("nc,nc->n", normal, offset) / settings.sigma_m
    ceiling = (settings.robust_m / settings.sigma_m) ** 2
    point_cost = np.where(belongs, costs, 1.0) * ceiling
    plane_cost = np.minimum(distance * distance, ceiling)
    return VertexPulls(
        nearest,
        normal / np.float32(settings.sigma_m),
        distance,
        share * robust * belongs,
        float(share * np.maximum(0.5 * plane_cost, point_cost).sum()),
    )


class ImagePlacement:
    """Where the model's vertices fall in the crop the depth points were cut from."""

    def __init__(
        self,
        hand: PosedLinearHand,
        is_hand: NDArray[np.bool_],
        points: HandPoints,
        camera: CameraIntrinsics,
    ) -> None:
        vertices = hand.vertices_m
        self.points, self.camera = points, camera
        self.depth_m = np.maximum(vertices[:, 2], NEAREST_HAND_M)
        self.x, self.y = vertices[:, 0] / self.depth_m, vertices[:, 1] / self.depth_m
        self.u = camera.fx * self.x + camera.cx
        self.v = camera.fy * self.y + camera.cy
        height, width = points.mask.shape
        column = np.rint(self.u).astype(np.intp) - points.origin_px[0]
        row = np.rint(self.v).astype(np.intp) - points.origin_px[1]
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        self.inside = np.flatnonzero(inside & is_hand)
        self.row, self.column = row[self.inside], column[self.inside]
        self.on_mask = points.mask[self.row, self.column] > 0


def silhouette_pulls(placement: ImagePlacement, sigma_px: float, share: float) -> VertexPulls:
    """Vertices that fall beside the hand's outline in the image are drawn back into it."""
    off = ~placement.on_mask
    chosen = placement.inside[off]
    nearest = placement.points.outline.nearest(placement.row[off], placement.column[off])
    gap_u, gap_v = placement.u[chosen] - nearest[:, 0], placement.v[chosen] - nearest[:, 1]
    length = np.sqrt(gap_u * gap_u + gap_v * gap_v) + 1e-6
    camera = placement.camera
    along_u, along_v = camera.fx * gap_u / length, camera.fy * gap_v / length
    directions = np.empty((len(chosen), 3), dtype=np.float32)
    directions[:, 0], directions[:, 1] = along_u, along_v
    directions[:, 2] = -(along_u * placement.x[chosen] + along_v * placement.y[chosen])
    directions /= (placement.depth_m[chosen] * sigma_px)[:, None]
    residuals = np.maximum(length - _OUTLINE_MARGIN_PX, 0.0) / sigma_px
    weights, costs = _geman_mcclure(residuals * residuals, _SILHOUETTE_REACH)
    return VertexPulls(chosen, directions, residuals, share * weights, float(share * costs.sum()))


def free_space_pulls(placement: ImagePlacement, sigma_m: float, share: float) -> VertexPulls:
    """Vertices that stand in front of what the camera measured there are pushed back."""
    on = placement.on_mask
    candidates = placement.inside[on]
    measured = placement.points.depth_m[placement.row[on], placement.column[on]]
    ahead = measured - placement.depth_m[candidates] - _FREE_SPACE_MARGIN_M
    is_ahead = ahead > 0  # false where nothing was measured (NaN)
    chosen = candidates[is_ahead]
    residuals = -ahead[is_ahead] / sigma_m
    directions = np.zeros((len(chosen), 3), dtype=np.float32)
    directions[:, 2] = 1.0 / sigma_m
    weights, costs = _geman_mcclure(residuals * residuals, _FREE_SPACE_REACH)
    return VertexPulls(chosen, directions, residuals, share * weights, float(share * costs.sum()))


class PosePrior:
    """How unusual a pose is: its Mahalanobis distance in the model's pose set, and how far it
    leaves the joint limits."""

    def __init__(self, model: HandModel, widening: float, limit_sigma_rad: float) -> None:
        covariance = model.pose_covariance_rad2.astype(np.float64) * widening**2
        covariance += np.eye(len(covariance)) * _LEAST_DEVIATION_RAD**2
        self._precision = np.linalg.inv(covariance)
        self.mean_rad = model.pose_mean_rad.astype(np.float64)
        limits = model.joint_limits_rad.astype(np.float64).reshape(-1, 2)
        self._low, self._high = limits[:, 0], limits[:, 1]
        self._limit_information = 1.0 / limit_sigma_rad**2

    def __call__(self, angles_rad: FloatArray) -> tuple[FloatArray, FloatArray, float]:
        """Normal matrix (45, 45), gradient (45,) and cost over the anatomical angles."""
        offset = angles_rad - self.mean_rad
        beyond = angles_rad - np.clip(angles_rad, self._low, self._high)
        normal = self._precision + np.diag(self._limit_information * (beyond != 0))
        unusual = self._precision @ offset
        gradient = unusual + self._limit_information * beyond
        cost = offset @ unusual + self._limit_information * (beyond @ beyond)
        return normal, gradient, float(cost)


_LANDMARK_REACH: Final = 3.0
_SILHOUETTE_REACH: Final = 4.0
_FREE_SPACE_REACH: Final = 5.0
_OUTLINE_MARGIN_PX: Final = 2.0
_FREE_SPACE_MARGIN_M: Final = 0.004
_LEAST_DEVIATION_RAD: Final = 0.04


def _geman_mcclure(squared: FloatArray, reach: float) -> tuple[FloatArray, FloatArray]:
    """Weights and costs of squared residuals; the cost levels off at ``reach`` squared."""
    ratio = 1.0 / (1.0 + squared / reach**2)
    return ratio * ratio, squared * ratio


def _nearest(
    points: HandPoints, vertices_m: FloatArray, normals: FloatArray, settings: SurfaceSettings
) -> NDArray[np.intp]:
    """For each depth point the vertex closest in position and, scaled, in normal.

    |a - b|^2 less the |a|^2 that all candidates share is one matrix product: (a, 1) . (-2b, b^2).
    """
    reach = np.float32(settings.normal_reach_m)
    target = np.empty((len(vertices_m), 7), dtype=np.float32)
    target[:, :3] = vertices_m - points.middle_m
    target[:, 3:6] = reach * normals
    target[:, 6] = np.einsum("vc,vc->v", target[:, :6], target[:, :6])
    target[:, :6] *= -2.0
    source = np.ones((len(points.points_m), 7), dtype=np.float32)
    source[:, :3] = points.points_m - points.middle_m
    source[:, 3:6] = reach * points.normals
    return np.asarray((source @ target.T).argmin(axis=1))
