"""Where a body is in a view: its distances aligned to the points seen on it, in six degrees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.object_view import ObjectView
from hand_object_recon.object_model.view_arrays import ViewArrays, view_arrays

Pose = NDArray[np.float64]


@dataclass(frozen=True)
class MotionPrior:
    """How far a body may be from where it is expected, the start of its registration.

    Standard deviations along and about each axis of the camera. What the view's points do not
    tell, such as the turn of a ball, stays as it was expected.
    """

    turn_rad: float = 0.05
    shift_m: float = 0.01


@dataclass(frozen=True, eq=False)
class Registration:
    """A body's pose in a view, and how well it explains the points of the view.

    pose
        (4, 4) float64 rigid transform from the body's frame to the camera's optical frame.
    residual_m
        Median distance to the surface of the points of which the body's grid knows a distance;
        infinite where there is none.
    inlier_share
        Share of those that lie within 6 mm of the surface and whose normals agree with it.
    known_share
        Share of all points that lie where the grid knows a distance.
    information
        (6, 6) float64 of the view's points alone: turn about ``pivot_m`` (3, rad) and shift
        (3, m), along the axes of the camera. Its weak directions are those that the motion
        prior decided.
    pivot_m
        (3,) float64 middle of the points in the camera's frame.
    observations
        Number of points.
    """

    pose: Pose
    residual_m: float
    inlier_share: float
    known_share: float
    information: NDArray[np.float64]
    pivot_m: NDArray[np.float64]
    observations: int

    @property
    def is_trustworthy(self) -> bool:
        """Whether the view may be fused into the body at this pose.

        At least 60 points, half of them where the grid knows a distance, three of four of these
        on the surface, and a median distance of at most 2.5 mm.
        """
        return (
            self.observations >= _LEAST_POINTS
            and self.known_share >= _LEAST_KNOWN_SHARE
            and self.inlier_share >= _LEAST_INLIER_SHARE
            and self.residual_m <= _LARGEST_RESIDUAL_M
        )


_LEAST_POINTS: Final = 60
_LEAST_KNOWN_SHARE: Final = 0.5
_LEAST_INLIER_SHARE: Final = 0.75
_LARGEST_RESIDUAL_M: Final = 0.0025


def register(
    view: ObjectView,
    grid: DistanceGrid,
    start: Pose,
    prior: MotionPrior | None = None,
    texture: NDArray[np.float32] | None = None,
    *,
    is_whole: bool = False,
) -> Registration:
    """The pose (4, 4), camera from body, near ``start`` that lays the view's points on the surface.

    Parameters
    ----------
    prior
        How far from ``start`` the body may be; None for anywhere near.
    texture
        (nx, ny, nz) float32 grey levels 0 to 255 of the grid's voxels, NaN where not known; turns
        a body whose shape does not tell its turn. None for no texture.
    is_whole
        The grid knows the whole body, as a known model's does. Then the body must not stick out
        of the object's outline in the image either; a body still being fused ends where it was
        last seen, not where it ends.
    """
    from hand_object_recon.object_model.registration_kernels import align
    from hand_object_recon.object_model.surface_points import surface_points

    seen = view_arrays(view)
    body, body_normals = _NO_POINTS, _NO_POINTS
    if is_whole:
        body, body_normals = surface_points(
            grid.values, grid.origin_m, grid.voxel_m, _MOST_BODY_POINTS
        )
    pose, information, pivot = align(
        grid.values,
        _NO_TEXTURE if texture is None else np.require(texture, np.float32, ["C", "W"]),
        grid.origin_m,
        grid.voxel_m,
        seen.points_m,
        seen.normals,
        seen.greys,
        body,
        body_normals,
        seen.beyond_px,
        seen.camera,
        np.array(start, dtype=np.float64),
        _inverse_variances(prior or _NEAR),
        _ITERATIONS,
    )
    return _judged(grid, seen, pose, information, pivot)


_ITERATIONS: Final = 8
_MOST_BODY_POINTS: Final = 600
_NEAR: Final = MotionPrior(turn_rad=0.3, shift_m=0.05)
_INLIER_M: Final = 0.006
_NO_POINTS: Final[NDArray[np.float32]] = np.zeros((0, 3), dtype=np.float32)
_NO_TEXTURE: Final = np.zeros((0, 0, 0), dtype=np.float32)


def _judged(
    grid: DistanceGrid,
    seen: ViewArrays,
    pose: Pose,
    information: NDArray[np.float64],
    pivot: NDArray[np.float64],
) -> Registration:
    from hand_object_recon.object_model.registration_kernels import LEAST_AGREEMENT, distances_at

    distances, agreements = distances_at(
        grid.values, grid.origin_m, grid.voxel_m, seen.points_m, seen.normals, pose
    )
    is_known = ~np.isnan(distances)
    known = np.abs(distances[is_known])
    is_on = (known < _INLIER_M) & (agreements[is_known] > LEAST_AGREEMENT)
    return Registration(
        pose=pose,
        residual_m=float(np.median(known)) if len(known) else np.inf,
        inlier_share=float(is_on.mean()) if len(known) else 0.0,
        known_share=float(is_known.mean()) if len(is_known) else 0.0,
        information=information,
        pivot_m=pivot,
        observations=len(is_known),
    )


def _inverse_variances(prior: MotionPrior) -> NDArray[np.float64]:
    return np.repeat([prior.turn_rad**-2.0, prior.shift_m**-2.0], 3)
