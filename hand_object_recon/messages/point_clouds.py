"""The surfaces of hands and objects as a point cloud."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.headers import header_message
from hand_object_recon.messages.surface_colors import HAND_COLORS, object_colors
from hand_object_recon.messages.typestore import POINT_CLOUD_TYPE, Message, new_message

LABELS: Final = {HandSide.LEFT: 1, HandSide.RIGHT: 2}
OBJECT_LABEL: Final = 3

_POINT: Final = np.dtype(
    [
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("rgb", "<u4"),
        ("label", "<u4"),
        ("track_id", "<i4"),
    ]
)
_INT32, _UINT32, _FLOAT32 = 5, 6, 7
# A colour is 0x00rrggbb in the bits of a float: PCL's custom, which RViz follows.
_KINDS: Final = {
    "x": _FLOAT32,
    "y": _FLOAT32,
    "z": _FLOAT32,
    "rgb": _FLOAT32,
    "label": _UINT32,
    "track_id": _INT32,
}


def point_cloud_message(reconstruction: Reconstruction) -> Message:
    """``sensor_msgs/PointCloud2`` of the mesh vertices of all hands and objects.

    Fields x, y, z (m, float32), rgb, label (uint32: 1 left hand, 2 right hand, 3 object) and
    track_id (int32). What was completed of an object has a colour of its own.
    """
    parts = [
        _points(hand.vertices_m, np.array(HAND_COLORS[hand.side]), LABELS[hand.side], hand.track_id)
        for hand in reconstruction.hands
    ]
    parts += [
        _points(
            item.vertices_m @ item.pose[:3, :3].T + item.pose[:3, 3],
            object_colors(item),
            OBJECT_LABEL,
            item.track_id,
        )
        for item in reconstruction.objects
    ]
    points = np.concatenate([np.zeros(0, _POINT), *parts])
    return new_message(
        POINT_CLOUD_TYPE,
        header=header_message(reconstruction.stamp_ns, reconstruction.frame_id),
        height=1,
        width=len(points),
        fields=_field_messages(),
        is_bigendian=False,
        point_step=_POINT.itemsize,
        row_step=points.nbytes,
        data=points.view(np.uint8),
        is_dense=True,
    )


def _points(
    positions_m: NDArray[Any], colors: NDArray[np.floating[Any]], label: int, track_id: int
) -> NDArray[Any]:
    """(N,) points with the fields of ``_POINT``; colors is (3,) or (N, 3) from 0 to 1."""
    red, green, blue = np.round(255 * colors).astype(np.uint32).T
    points = np.empty(len(positions_m), _POINT)
    points["x"], points["y"], points["z"] = positions_m.T
    points["rgb"] = red << 16 | green << 8 | blue
    points["label"] = label
    points["track_id"] = track_id
    return points


def _field_messages() -> list[Message]:
    return [
        new_message(
            "sensor_msgs/msg/PointField",
            name=name,
            offset=4 * position,
            datatype=kind,
            count=1,
        )
        for position, (name, kind) in enumerate(_KINDS.items())
    ]
