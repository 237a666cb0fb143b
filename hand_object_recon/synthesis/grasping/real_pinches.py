"""Tracked real hands that pinch a ball or a cube: how far their finger tips are from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import FINGERTIPS
from hand_object_recon.synthesis.objects.object_shape import centered_object
from hand_object_recon.synthesis.objects.signed_distance import nearest_surface

_CONTACT_M: Final = 0.02
_THUMB_INDEX: Final = 2


class RealPinch(NamedTuple):
    """One tracked sequence: its object, and (T, 5) signed distances of the finger tips to the
    surface in the frames of contact. A frame is one of contact when the tips of thumb and index
    are both nearer than 20 mm; tracked tips lie inside the finger ends."""

    name: str
    object_name: str
    tips_m: NDArray[np.float64]


def read_real_pinches(path: Path) -> tuple[RealPinch, ...]:
    """The sequences of ``tracks.npz``: joints and object poses in one camera's frame."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (OSError, ValueError) as error:
        raise InvalidValueError(f"tracks file {path} does not read: {error}") from None
    names = sorted(key.removesuffix("_joints") for key in arrays if key.endswith("_joints"))
    return tuple(_real_pinch(name, arrays) for name in names)


def _real_pinch(name: str, arrays: dict[str, NDArray[Any]]) -> RealPinch:
    object_name = str(arrays[f"{name}_object"])
    vertices = arrays[f"{object_name}_vertices"].astype(np.float64)
    shape = centered_object(object_name, object_name, vertices, arrays[f"{object_name}_faces"])
    moved_m = vertices[0] - shape.vertices_m[0]
    poses = arrays[f"{name}_object_pose"].astype(np.float64)
    tips = arrays[f"{name}_joints"][:, list(FINGERTIPS)] - poses[:, None, :3, 3]
    in_object = np.einsum("tji,tkj->tki", poses[:, :3, :3], tips) - moved_m
    distances = nearest_surface(shape, in_object.reshape(-1, 3)).distances_m.reshape(-1, 5)
    is_contact = (distances[:, :_THUMB_INDEX] < _CONTACT_M).all(axis=1)
    return RealPinch(name, object_name, distances[is_contact])
