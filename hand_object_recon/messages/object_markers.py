"""An object as RViz markers: its surface, what describes it, where it is touched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import ObjectEstimate, PrimitiveFit, PrimitiveKind
from hand_object_recon.messages.marker_array import Marker, MarkerKey, MarkerKind
from hand_object_recon.messages.surface_colors import (
    COMPLETED_COLOR,
    CONTACT_COLOR,
    OBJECT_COLOR,
)

CONTACT_DIAMETER_M: Final = 0.009
_NORMAL_LENGTH_M: Final = 0.025
_NORMAL_WIDTH_M: Final = 0.0015
_LABEL_HEIGHT_M: Final = 0.018
_COMPLETED_OPACITY: Final = 0.4
_PRIMITIVE_OPACITY: Final = 0.2
_KINDS: Final = {
    PrimitiveKind.BOX: MarkerKind.CUBE,
    PrimitiveKind.CYLINDER: MarkerKind.CYLINDER,
    PrimitiveKind.SPHERE: MarkerKind.SPHERE,
}


def object_markers(item: ObjectEstimate) -> Iterator[Marker]:
    """``object/mesh`` (the surface that was measured), ``object/completed`` (what was added by
    rule), ``object/primitive``, ``object/contacts``, ``object/contact_normals`` and
    ``object/label``, as far as they are there; the id is the track id."""
    if len(item.faces):
        yield from _surface_markers(item)
    if item.primitive is not None:
        yield _primitive_marker(item, item.primitive)
    if item.contacts:
        yield from _contact_markers(item)
    yield _label_marker(item)


def _surface_markers(item: ObjectEstimate) -> Iterator[Marker]:
    """Two markers: one with translucent corners has no depth in RViz, and shows its far side."""
    seen, completed = _seen_and_completed(item)
    if len(seen):
        yield Marker(
            MarkerKey("object/mesh", item.track_id),
            MarkerKind.TRIANGLE_LIST,
            points_m=_corners_m(item, seen),
            point_colors=_corner_colors(item, seen),
            color=(*OBJECT_COLOR, 1.0),
            pose=item.pose,
        )
    if len(completed):
        yield Marker(
            MarkerKey("object/completed", item.track_id),
            MarkerKind.TRIANGLE_LIST,
            points_m=_corners_m(item, completed),
            color=(*COMPLETED_COLOR, _COMPLETED_OPACITY),
            pose=item.pose,
        )


def _seen_and_completed(item: ObjectEstimate) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """(3S,) and (3C,) corners of the faces of which all corners were seen, and of the others;
    all were seen where the method does not tell."""
    if item.vertex_seen is None:
        return item.faces.ravel(), np.zeros(0, np.int32)
    first, second, third = item.vertex_seen.take(item.faces).T
    is_seen = first & second & third
    return item.faces[is_seen].ravel(), item.faces[~is_seen].ravel()


def _corners_m(item: ObjectEstimate, corners: NDArray[np.int32]) -> NDArray[np.float64]:
    return item.vertices_m.astype(np.float64).take(corners, axis=0)


def _corner_colors(item: ObjectEstimate, corners: NDArray[np.int32]) -> NDArray[np.float32]:
    """(3F, 4) of the vertices' own colours, (0, 4) where there are none."""
    if item.vertex_colors is None:
        return np.zeros((0, 4), np.float32)
    colors = np.ones((len(item.vertices_m), 4), dtype=np.float32)
    colors[:, :3] = item.vertex_colors / np.float32(255)
    return colors.take(corners, axis=0)


def _primitive_marker(item: ObjectEstimate, fit: PrimitiveFit) -> Marker:
    x, y, z = fit.size_m.tolist()
    return Marker(
        MarkerKey("object/primitive", item.track_id),
        _KINDS[fit.kind],
        color=(*OBJECT_COLOR, _PRIMITIVE_OPACITY),
        size_m=(x, y, z),
        pose=item.pose @ fit.pose,
    )


def _contact_markers(item: ObjectEstimate) -> Iterator[Marker]:
    points_m = np.array([contact.point_m for contact in item.contacts], dtype=np.float64)
    normals = np.array([contact.normal for contact in item.contacts], dtype=np.float64)
    yield Marker(
        MarkerKey("object/contacts", item.track_id),
        MarkerKind.SPHERE_LIST,
        points_m=points_m,
        color=(*CONTACT_COLOR, 1.0),
        size_m=(CONTACT_DIAMETER_M,) * 3,
    )
    yield Marker(
        MarkerKey("object/contact_normals", item.track_id),
        MarkerKind.LINE_LIST,
        points_m=np.hstack([points_m, points_m + _NORMAL_LENGTH_M * normals]).reshape(-1, 3),
        color=(*CONTACT_COLOR, 1.0),
        size_m=(_NORMAL_WIDTH_M,) * 3,
    )


def _label_marker(item: ObjectEstimate) -> Marker:
    state = str(item.state).replace("_", " ")
    pose = np.eye(4)
    pose[:3, 3] = _above(item)
    return Marker(
        MarkerKey("object/label", item.track_id),
        MarkerKind.TEXT_VIEW_FACING,
        color=(1.0, 1.0, 1.0, 1.0),
        size_m=(_LABEL_HEIGHT_M,) * 3,
        pose=pose,
        text=f"{item.name or 'object'} {item.track_id} {state}",
    )


def _above(item: ObjectEstimate) -> NDArray[np.float64]:
    """(3,) over the object's box in an optical frame, beside it in a frame with z up."""
    place: NDArray[np.float64] = item.pose[:3, 3].copy()
    if len(item.vertices_m):
        by_axis = np.ascontiguousarray(item.vertices_m.T)
        low, high = by_axis.min(axis=1), by_axis.max(axis=1)
        place += item.pose[:3, :3] @ ((low + high) / 2)
        place[1] -= np.abs(item.pose[1, :3]) @ ((high - low) / 2)
    place[1] -= _LABEL_HEIGHT_M
    return place
