"""The transform between two coordinate frames along a tree of known ones, as in ``/tf_static``."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.core.validation import require_rigid_transform
from hand_object_recon.messages.poses import pose_from_message
from hand_object_recon.messages.typestore import new_message


class FrameLink(NamedTuple):
    """(4, 4) ``pose`` takes points of ``child`` to ``parent``, in metres."""

    parent: str
    child: str
    pose: NDArray[np.float64]


def link_between(
    parent: str, child: str, translation: Sequence[float], rotation: Sequence[float]
) -> FrameLink:
    """The link of a child at ``translation`` (metres) with quaternion ``rotation`` (x, y, z, w).

    Raises
    ------
    InvalidValueError
        The quaternion has no length.
    """
    if not np.linalg.norm(rotation) > 0:
        raise InvalidValueError(
            f"transform {parent} to {child} has rotation {list(rotation)}; it must be a quaternion"
        )
    pose = new_message(
        "geometry_msgs/msg/Pose",
        position=new_message(
            "geometry_msgs/msg/Point", **dict(zip("xyz", translation, strict=True))
        ),
        orientation=new_message(
            "geometry_msgs/msg/Quaternion", **dict(zip("xyzw", rotation, strict=True))
        ),
    )
    return FrameLink(parent.lstrip("/"), child.lstrip("/"), pose_from_message(pose))


def transform_between(links: Sequence[FrameLink], source: str, target: str) -> NDArray[np.float64]:
    """(4, 4) float64 transform of points in frame ``source`` to frame ``target``, metres.

    Raises
    ------
    RecordingError
        No chain of links joins the two frames.
    InvalidValueError
        A link on the way is not a rigid transform.
    """
    reached = {source: np.eye(4)}
    waiting = deque([source])
    while waiting and target not in reached:
        frame = waiting.popleft()
        for neighbour, step in _steps_from(frame, links):
            if neighbour not in reached:
                reached[neighbour] = step @ reached[frame]
                waiting.append(neighbour)
    if target not in reached:
        known = sorted({name for link in links for name in (link.parent, link.child)})
        raise RecordingError(
            f"no transforms join frame {source!r} to {target!r} (known frames: "
            f"{', '.join(known) or 'none'})"
        )
    return reached[target]


def _steps_from(frame: str, links: Sequence[FrameLink]) -> list[tuple[str, NDArray[np.float64]]]:
    """Frames one link away, with the transform of points from ``frame`` to each."""
    steps: list[tuple[str, NDArray[np.float64]]] = []
    for link in links:
        if frame in (link.parent, link.child):
            pose = require_rigid_transform(f"transform {link.parent} to {link.child}", link.pose)
            is_child = frame == link.child
            inverse = np.asarray(np.linalg.inv(pose), dtype=np.float64)
            steps.append((link.parent, pose) if is_child else (link.child, inverse))
    return steps
