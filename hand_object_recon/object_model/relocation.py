"""The way back to a body that is no longer where it was tracked."""

from __future__ import annotations

from collections.abc import Sequence
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
