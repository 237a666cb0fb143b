"""Whether a body is still where it is tracked, and the way back when it is not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.object_view import ObjectView
from hand_object_recon.object_model.pose_search import (
    FoundPose,
    SearchableBody,
    best_start,
    rotation_cover,
    search_pose,
    searchable,
)
from hand_object_recon.object_model.registration import Pose, Registration, register
from hand_object_recon.object_model.view_arrays import ViewArrays, view_arrays

_ROTATIONS: Final = 256
_LEAST_SCORE: Final = 0.75
_LARGEST_RESIDUAL_M: Final = 0.004
_LEAST_INLIER_SHARE: Final = 0.5
_MOST_SEEN_THROUGH: Final = 0.45


@dataclass(frozen=True)
class DriftCheck:
    """How well a view agrees with a body at a pose.

    residual_m, inlier_share
        Those of the registration.
    seen_through_share
        Share of the body's known surface that faces the camera and that the view sees through:
        it should be visible there, and what lies behind it is seen instead.
    """

    residual_m: float
    inlier_share: float
    seen_through_share: float

    @property
    def has_drifted(self) -> bool:
        """Whether the body is elsewhere: a median distance above 4 mm, fewer than half of the
        points on its surface, or more than 45 % of its surface seen through."""
        return (
            self.residual_m > _LARGEST_RESIDUAL_M
            or self.inlier_share < _LEAST_INLIER_SHARE
            or self.seen_through_share > _MOST_SEEN_THROUGH
        )


def check_drift(view: ObjectView, grid: DistanceGrid, registration: Registration) -> DriftCheck:
    """Compare a view with a body where it was registered."""
    from hand_object_recon.object_model.pose_search_kernels import share_in_free_space

    body, seen = searchable(grid), view_arrays(view)
    seen_through = share_in_free_space(
        body.points_m,
        body.normals,
        np.array(registration.pose),
        seen.depth_m,
        seen.beyond_px,
        seen.camera,
    )
    return DriftCheck(registration.residual_m, registration.inlier_share, seen_through)


def relocate(view: ObjectView, grid: DistanceGrid, hints: Sequence[Pose]) -> Registration | None:
    """Find a body that was lost; None unless a pose is found that is clearly good.

    hints
        Poses (4, 4), camera from body, it may well be near, such as where the hand that held it
        last would have it. Of a body that looks alike from several sides they decide the turn;
        all other turns are tried only when no hint leads to a good pose.
    """
    body, seen = searchable(grid), view_arrays(view)
    found = _from_hints(body, seen, hints)
    if found is None or found.score < _LEAST_SCORE:
        found = search_pose(body, seen, _all_rotations())
    if found.score < _LEAST_SCORE:
        return None
    registration = register(view, grid, found.pose)
    return registration if registration.is_trustworthy else None


def _from_hints(body: SearchableBody, seen: ViewArrays, hints: Sequence[Pose]) -> FoundPose | None:
    if not hints:
        return None
    return best_start(body, seen, np.stack([np.asarray(hint, np.float64) for hint in hints]))


@cache
def _all_rotations() -> NDArray[np.float64]:
    return rotation_cover(_ROTATIONS)
