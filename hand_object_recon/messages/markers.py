"""Hands and objects as RViz markers, straight to the bytes that are published or stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandTopology
from hand_object_recon.core.keypoints import BONES
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.marker_array import (
    Marker,
    MarkerAction,
    MarkerKey,
    MarkerKind,
    serialized_marker_array,
)
from hand_object_recon.messages.object_markers import object_markers
from hand_object_recon.messages.surface_colors import HAND_COLORS

JOINT_DIAMETER_M: Final = 0.008
BONE_WIDTH_M: Final = 0.004

_MESH_OPACITY: Final = 0.75
_BONE_ENDS: Final = np.array(BONES).ravel()


def serialized_markers(
    reconstruction: Reconstruction,
    topologies: Mapping[str, HandTopology],
    previous: Set[MarkerKey] = frozenset(),
) -> tuple[bytes, frozenset[MarkerKey]]:
    """CDR of the ``visualization_msgs/MarkerArray`` of a frame, and the keys of what it shows.

    A hand is ``hand_<side>/mesh``, ``.../skeleton`` and ``.../joints``, the id is the track id;
    objects are as in :func:`object_markers`. ``previous`` are the keys of the frame before: those
    that vanished are deleted. A hand or object without a mesh has no mesh marker.

    Raises
    ------
    InvalidValueError
        A hand's mesh names a topology that is not in ``topologies``, or does not fit it.
    """
    shown = [marker for hand in reconstruction.hands for marker in _hand_markers(hand, topologies)]
    shown += [marker for item in reconstruction.objects for marker in object_markers(item)]
    keys = frozenset(marker.key for marker in shown)
    deleted = [
        Marker(key, MarkerKind.TRIANGLE_LIST, MarkerAction.DELETE)
        for key in sorted(previous - keys)
    ]
    data = serialized_marker_array(
        deleted + shown, reconstruction.stamp_ns, reconstruction.frame_id
    )
    return data, keys


def serialized_deletion_of_all(stamp_ns: int, frame_id: str) -> bytes:
    """CDR of a ``MarkerArray`` that has a viewer forget every marker shown before."""
    everything = Marker(MarkerKey("", 0), MarkerKind.ARROW, MarkerAction.DELETE_ALL)
    return serialized_marker_array([everything], stamp_ns, frame_id)


def _hand_markers(hand: HandEstimate, topologies: Mapping[str, HandTopology]) -> Iterator[Marker]:
    color = HAND_COLORS[hand.side]
    joints_m = hand.joints_m.astype(np.float64)
    if len(hand.vertices_m):
        yield Marker(
            MarkerKey(f"hand_{hand.side}/mesh", hand.track_id),
            MarkerKind.TRIANGLE_LIST,
            points_m=_corners(hand.vertices_m, _faces_of(hand, topologies)),
            color=(*color, _MESH_OPACITY),
        )
    yield Marker(
        MarkerKey(f"hand_{hand.side}/skeleton", hand.track_id),
        MarkerKind.LINE_LIST,
        points_m=joints_m[_BONE_ENDS],
        color=(*color, 1.0),
        size_m=(BONE_WIDTH_M,) * 3,
    )
    yield Marker(
        MarkerKey(f"hand_{hand.side}/joints", hand.track_id),
        MarkerKind.SPHERE_LIST,
        points_m=joints_m,
        color=(*color, 1.0),
        size_m=(JOINT_DIAMETER_M,) * 3,
    )


def _faces_of(hand: HandEstimate, topologies: Mapping[str, HandTopology]) -> NDArray[np.int32]:
    topology = topologies.get(hand.topology)
    if topology is None:
        raise InvalidValueError(
            f"hand topology {hand.topology!r} is unknown; known are "
            f"{', '.join(topologies) or 'none'}"
        )
    if len(hand.vertices_m) != topology.vertex_count:
        raise InvalidValueError(
            f"a hand of topology {topology.name!r} has {len(hand.vertices_m)} vertices; it must "
            f"have {topology.vertex_count}"
        )
    return topology.faces


def _corners(vertices_m: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """(3F, 3) corner points of (F, 3) triangles."""
    return vertices_m.astype(np.float64).take(faces.ravel(), axis=0)
