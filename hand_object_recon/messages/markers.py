"""Hands and objects as RViz markers, straight to the bytes that are published or stored."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide, HandTopology
from hand_object_recon.core.keypoints import BONES
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.cdr import CdrWriter
from hand_object_recon.messages.poses import quaternion_from_rotation

JOINT_DIAMETER_M: Final = 0.008
BONE_WIDTH_M: Final = 0.004

Rgb: TypeAlias = tuple[float, float, float]
HAND_COLORS: Final[dict[HandSide, Rgb]] = {
    HandSide.LEFT: (1.0, 0.62, 0.29),
    HandSide.RIGHT: (0.28, 0.69, 1.0),
}
OBJECT_COLOR: Final[Rgb] = (0.45, 0.75, 0.45)

_ARROW, _LINE_LIST, _SPHERE_LIST, _TRIANGLE_LIST = 0, 5, 7, 11
_ADD, _DELETE, _DELETE_ALL = 0, 2, 3
_MESH_OPACITY: Final = 0.75
_BONE_ENDS: Final = np.array(BONES).ravel()


class MarkerKey(NamedTuple):
    """What RViz knows a marker by: the same key overwrites, a vanished one must be deleted."""

    namespace: str
    marker_id: int


def serialized_markers(
    reconstruction: Reconstruction,
    topologies: Mapping[str, HandTopology],
    previous: Set[MarkerKey] = frozenset(),
) -> tuple[bytes, frozenset[MarkerKey]]:
    """CDR of the ``visualization_msgs/MarkerArray`` of a frame, and the keys of what it shows.

    A hand is ``hand_<side>/mesh``, ``.../skeleton`` and ``.../joints``, an object is
    ``object/mesh``; the id is the track id. ``previous`` are the keys of the frame before: those
    that vanished are deleted. A hand or object without a mesh has no mesh
    marker.

    Raises
    ------
    InvalidValueError
        A hand's mesh names a topology that is not in ``topologies``, or does not fit it.
    """
    shown = [marker for hand in reconstruction.hands for marker in _hand_markers(hand, topologies)]
    shown += [_object_marker(item) for item in reconstruction.objects if len(item.faces)]
    keys = frozenset(marker.key for marker in shown)
    deleted = [_Marker(key, _TRIANGLE_LIST, _DELETE) for key in sorted(previous - keys)]
    return _serialized(deleted + shown, reconstruction.stamp_ns, reconstruction.frame_id), keys


def serialized_deletion_of_all(stamp_ns: int, frame_id: str) -> bytes:
    """CDR of a ``MarkerArray`` that has a viewer forget every marker shown before."""
    return _serialized([_Marker(MarkerKey("", 0), _ARROW, _DELETE_ALL)], stamp_ns, frame_id)


def _nothing() -> NDArray[np.float64]:
    return np.zeros((0, 3))


@dataclass(frozen=True, eq=False)
class _Marker:
    """points_m (N, 3) float64 in the marker's own frame, which ``pose`` (4, 4) places."""

    key: MarkerKey
    kind: int
    action: int = _ADD
    points_m: NDArray[np.float64] = field(default_factory=_nothing)
    color: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    scale_m: float = 1.0
    pose: NDArray[np.float64] | None = None


def _hand_markers(hand: HandEstimate, topologies: Mapping[str, HandTopology]) -> Iterator[_Marker]:
    color = HAND_COLORS[hand.side]
    joints_m = hand.joints_m.astype(np.float64)
    if len(hand.vertices_m):
        yield _Marker(
            MarkerKey(f"hand_{hand.side}/mesh", hand.track_id),
            _TRIANGLE_LIST,
            points_m=_corners(hand.vertices_m, _faces_of(hand, topologies)),
            color=(*color, _MESH_OPACITY),
        )
    yield _Marker(
        MarkerKey(f"hand_{hand.side}/skeleton", hand.track_id),
        _LINE_LIST,
        points_m=joints_m[_BONE_ENDS],
        color=(*color, 1.0),
        scale_m=BONE_WIDTH_M,
    )
    yield _Marker(
        MarkerKey(f"hand_{hand.side}/joints", hand.track_id),
        _SPHERE_LIST,
        points_m=joints_m,
        color=(*color, 1.0),
        scale_m=JOINT_DIAMETER_M,
    )


def _object_marker(item: ObjectEstimate) -> _Marker:
    return _Marker(
        MarkerKey("object/mesh", item.track_id),
        _TRIANGLE_LIST,
        points_m=_corners(item.vertices_m, item.faces),
        color=(*OBJECT_COLOR, 1.0),
        pose=item.pose,
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


def _corners(vertices_m: NDArray[Any], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """(3F, 3) corner points of (F, 3) triangles."""
    return vertices_m.astype(np.float64).take(faces.ravel(), axis=0)


def _serialized(markers: Sequence[_Marker], stamp_ns: int, frame_id: str) -> bytes:
    writer = CdrWriter()
    writer.numbers("I", len(markers))
    for marker in markers:
        writer.header(stamp_ns, frame_id)
        _write(writer, marker)
    return writer.finished()


def _write(writer: CdrWriter, marker: _Marker) -> None:
    """The fields of ``visualization_msgs/Marker`` after its header, in their order."""
    writer.text(marker.key.namespace)
    writer.numbers("i", marker.key.marker_id, marker.kind, marker.action)
    writer.numbers("d", *_position_and_quaternion(marker.pose), *[marker.scale_m] * 3)
    writer.numbers("f", *marker.color)
    writer.numbers("i", 0)  # lifetime: for ever
    writer.numbers("I", 0)
    writer.numbers("?", False)  # frame_locked
    writer.sequence(marker.points_m)
    writer.numbers("I", 0)  # colors
    writer.text("")  # texture_resource
    writer.header(0, "")  # texture
    writer.text("")
    writer.numbers("I", 0)
    writer.numbers("I", 0)  # uv_coordinates
    writer.text("")  # text
    writer.text("")  # mesh_resource
    writer.text("")  # mesh_file
    writer.numbers("I", 0)
    writer.numbers("?", False)  # mesh_use_embedded_materials


def _position_and_quaternion(pose: NDArray[np.float64] | None) -> list[float]:
    if pose is None:
        return [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    return [*pose[:3, 3].tolist(), *quaternion_from_rotation(pose[:3, :3]).tolist()]
