"""The transform between two coordinate frames along a tree of known ones, as in ``/tf_static``."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.validation import require_rigid_transform


class FrameLink(NamedTuple):
    """(4, 4) ``pose`` takes points of ``child`` to ``parent``, in metres."""

    parent: str
    child: str
    pose: NDArray[np.float64]


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
            f"{', '.join(known) or 'none'}); record /tf_static with the camera running"
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
