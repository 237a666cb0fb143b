"""A scene as one object's model needs it: which pixels show it, what they say of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.held_objects.hand_motion import inverse
from hand_object_recon.held_objects.part_columns import PartColumn
from hand_object_recon.held_objects.pixel_kinds import PixelKind
from hand_object_recon.held_objects.scene_labels import SceneLabels
from hand_object_recon.held_objects.scene_parts import SceneParts
from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.object_view import ObjectView, ViewLabel, object_view

FloatArray = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Pose = NDArray[np.float64]

LEAST_POINTS: Final = 40
"""Fewer points on a surface tell too little of an object to model or to follow it."""

_MARGIN_M: Final = 0.03
_LEAST_PX: Final = 4
_LEAST_TOUCHING_PX: Final = 5
_SURE_LIKENESS: Final = 1.0
_LEAST_ON_SHARE: Final = 0.2
_LEAST_ON_PX: Final = 40


@dataclass(frozen=True, eq=False)
class LabelledObject:
    """What a scene shows of an object.

    view
        A cut of the scene.
    mask
        (h, w) pixels of the whole scene that show it.
    known
        (h, w) those of them that lie on what was seen of it before.
    parts
        (P,) which of the scene's parts are parts of it.
    """

    view: ObjectView
    mask: Mask
    known: Mask
    parts: Mask


def label_new_object(parts: SceneParts, mask: Mask) -> LabelledObject:
    """Of an object without a model, of which a mask (h, w) is known to show it."""
    labels = parts.labels
    rows, columns = np.nonzero(mask)
    margin_px = _margin_px(labels, float(np.median(labels.crop.depth_m[mask])))
    window = _window(labels, rows, columns, margin_px)
    doubt = (labels.kinds == PixelKind.REST) & ~mask
    numbers = np.unique(parts.number[mask])
    own = np.zeros(parts.count, dtype=np.bool_)
    own[numbers[numbers >= 0]] = True
    return LabelledObject(_view(labels, mask, doubt, window), mask, mask, own)


def label_known_object(
    parts: SceneParts, grid: DistanceGrid, camera_from_object: Pose
) -> LabelledObject | None:
    """Of an object with a model (its distances) at a pose; None where nothing of it is seen.

    Parts of the scene that lie on its known surface are taken for it where its model knows
    nothing, too.
    """
    from hand_object_recon.held_objects import object_pixel_kernels as kernels

    labels, crop = parts.labels, parts.labels.crop
    window = _window_of_grid(labels, grid, camera_from_object)
    if window is None:
        return None
    rows, columns = window
    found = kernels.compare_with_model(
        crop.depth_m,
        labels.kinds,
        labels.gaps_m,
        labels.likeness,
        parts.intrinsics,
        grid.values,
        grid.origin_m,
        grid.voxel_m,
        inverse(camera_from_object),
        np.array([rows.start, rows.stop, columns.start, columns.stop]),
    )
    counts = kernels.part_counts(found, parts.number, parts.count)
    own = _own_parts(counts, parts.measures[:, PartColumn.LIKENESS])
    known = found == kernels.ON
    mask = known | ((found == kernels.NEW) & np.append(own, False)[parts.number])
    if not mask.any():
        return None
    doubt = ((labels.kinds == PixelKind.REST) & ~mask) | (found == kernels.DOUBTFUL)
    return LabelledObject(_view(labels, mask, doubt, window), mask, known, own)


def _own_parts(counts: NDArray[np.int64], likeness: FloatArray) -> Mask:
    """Which parts are the object's, by (P, 4) counts of their pixels and (P,) mean likeness:
    those that lie on its known surface, and those at it that have its color."""
    from hand_object_recon.held_objects.object_pixel_kernels import NEW, ON

    on = counts[:, ON]
    lies_on_it = (on >= _LEAST_ON_PX) & (on >= _LEAST_ON_SHARE * counts.sum(axis=1))
    looks_like_it = (likeness > _SURE_LIKENESS) & (on >= _LEAST_TOUCHING_PX)
    return np.asarray(lies_on_it | (looks_like_it & (counts[:, NEW] > 0)))


def _view(labels: SceneLabels, mask: Mask, doubt: Mask, window: tuple[slice, slice]) -> ObjectView:
    kinds = labels.kinds[window]
    label = np.full(kinds.shape, ViewLabel.UNKNOWN, dtype=np.uint8)
    label[kinds == PixelKind.BACKGROUND] = ViewLabel.FREE
    label[(kinds == PixelKind.HAND) | (kinds == PixelKind.ARM)] = ViewLabel.OCCLUDER
    label[doubt[window]] = ViewLabel.UNKNOWN
    label[mask[window]] = ViewLabel.OBJECT
    crop = labels.crop
    return object_view(
        np.ascontiguousarray(crop.depth_m[window]),
        label,
        np.ascontiguousarray(crop.rgb[window]),
        _cut(crop.camera, window),
        hand_m=(
            np.ascontiguousarray(labels.hand_near_m[window]),
            np.ascontiguousarray(labels.hand_far_m[window]),
        ),
    )


def _cut(camera: CameraIntrinsics, window: tuple[slice, slice]) -> CameraIntrinsics:
    rows, columns = window
    return CameraIntrinsics(
        width=columns.stop - columns.start,
        height=rows.stop - rows.start,
        fx=camera.fx,
        fy=camera.fy,
        cx=camera.cx - columns.start,
        cy=camera.cy - rows.start,
    )


def _window_of_grid(
    labels: SceneLabels, grid: DistanceGrid, camera_from_object: Pose
) -> tuple[slice, slice] | None:
    """Rows and columns around a grid's box at a pose; None where that is out of the picture."""
    size = (np.array(grid.values.shape) - 1) * grid.voxel_m
    corners = grid.origin_m + size * np.array(np.meshgrid([0, 1], [0, 1], [0, 1])).reshape(3, -1).T
    points = corners @ camera_from_object[:3, :3].T + camera_from_object[:3, 3]
    if points[:, 2].min() < 0.05:
        return None
    camera = labels.crop.camera
    columns = camera.fx * points[:, 0] / points[:, 2] + camera.cx
    rows = camera.fy * points[:, 1] / points[:, 2] + camera.cy
    window = _window(labels, rows, columns, _margin_px(labels, float(points[:, 2].mean())))
    is_seen = all(side.stop - side.start >= _LEAST_PX for side in window)
    return window if is_seen else None


def _margin_px(labels: SceneLabels, depth_m: float) -> int:
    return int(np.ceil(_MARGIN_M * labels.crop.camera.fx / depth_m))


def _window(
    labels: SceneLabels, rows: NDArray[Any], columns: NDArray[Any], margin_px: int
) -> tuple[slice, slice]:
    """Slices of the scene around pixels, with a margin."""
    height, width = labels.crop.shape
    top, bottom = int(rows.min()) - margin_px, int(rows.max()) + margin_px + 1
    left, right = int(columns.min()) - margin_px, int(columns.max()) + margin_px + 1
    return (
        slice(max(top, 0), max(min(bottom, height), 0)),
        slice(max(left, 0), max(min(right, width), 0)),
    )
