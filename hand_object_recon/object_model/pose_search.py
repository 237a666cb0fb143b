"""The search for a body's pose in a view without knowing where it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import quaternion_to_matrix
from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.view_arrays import ViewArrays

Poses = NDArray[np.float64]

_SEARCH_POINTS: Final = 48
_BODY_POINTS: Final = 240
_COARSE_STEPS: Final = 3
_FINE_STEPS: Final = 10
_REFINED: Final = 4
_WIDE: Final = np.repeat([0.5**-2.0, 0.05**-2.0], 3)
# two roots of which no small powers agree, so that the spirals cover evenly
_FIRST_SPIRAL: Final = 1.0 / np.sqrt(2.0)
_SECOND_SPIRAL: Final = 1.0 / 1.533751168755204288118041


@dataclass(frozen=True, eq=False)
class SearchableBody:
    """A body's distances with points (M, 3) spread over its surface and their normals."""

    grid: DistanceGrid
    points_m: NDArray[np.float32]
    normals: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FoundPose:
    """A pose (4, 4), camera from body, and how well it fits.

    score
        1 when all points of the view lie on the body and the view sees through no part of it;
        what misses the surface or is seen through takes away from that.
    """

    pose: Poses
    score: float


def searchable(grid: DistanceGrid) -> SearchableBody:
    """What a search needs to know of a body."""
    from hand_object_recon.object_model.surface_points import surface_points

    points, normals = surface_points(grid.values, grid.origin_m, grid.voxel_m, _BODY_POINTS)
    return SearchableBody(grid, points, normals)


def best_start(body: SearchableBody, view: ViewArrays, starts: Poses) -> FoundPose:
    """The best pose reached from poses (P, 4, 4) near the true one."""
    poses, scores = _searched(body, view, starts, _FINE_STEPS)
    best = int(np.argmax(scores))
    return FoundPose(poses[best], float(scores[best]))


def search_pose(body: SearchableBody, view: ViewArrays, rotations: Poses) -> FoundPose:
    """The best pose of a body, each of the rotations (R, 3, 3) tried where the view's points are.

    All are aligned to few points in few steps, then the best of them to all points.
    """
    from hand_object_recon.object_model.pose_search_kernels import placed_over

    few = _thinned(view)
    starts = placed_over(body.points_m, body.normals, rotations, view.points_m)
    poses, scores = _searched(body, few, starts, _COARSE_STEPS)
    return best_start(body, view, poses[np.argsort(-scores)[:_REFINED]])


def rotation_cover(count: int) -> Poses:
    """(count, 3, 3) rotations spread evenly over all there are.

    Super-Fibonacci spirals (Alexa, CVPR 2022).
    """
    place = np.arange(count) + 0.5
    share = place / count
    first, second = 2.0 * np.pi * place * _FIRST_SPIRAL, 2.0 * np.pi * place * _SECOND_SPIRAL
    inner, outer = np.sqrt(share), np.sqrt(1.0 - share)
    quaternions = np.stack(
        [
            inner * np.sin(first),
            inner * np.cos(first),
            outer * np.sin(second),
            outer * np.cos(second),
        ],
        axis=1,
    )
    return np.ascontiguousarray(quaternion_to_matrix(quaternions))


def _searched(
    body: SearchableBody, view: ViewArrays, starts: Poses, steps: int
) -> tuple[Poses, NDArray[np.float64]]:
    from hand_object_recon.object_model.pose_search_kernels import search

    return search(
        body.grid.values,
        body.grid.origin_m,
        body.grid.voxel_m,
        body.points_m,
        body.normals,
        *view,
        np.ascontiguousarray(starts, dtype=np.float64),
        _WIDE,
        steps,
    )


def _thinned(view: ViewArrays) -> ViewArrays:
    step = max(1, len(view.points_m) // _SEARCH_POINTS)
    points, normals, greys = view.points_m[::step], view.normals[::step], view.greys[::step]
    return view._replace(points_m=_plain(points), normals=_plain(normals), greys=_plain(greys))


def _plain(array: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, dtype=np.float32)
