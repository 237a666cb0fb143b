"""What of true hands can be seen, from their meshes, the objects' and the data set's mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hand_object_recon.core.annotation import (
    FINGER_COUNT,
    HandAnnotation,
    MaskLabel,
    ObjectAnnotation,
)
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.objects import HandPart
from hand_object_recon.datasets.choice import FingerRule
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.vertex_labels import vertex_labels
from hand_object_recon.visualization.mesh_raster import rasterize

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]

_LEAST_VISIBLE_VERTICES: Final = 30  # of a finger by H2ONet's code
_MOST_HIDDEN_VERTICES: Final = 50  # by its paper, section 3.2
_SURFACE_TOLERANCE_M: Final = 0.004
_FINGER_RADIUS_M: Final = 0.02
_HELD_WITHIN_M: Final = 0.005
_HAND_LABELS: Final = {
    HandSide.LEFT: MaskLabel.LEFT_HAND,
    HandSide.RIGHT: MaskLabel.RIGHT_HAND,
}


def with_visibility(
    hands: Sequence[tuple[HandAnnotation, HandModel | None]],
    objects: Sequence[ObjectAnnotation],
    mask: NDArray[np.uint8] | None,
    camera: CameraIntrinsics,
    rule: FingerRule,
) -> tuple[HandAnnotation, ...]:
    """The hands with ``joint_visible``, ``finger_occluded`` and ``visible_share``.

    All meshes are drawn into one depth image; where the data set has a mask, a pixel shows the
    hand only if the mask says so, too. Rules and tolerances are those of the synthetic frames
    (docs/synthetic_scenes.md). Without meshes of all hands nothing is said.
    """
    drawn = _drawn(hands, objects, camera)
    if drawn is None:
        return tuple(hand for hand, _ in hands)
    return _all_seen(hands, drawn, mask, rule)


def with_drawn_mask(
    hands: Sequence[tuple[HandAnnotation, HandModel | None]],
    objects: Sequence[ObjectAnnotation],
    camera: CameraIntrinsics,
    rule: FingerRule,
) -> tuple[tuple[HandAnnotation, ...], NDArray[np.uint8] | None]:
    """The hands as ``with_visibility`` gives them, and the mask that their meshes and the objects'
    make, for a data set without masks; no mask without meshes of all hands."""
    drawn = _drawn(hands, objects, camera)
    if drawn is None:
        return tuple(hand for hand, _ in hands), None
    labels = [_HAND_LABELS[hand.side] for hand, _ in hands]
    labels += [MaskLabel.OBJECT] * len(objects)
    mask = np.full((camera.height, camera.width), MaskLabel.BACKGROUND, dtype=np.uint8)
    for body, label in enumerate(labels):
        mask[drawn.shows(body)] = label
    return _all_seen(hands, drawn, None, rule), mask


def holders(hands: Sequence[HandAnnotation], vertices_m: FloatArray) -> frozenset[HandSide] | None:
    """Sides of the hands nearer than 5 mm to an object's vertices (V, 3), gSDF's rule for which
    frames of DexYCB show a grasp; None where a hand has no mesh."""
    if any(hand.vertices_m is None for hand in hands):
        return None
    tree = cKDTree(vertices_m)
    near = {
        hand.side
        for hand in hands
        if tree.query(hand.vertices_m, distance_upper_bound=_HELD_WITHIN_M)[0].min()
        < _HELD_WITHIN_M
    }
    return frozenset(near)


def in_camera_m(thing: ObjectAnnotation) -> FloatArray:
    """(V, 3) vertices of an object in the camera optical frame."""
    return np.asarray(thing.vertices_m @ thing.pose[:3, :3].T + thing.pose[:3, 3])


@dataclass(frozen=True)
class _Drawn:
    """alone_m: (H, W) depth of each body by itself, infinite where it is not."""

    alone_m: list[NDArray[np.float32]]
    camera: CameraIntrinsics

    def shows(self, body: int) -> Mask:
        """(H, W) pixels in which nothing is before the body."""
        alone = self.alone_m[body]
        return np.asarray(np.isfinite(alone) & (alone <= np.minimum.reduce(self.alone_m)))

    def is_seen(self, points_m: FloatArray, body: int, shown: Mask, behind_m: float) -> Mask:
        """(N,) points whose pixel shows the body, and which are hardly behind it."""
        places = np.nan_to_num(project(points_m, self.camera), nan=-1.0).clip(-1.0, 1e6)
        columns, rows = np.rint(places).astype(np.intp).T
        is_inside = (columns >= 0) & (columns < self.camera.width)
        is_inside &= (rows >= 0) & (rows < self.camera.height)
        rows, columns = np.where(is_inside, rows, 0), np.where(is_inside, columns, 0)
        is_near = points_m[:, 2] <= self.alone_m[body][rows, columns] + behind_m
        return np.asarray(is_inside & shown[rows, columns] & is_near)


def _drawn(
    hands: Sequence[tuple[HandAnnotation, HandModel | None]],
    objects: Sequence[ObjectAnnotation],
    camera: CameraIntrinsics,
) -> _Drawn | None:
    """Hands and objects in their order; None where a hand has no mesh."""
    bodies: list[tuple[FloatArray, NDArray[np.int32]]] = [
        (hand.vertices_m, model.faces)
        for hand, model in hands
        if hand.vertices_m is not None and model is not None
    ]
    if len(bodies) < len(hands):
        return None
    bodies += [(in_camera_m(thing), thing.faces) for thing in objects]
    return _Drawn([_depth_m(vertices, faces, camera) for vertices, faces in bodies], camera)


def _all_seen(
    hands: Sequence[tuple[HandAnnotation, HandModel | None]],
    drawn: _Drawn,
    mask: NDArray[np.uint8] | None,
    rule: FingerRule,
) -> tuple[HandAnnotation, ...]:
    return tuple(
        _seen(hand, model, number, drawn, mask, rule)
        for number, (hand, model) in enumerate(hands)
        if model is not None
    )


def _seen(
    hand: HandAnnotation,
    model: HandModel,
    body: int,
    drawn: _Drawn,
    mask: NDArray[np.uint8] | None,
    rule: FingerRule,
) -> HandAnnotation:
    shown = drawn.shows(body)
    if mask is not None:
        shown &= mask == _HAND_LABELS[hand.side]
    vertices = np.asarray(hand.vertices_m)
    is_seen = drawn.is_seen(vertices, body, shown, _SURFACE_TOLERANCE_M)
    parts = vertex_labels(model).part
    visible, hidden = _by_finger(parts[is_seen]), _by_finger(parts[~is_seen])
    is_occluded = visible < _LEAST_VISIBLE_VERTICES
    if rule == "paper":
        is_occluded = hidden > _MOST_HIDDEN_VERTICES
    covered = int(np.isfinite(drawn.alone_m[body]).sum())
    return replace(
        hand,
        joint_visible=drawn.is_seen(hand.joints_m, body, shown, _FINGER_RADIUS_M),
        finger_occluded=is_occluded,
        visible_share=int(shown.sum()) / covered if covered else 0.0,
    )


def _by_finger(parts: NDArray[np.integer[Any]]) -> NDArray[np.intp]:
    """(5,) how many vertices belong to each finger."""
    return np.bincount(parts, minlength=len(HandPart))[:FINGER_COUNT]


def _depth_m(
    vertices_m: FloatArray, faces: NDArray[np.int32], camera: CameraIntrinsics
) -> NDArray[np.float32]:
    """(H, W) depth of a mesh. What is linear over a picture's triangle is not the distance but
    one over it."""
    points = np.asarray(vertices_m, dtype=np.float64)
    is_before = points[:, 2] > 0.0
    pixels = np.where(is_before[:, None], project(points, camera), 0.0)
    nearness = np.where(is_before, -1.0 / np.maximum(points[:, 2], 1e-6), 0.0)
    whole = faces[is_before[faces].all(axis=1)]
    shape = (camera.height, camera.width)
    drawn = rasterize(np.column_stack([pixels, nearness]), whole, shape).depth
    return np.where(np.isfinite(drawn), -1.0 / np.minimum(drawn, -1e-6), np.inf).astype(np.float32)
