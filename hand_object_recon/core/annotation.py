"""What is true of a frame: its hands and objects, as far as a data set or a renderer tells."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import POSE_LENGTH, SHAPE_LENGTH, HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.core.validation import (
    require_array,
    require_faces,
    require_range,
    require_rigid_transform,
    require_text,
)

FINGER_COUNT: Final = 5


class MaskLabel(IntEnum):
    """Values of a mask image: what a pixel shows."""

    BACKGROUND = 0
    LEFT_HAND = 1
    RIGHT_HAND = 2
    OBJECT = 3
    ARM = 4


@dataclass(frozen=True, eq=False)
class HandAnnotation:
    """One true hand, in metres in the camera optical frame; None where it is not known.

    joints_m
        (21, 3) float32 in the order of ``core.keypoints``.
    vertices_m, topology
        (V, 3) float32 mesh vertices and the name of their topology.
    pose_rad, shape, translation_m
        (48,) axis-angle, (10,) and (3,) float32 parameters of the hand model with that topology.
    joint_visible
        (21,) bool: whether nothing lies between the joint's skin and the camera.
    finger_occluded
        (5,) bool, thumb to pinky: fewer than 30 of the finger's vertices are visible (the rule
        of H2ONet's code).
    visible_share
        Share of the hand's pixels that nothing else covers, 0 to 1.
    touching
        (5,) bool, thumb to pinky: whether the finger touches an object.
    contact_vertices
        (V,) bool: whether the vertex lies on an object's surface.
    """

    side: HandSide
    joints_m: NDArray[np.float32]
    vertices_m: NDArray[np.float32] | None = None
    topology: str = ""
    pose_rad: NDArray[np.float32] | None = None
    shape: NDArray[np.float32] | None = None
    translation_m: NDArray[np.float32] | None = None
    joint_visible: NDArray[np.bool_] | None = None
    finger_occluded: NDArray[np.bool_] | None = None
    visible_share: float | None = None
    touching: NDArray[np.bool_] | None = None
    contact_vertices: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        def convert(name: str, shape: tuple[int | None, ...], dtype: type[np.generic]) -> None:
            value = getattr(self, name)
            if value is not None:
                array = require_array(f"true {name}", value, shape, dtype, finite=True)
                object.__setattr__(self, name, array)

        object.__setattr__(self, "side", HandSide(self.side))
        convert("joints_m", (KEYPOINT_COUNT, 3), np.float32)
        convert("vertices_m", (None, 3), np.float32)
        convert("pose_rad", (POSE_LENGTH,), np.float32)
        convert("shape", (SHAPE_LENGTH,), np.float32)
        convert("translation_m", (3,), np.float32)
        convert("joint_visible", (KEYPOINT_COUNT,), np.bool_)
        convert("finger_occluded", (FINGER_COUNT,), np.bool_)
        convert("touching", (FINGER_COUNT,), np.bool_)
        convert("contact_vertices", (self._vertex_count(),), np.bool_)
        if self.visible_share is not None:
            require_range("true visible_share", self.visible_share, 0.0, 1.0)

    def _vertex_count(self) -> int | None:
        return None if self.vertices_m is None else len(self.vertices_m)


@dataclass(frozen=True, eq=False)
class ObjectAnnotation:
    """One true object.

    name, category
        Which object it is, and of what kind ("" where that is not known).
    pose
        (4, 4) float64 rigid transform from the object's own frame to the camera optical frame.
    vertices_m, faces
        (V, 3) float32 metres in the object's own frame, and (F, 3) int32 counter-clockwise
        seen from outside.
    held_by
        Sides of the hands that hold it, or None where that is not known.
    vertex_visible
        (V,) bool: whether the camera sees the surface there, or None.
    """

    name: str
    pose: NDArray[np.float64]
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    category: str = ""
    held_by: frozenset[HandSide] | None = None
    vertex_visible: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        require_text("true object name", self.name)
        vertices = require_array(
            "true object vertices_m", self.vertices_m, (None, 3), np.float32, finite=True
        )
        faces = require_faces("true object faces", self.faces, len(vertices))
        object.__setattr__(self, "pose", require_rigid_transform("true object pose", self.pose))
        if self.vertex_visible is not None:
            visible = require_array(
                "true object vertex_visible", self.vertex_visible, (len(vertices),), np.bool_
            )
            object.__setattr__(self, "vertex_visible", visible)
        object.__setattr__(self, "vertices_m", vertices)
        object.__setattr__(self, "faces", faces)


@dataclass(frozen=True, eq=False)
class FrameAnnotation:
    """Everything true of one frame.

    mask
        (H, W) uint8 of :class:`MaskLabel`, or None.
    clean_depth_m
        (H, W) float32 metres along the optical axis without the sensor's faults, or None.
    """

    stamp_ns: int
    hands: tuple[HandAnnotation, ...] = ()
    objects: tuple[ObjectAnnotation, ...] = ()
    mask: NDArray[np.uint8] | None = None
    clean_depth_m: NDArray[np.float32] | None = None


@dataclass(frozen=True, eq=False)
class AnnotatedFrame:
    """A frame with its truth; ``sequence`` names the take it is part of."""

    frame: RgbdFrame
    truth: FrameAnnotation
    sequence: str

    def __post_init__(self) -> None:
        require_text("sequence", self.sequence)
        if self.frame.stamp_ns != self.truth.stamp_ns:
            raise InvalidValueError(
                f"truth has stamp {self.truth.stamp_ns}, its frame {self.frame.stamp_ns}; "
                "they must be the same"
            )
        for name in ("mask", "clean_depth_m"):
            image = getattr(self.truth, name)
            if image is not None and image.shape != self.frame.rgb.shape[:2]:
                raise InvalidValueError(
                    f"true {name} has shape {image.shape}; the image has {self.frame.rgb.shape[:2]}"
                )
