"""What is known of an object a hand holds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import (
    require_array,
    require_faces,
    require_range,
    require_rigid_transform,
)

NOBODY: Final = -1
"""What ``held_by`` says when no hand holds the object."""


class GraspState(str, Enum):
    """What a hand does, or did, with an object.

    ``TOUCHED``: a hand is at it, and it has not moved with the hand. ``HELD``: it moves with a
    hand. ``PUT_DOWN``: it was held and is not now.
    """

    TOUCHED = "touched"
    HELD = "held"
    PUT_DOWN = "put_down"

    def __str__(self) -> str:
        return self.value


class HandPart(IntEnum):
    """The parts of a hand: the fingers in the order of ``core.keypoints``, and the palm."""

    THUMB = 0
    INDEX = 1
    MIDDLE = 2
    RING = 3
    PINKY = 4
    PALM = 5


class PrimitiveKind(str, Enum):
    """Simple bodies that an object may be described by."""

    BOX = "box"
    CYLINDER = "cylinder"
    SPHERE = "sphere"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, eq=False)
class HandContact:
    """Where one part of a hand touches an object, in the camera optical frame.

    point_m, normal
        (3,) float32 on the object's surface, and its outward unit normal there.
    gap_m
        Distance between skin and surface; negative where the skin lies inside the object.
    """

    hand_track_id: int
    part: HandPart
    point_m: NDArray[np.float32]
    normal: NDArray[np.float32]
    gap_m: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "part", HandPart(self.part))
        for name in ("point_m", "normal"):
            value = require_array(f"contact {name}", getattr(self, name), (3,), np.float32)
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class PrimitiveFit:
    """A simple body that describes an object.

    pose
        (4, 4) float64 rigid transform from the body's frame, centred in it, to the object's own.
        A cylinder's axis is z.
    size_m
        (3,) float32 whole extents along the body's axes: a cylinder's are (diameter, diameter,
        height), a sphere's three times its diameter.
    residual_m
        Root mean square distance of the seen surface to the body's.
    """

    kind: PrimitiveKind
    pose: NDArray[np.float64]
    size_m: NDArray[np.float32]
    residual_m: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", PrimitiveKind(self.kind))
        object.__setattr__(self, "pose", require_rigid_transform("primitive pose", self.pose))
        size = require_array("primitive size_m", self.size_m, (3,), np.float32, finite=True)
        if not (size > 0).all():
            raise InvalidValueError(f"primitive size_m is {size.tolist()}; all must be above 0")
        object.__setattr__(self, "size_m", size)


@dataclass(frozen=True, eq=False)
class ObjectEstimate:
    """One object in space.

    pose
        (4, 4) float64 rigid transform from the object's own frame to the camera optical frame.
    vertices_m, faces
        (V, 3) float32 metres in the object's own frame, and (F, 3) int32 counter-clockwise
        seen from outside.
    held_by
        Track id of the hand that holds it, or ``NOBODY``.
    state
        What is done with it.
    vertex_seen
        (V,) bool: True where a camera measured the surface, False where it was completed by
        rule; None when the method does not tell.
    vertex_colors
        (V, 3) uint8 red, green, blue, or None.
    name
        The known model it was recognised as; "" for one modelled on the spot.
    primitive
        A simple body that describes it well, or None.
    contacts
        Where hands touch it, at most one for each part of a hand.
    """

    track_id: int
    score: float
    pose: NDArray[np.float64]
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    held_by: int = NOBODY
    state: GraspState = GraspState.HELD
    vertex_seen: NDArray[np.bool_] | None = None
    vertex_colors: NDArray[np.uint8] | None = None
    name: str = ""
    primitive: PrimitiveFit | None = None
    contacts: tuple[HandContact, ...] = ()

    def __post_init__(self) -> None:
        require_range("object score", self.score, 0.0, 1.0)
        vertices = require_array(
            "object vertices_m", self.vertices_m, (None, 3), np.float32, finite=True
        )
        faces = require_faces("object faces", self.faces, len(vertices))
        object.__setattr__(self, "pose", require_rigid_transform("object pose", self.pose))
        object.__setattr__(self, "vertices_m", vertices)
        object.__setattr__(self, "faces", faces)
        object.__setattr__(self, "state", GraspState(self.state))
        if self.vertex_seen is not None:
            seen = require_array("object vertex_seen", self.vertex_seen, (len(vertices),), np.bool_)
            object.__setattr__(self, "vertex_seen", seen)
        if self.vertex_colors is not None:
            colors = require_array(
                "object vertex_colors", self.vertex_colors, (len(vertices), 3), np.uint8
            )
            object.__setattr__(self, "vertex_colors", colors)
