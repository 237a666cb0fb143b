"""An object as it is shown: where it is, and which of it was seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.visualization.palette import COMPLETED_COLOR, OBJECT_COLOR, SEEN_COLOR, Rgb


def vertices_in_camera(item: ObjectEstimate) -> NDArray[np.float32]:
    """(V, 3) metres in the camera optical frame."""
    in_camera_m = item.vertices_m @ item.pose[:3, :3].T + item.pose[:3, 3]
    return in_camera_m.astype(np.float32)


def natural_colors(item: ObjectEstimate) -> NDArray[np.uint8]:
    """(V, 3) colours of the object itself, ``COMPLETED_COLOR`` where it was not seen."""
    if item.vertex_colors is None:
        return _with_completed(item, _uniform(item, OBJECT_COLOR))
    return _with_completed(item, item.vertex_colors.copy())


def contrasting_colors(item: ObjectEstimate) -> NDArray[np.uint8]:
    """(V, 3) colours that stand out from a picture: ``SEEN_COLOR`` and ``COMPLETED_COLOR``."""
    return _with_completed(item, _uniform(item, SEEN_COLOR))


def label_of(item: ObjectEstimate) -> str:
    """Its name, track and state, such as ``mug #4 put down``."""
    return f"{item.name or 'object'} #{item.track_id} {str(item.state).replace('_', ' ')}"


def _uniform(item: ObjectEstimate, color: Rgb) -> NDArray[np.uint8]:
    return np.tile(np.array(color, dtype=np.uint8), (len(item.vertices_m), 1))


def _with_completed(item: ObjectEstimate, colors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    if item.vertex_seen is not None:
        colors[~item.vertex_seen] = COMPLETED_COLOR
    return colors
