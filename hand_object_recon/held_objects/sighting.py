"""An object that has a model, found in a scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import matrix_to_axis_angle
from hand_object_recon.held_objects.object_labels import (
    LEAST_POINTS,
    LabelledObject,
    label_known_object,
    label_new_object,
)
from hand_object_recon.held_objects.object_shape import Body
from hand_object_recon.held_objects.part_columns import PartColumn
from hand_object_recon.held_objects.scene_parts import SceneParts
from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.registration import (
    MotionPrior,
    Registration,
    register,
)
from hand_object_recon.object_model.relocation import relocate

Mask = NDArray[np.bool_]
Pose = NDArray[np.float64]

_LEAST_INLIERS: Final = 0.7
_CLEAR_INLIERS: Final = 0.9
_LEAST_CLEAR_POINTS: Final = 20
_CLEAR_SHARE: Final = 0.95
_BETTER_BY: Final = 1.03
_LARGEST_RESIDUAL_M: Final = 0.003
_LEAST_NEW_PX: Final = 150
_MOST_KNOWN_SHARE: Final = 0.35
_GUESSED_TRUST: Final = 0.5
_FOUND_WITHIN_RAD: Final = 0.9
_FOUND_WITHIN_M: Final = 0.06
_TOUCHING_M: Final = 0.015
_TOUCHING_M2: Final = 1.0e-5
_IN_GRASP_M2: Final = 3.0e-5
_FASTENED: Final = 0.02


class Expectation(NamedTuple):
    """Where an object may be, (4, 4) camera from object, and how far from there."""

    pose: Pose
    prior: MotionPrior


@dataclass(frozen=True, eq=False)
class Sighting:
    """What a scene shows of an object, and its pose there."""

    parts: SceneParts
    seen: LabelledObject
    registration: Registration

    def touching(self) -> frozenset[int]:
        """Track ids of the hands that are at the object's pixels."""
        labels = self.parts.labels
        near = self.seen.mask & (labels.gaps_m < _TOUCHING_M)
        camera = labels.crop.camera
        pixel_m2 = float(self.registration.pivot_m[2]) ** 2 / (camera.fx * camera.fy)
        counts = np.bincount(labels.owner[near] + 1, minlength=len(labels.hands) + 1)[1:]
        return frozenset(
            hand.hand.track_id
            for hand, count in zip(labels.hands, counts, strict=True)
            if count * pixel_m2 > _TOUCHING_M2
        )

    def in_grasp_of(self) -> frozenset[int]:
        """Track ids of the hands that have the object where a hand holds things, whether its
        pixels there are near their skin or hidden by fingers."""
        hands = self.parts.labels.hands
        own = self.seen.parts
        return frozenset(
            hand.hand.track_id
            for hand in hands
            if self.parts.in_grasp_m2(hand)[own].sum() > _IN_GRASP_M2
        )

    def is_supported(self) -> bool:
        """Whether background goes on from it without a gap, as where it stands on a table."""
        own = self.parts.measures[self.seen.parts]
        return bool((own[:, PartColumn.FASTENED] > _FASTENED).any())


def sight(parts: SceneParts, body: Body, expectations: Sequence[Expectation]) -> Sighting | None:
    """The object where an expectation explains the scene well, or else the one that explains it
    best; None if none does."""
    best: Sighting | None = None
    for expected in expectations:
        seen = label_known_object(parts, body.grid, expected.pose)
        if seen is None:
            continue
        found = _registered(seen, body, expected)
        if _is_trustworthy(found) and (best is None or _is_better(found, best.registration)):
            best = Sighting(parts, seen, found)
            if min(found.inlier_share, found.known_share) >= _CLEAR_SHARE:
                break
    return best


def search(
    parts: SceneParts, body: Body, mask: Mask, expectations: Sequence[Expectation]
) -> Sighting | None:
    """A lost object in pixels (h, w) that may show it; None if they do not."""
    candidate = label_new_object(parts, mask)
    if len(candidate.view.points_m) < LEAST_POINTS:
        return None
    hints = [expected.pose for expected in expectations]
    found = relocate(candidate.view, body.grid, hints)
    if found is None or not any(_is_near(found.pose, hint) for hint in hints):
        return None
    return sight(parts, body, [Expectation(found.pose, MotionPrior())])


def sight_new_side(
    parts: SceneParts, body: Body, mask: Mask, expected: Expectation
) -> Sighting | None:
    """An object turned in a hand until hardly anything known of it is in view.

    It is taken to be where it is expected, if what pixels (h, w) of the hand's content show lies
    there and is for the most part new to the model; None otherwise.
    """
    mask = mask & _is_in_box(parts, body.grid, expected.pose)
    if np.count_nonzero(mask) < _LEAST_NEW_PX:
        return None
    seen = label_new_object(parts, mask)
    found = _registered(seen, body, expected)
    if found.known_share > _MOST_KNOWN_SHARE or found.observations < LEAST_POINTS:
        return None
    return Sighting(parts, seen, replace(found, pose=expected.pose, inlier_share=_GUESSED_TRUST))


def _registered(seen: LabelledObject, body: Body, expected: Expectation) -> Registration:
    return register(seen.view, body.grid, expected.pose, expected.prior, is_whole=body.is_whole)


def _is_better(found: Registration, other: Registration) -> bool:
    """Whether clearly more points are on the surface than with a likelier expectation."""
    on, other_on = (one.observations * one.known_share * one.inlier_share for one in (found, other))
    return on > _BETTER_BY * other_on


def _is_near(pose: Pose, expected: Pose) -> bool:
    """Whether a pose may be meant by an expectation; a body looks much alike from its back."""
    turn = np.asarray(matrix_to_axis_angle(pose[:3, :3] @ expected[:3, :3].T))
    shift = pose[:3, 3] - expected[:3, 3]
    return bool(
        np.linalg.norm(turn) < _FOUND_WITHIN_RAD and np.linalg.norm(shift) < _FOUND_WITHIN_M
    )


def _is_in_box(parts: SceneParts, grid: DistanceGrid, pose: Pose) -> Mask:
    """(h, w) pixels whose points lie in a grid's box at a pose."""
    depth = parts.labels.crop.depth_m
    height, width = depth.shape
    fx, fy, cx, cy = parts.intrinsics
    x = (np.arange(width) - cx) / fx * depth
    y = (np.arange(height)[:, None] - cy) / fy * depth
    points = np.stack([x, y, depth], axis=-1) - pose[:3, 3]
    inside = points @ pose[:3, :3] - grid.origin_m
    size = (np.array(grid.values.shape) - 1) * grid.voxel_m
    return np.asarray(((inside >= 0) & (inside <= size)).all(axis=-1))


def _is_trustworthy(found: Registration) -> bool:
    """Whether a registration holds, also where much of what is seen is new."""
    known = found.observations * found.known_share
    is_clear = found.inlier_share >= _CLEAR_INLIERS
    return (
        known >= (_LEAST_CLEAR_POINTS if is_clear else LEAST_POINTS)
        and found.inlier_share >= _LEAST_INLIERS
        and found.residual_m <= _LARGEST_RESIDUAL_M
    )
