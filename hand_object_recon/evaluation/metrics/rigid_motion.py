"""How far an object's motion was followed, whatever frame the estimate is given in."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.validation import require_array
from hand_object_recon.evaluation.metrics.metric_value import FloatArray
from hand_object_recon.evaluation.metrics.surface_mesh import SurfaceMesh
from hand_object_recon.geometry.signed_distance import unsigned_distances


class MotionErrors(NamedTuple):
    """Of each pose against the first one.

    translation_m
        (N,) how far the object's centre is from where it has gone.
    rotation_rad
        (N,) angle between the estimated and the true turn.
    surface_m
        (N,) mean distance of the surface, moved as estimated, to the surface moved as it was:
        like ADD-S, which forgives a turn that leaves the object looking the same.
    """

    translation_m: FloatArray
    rotation_rad: FloatArray
    surface_m: FloatArray


def motion_errors(
    poses: NDArray[Any], true_poses: NDArray[Any], mesh: SurfaceMesh, points_m: NDArray[Any]
) -> MotionErrors:
    """Compare motions since the first of N poses.

    Both are taken as motions of the camera's space, ``pose @ inverse(first pose)``, so that the
    object's own frames need not be the same.

    poses, true_poses
        (N, 4, 4) rigid, from the object's own frames to the camera's.
    mesh, points_m
        The true object in its own frame, and (P, 3) points of its surface.
    """
    estimate = require_array("poses", poses, (None, 4, 4), np.float64, finite=True)
    truth = require_array("true poses", true_poses, estimate.shape, np.float64, finite=True)
    moved = estimate @ np.linalg.inv(estimate[0]) @ truth[0]
    offsets = np.linalg.inv(truth) @ moved
    rotations = offsets[:, :3, :3]
    points = require_array("surface points", points_m, (None, 3), np.float64, finite=True)
    displaced = points @ rotations.transpose(0, 2, 1) + offsets[:, None, :3, 3]
    distances = unsigned_distances(displaced.reshape(-1, 3), mesh.vertices_m, mesh.faces).reshape(
        len(truth), -1
    )
    center = mesh.vertices_m.mean(axis=0)
    shifts = rotations @ center + offsets[:, :3, 3] - center
    return MotionErrors(
        np.linalg.norm(shifts, axis=1), _angles_rad(rotations), distances.mean(axis=1)
    )


def _angles_rad(rotations: FloatArray) -> FloatArray:
    """(N,) angles of (N, 3, 3) rotations, exact near 0 where the arc cosine is not."""
    skew = rotations - rotations.transpose(0, 2, 1)
    sine = 0.5 * np.sqrt(0.5 * np.square(skew).sum(axis=(1, 2)))
    cosine = 0.5 * (np.trace(rotations, axis1=1, axis2=2) - 1.0)
    return np.asarray(np.arctan2(sine, cosine))
