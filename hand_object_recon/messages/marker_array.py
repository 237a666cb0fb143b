"""``visualization_msgs/MarkerArray`` straight to its bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.messages.cdr import CdrWriter
from hand_object_recon.messages.poses import quaternion_from_rotation


class MarkerKind(IntEnum):
    """Those of ``visualization_msgs/Marker`` that are used here."""

    ARROW = 0
    CUBE = 1
    SPHERE = 2
    CYLINDER = 3
    LINE_LIST = 5
    SPHERE_LIST = 7
    TEXT_VIEW_FACING = 9
    TRIANGLE_LIST = 11


class MarkerAction(IntEnum):
    """What a viewer is to do."""

    ADD = 0
    DELETE = 2
    DELETE_ALL = 3


class MarkerKey(NamedTuple):
    """What RViz knows a marker by: the same key overwrites, a vanished one must be deleted."""

    namespace: str
    marker_id: int


@dataclass(frozen=True, eq=False)
class Marker:
    """A marker, without its header.

    points_m
        (N, 3) float64 in the marker's own frame, which ``pose`` (4, 4) places.
    color
        Red, green, blue and opacity from 0 to 1, where there are no ``point_colors`` (N, 4)
        float32.
    size_m
        What it means depends on the kind; all of it must be above 0.
    """

    key: MarkerKey
    kind: MarkerKind
    action: MarkerAction = MarkerAction.ADD
    points_m: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    point_colors: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    color: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    size_m: tuple[float, float, float] = (1.0, 1.0, 1.0)
    pose: NDArray[np.float64] | None = None
    text: str = ""


def serialized_marker_array(markers: Sequence[Marker], stamp_ns: int, frame_id: str) -> bytes:
    """CDR of a ``MarkerArray`` whose markers share stamp and frame."""
    writer = CdrWriter()
    writer.numbers("I", len(markers))
    for marker in markers:
        writer.header(stamp_ns, frame_id)
        _write(writer, marker)
    return writer.finished()


def _write(writer: CdrWriter, marker: Marker) -> None:
    """The fields of ``visualization_msgs/Marker`` after its header, in their order."""
    writer.text(marker.key.namespace)
    writer.numbers("i", marker.key.marker_id, marker.kind, marker.action)
    writer.numbers("d", *_position_and_quaternion(marker.pose), *marker.size_m)
    writer.numbers("f", *marker.color)
    writer.numbers("i", 0)  # lifetime: for ever
    writer.numbers("I", 0)
    writer.numbers("?", False)  # frame_locked
    writer.sequence(marker.points_m)
    writer.sequence(marker.point_colors)
    writer.text("")  # texture_resource
    writer.header(0, "")  # texture
    writer.text("")
    writer.numbers("I", 0)
    writer.numbers("I", 0)  # uv_coordinates
    writer.text(marker.text)
    writer.text("")  # mesh_resource
    writer.text("")  # mesh_file
    writer.numbers("I", 0)
    writer.numbers("?", False)  # mesh_use_embedded_materials


def _position_and_quaternion(pose: NDArray[np.float64] | None) -> list[float]:
    if pose is None:
        return [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    return [*pose[:3, 3].tolist(), *quaternion_from_rotation(pose[:3, :3]).tolist()]
