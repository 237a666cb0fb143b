"""Hands and objects as RViz markers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide, HandTopology
from hand_object_recon.core.keypoints import BONES
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.poses import (
    identity_pose_message,
    point_messages,
    pose_message,
    vector_message,
)
from hand_object_recon.messages.typestore import (
    COMPRESSED_IMAGE_TYPE,
    MARKERS_TYPE,
    Message,
    message_class,
    new_message,
)

JOINT_DIAMETER_M = 0.008
BONE_WIDTH_M = 0.004

_MARKER_TYPE = "visualization_msgs/msg/Marker"
_HAND_COLORS = {HandSide.LEFT: (1.0, 0.62, 0.29), HandSide.RIGHT: (0.28, 0.69, 1.0)}
_OBJECT_COLOR = (0.45, 0.75, 0.45)
_MESH_OPACITY = 0.75


class MarkerKey(NamedTuple):
    """What RViz knows a marker by: the same key overwrites, a vanished one must be deleted."""

    namespace: str
    marker_id: int


def markers_message(
    reconstruction: Reconstruction,
    topologies: Mapping[str, HandTopology],
    previous: Set[MarkerKey] = frozenset(),
) -> tuple[Message, frozenset[MarkerKey]]:
    """``visualization_msgs/MarkerArray`` of one frame, and the keys of what it shows.

    A hand is ``hand_<side>/mesh``, ``.../skeleton`` and ``.../joints``, an object is
    ``object/mesh``; the id is the track id. ``previous`` are the keys of the frame before: those
    that vanished are deleted. A hand or object without a mesh has no mesh
    marker.

    Raises
    ------
    InvalidValueError
        A hand's mesh names a topology that is not in ``topologies``, or does not fit it.
    """
    header = header_message(reconstruction.stamp_ns, reconstruction.frame_id)
    shown = [
        marker
        for hand in reconstruction.hands
        for marker in _hand_markers(header, hand, topologies)
    ]
    shown += [_object_marker(header, item) for item in reconstruction.objects if len(item.faces)]
    keys = frozenset(MarkerKey(marker.ns, marker.id) for marker in shown)
    deleted = [_deletion(header, key) for key in sorted(previous - keys)]
    return new_message(MARKERS_TYPE, markers=deleted + shown), keys


def deletion_of_all_message(stamp_ns: int, frame_id: str) -> Message:
    """``visualization_msgs/MarkerArray`` that has a viewer forget every marker shown before."""
    kind = message_class(_MARKER_TYPE)
    header = header_message(stamp_ns, frame_id)
    marker = _marker(header, MarkerKey("", 0), kind.ARROW, action=kind.DELETEALL)
    return new_message(MARKERS_TYPE, markers=[marker])


def _hand_markers(
    header: Message, hand: HandEstimate, topologies: Mapping[str, HandTopology]
) -> Iterator[Message]:
    kind = message_class(_MARKER_TYPE)
    joints = point_messages(hand.joints_m)
    color = _HAND_COLORS[hand.side]
    if len(hand.vertices_m):
        faces = _faces_of(hand, topologies)
        yield _marker(
            header,
            MarkerKey(f"hand_{hand.side}/mesh", hand.track_id),
            kind.TRIANGLE_LIST,
            points=_triangle_points(hand.vertices_m, faces),
            color=(*color, _MESH_OPACITY),
        )
    yield _marker(
        header,
        MarkerKey(f"hand_{hand.side}/skeleton", hand.track_id),
        kind.LINE_LIST,
        points=[joints[end] for bone in BONES for end in bone],
        color=(*color, 1.0),
        scale_m=(BONE_WIDTH_M, BONE_WIDTH_M, BONE_WIDTH_M),
    )
    yield _marker(
        header,
        MarkerKey(f"hand_{hand.side}/joints", hand.track_id),
        kind.SPHERE_LIST,
        points=joints,
        color=(*color, 1.0),
        scale_m=(JOINT_DIAMETER_M, JOINT_DIAMETER_M, JOINT_DIAMETER_M),
    )


def _object_marker(header: Message, item: ObjectEstimate) -> Message:
    return _marker(
        header,
        MarkerKey("object/mesh", item.track_id),
        message_class(_MARKER_TYPE).TRIANGLE_LIST,
        pose=pose_message(item.pose),
        points=_triangle_points(item.vertices_m, item.faces),
        color=(*_OBJECT_COLOR, 1.0),
    )


def _deletion(header: Message, key: MarkerKey) -> Message:
    kind = message_class(_MARKER_TYPE)
    return _marker(header, key, kind.TRIANGLE_LIST, action=kind.DELETE)


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


def _triangle_points(vertices_m: NDArray[Any], faces: NDArray[np.int32]) -> list[Message]:
    # Corners share the point of their vertex: a sixth of the objects to make.
    points = point_messages(vertices_m)
    return [points[vertex] for vertex in faces.ravel().tolist()]


def _marker(
    header: Message,
    key: MarkerKey,
    kind: int,
    *,
    action: int = 0,
    pose: Message | None = None,
    points: list[Message] | None = None,
    color: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    scale_m: tuple[float, float, float] = (1.0, 1.0, 1.0),
) -> Message:
    red, green, blue, alpha = color
    nothing = np.zeros(0, dtype=np.uint8)
    return new_message(
        _MARKER_TYPE,
        header=header,
        ns=key.namespace,
        id=key.marker_id,
        type=kind,
        action=action,
        pose=pose or identity_pose_message(),
        scale=vector_message(*scale_m),
        color=new_message("std_msgs/msg/ColorRGBA", r=red, g=green, b=blue, a=alpha),
        lifetime=new_message("builtin_interfaces/msg/Duration", sec=0, nanosec=0),
        frame_locked=False,
        points=points or [],
        colors=[],
        texture_resource="",
        texture=new_message(
            COMPRESSED_IMAGE_TYPE, header=header_message(0, ""), format="", data=nothing
        ),
        uv_coordinates=[],
        text="",
        mesh_resource="",
        mesh_file=new_message("visualization_msgs/msg/MeshFile", filename="", data=nothing),
        mesh_use_embedded_materials=False,
    )
