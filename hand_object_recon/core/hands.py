"""What is known of one hand: where it was detected, and what shape it has in space."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.core.validation import (
    require_array,
    require_faces,
    require_range,
    require_rigid_transform,
    require_text,
)

POSE_LENGTH = 48
SHAPE_LENGTH = 10


class HandSide(str, Enum):
    """The person's own left or right."""

    LEFT = "left"
    RIGHT = "right"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True)
class BoundingBox:
    """Axis-aligned box in pixels; it may reach beyond the image."""

    x_min: float
    y_min: float
    x_max: float
    y_max: float

    def __post_init__(self) -> None:
        if not (self.x_max > self.x_min and self.y_max > self.y_min):
            raise InvalidValueError(
                f"bounding box is ({self.x_min}, {self.y_min}, {self.x_max}, {self.y_max}); "
                "its maxima must exceed its minima"
            )

    @classmethod
    def around(cls, points_px: NDArray[Any], margin: float = 0.0) -> BoundingBox:
        """Tightest box around (N, 2) pixels, grown on each side by ``margin`` of its size."""
        low, high = points_px.min(axis=0), points_px.max(axis=0)
        grown = margin * float((high - low).max()) + 0.5
        return cls(
            float(low[0]) - grown,
            float(low[1]) - grown,
            float(high[0]) + grown,
            float(high[1]) + grown,
        )

    @property
    def width(self) -> float:
        return self.x_max - self.x_min

    @property
    def height(self) -> float:
        return self.y_max - self.y_min

    @property
    def center(self) -> tuple[float, float]:
        return (self.x_min + self.x_max) / 2, (self.y_min + self.y_max) / 2

    def grown(self, margin: float) -> BoundingBox:
        """The box grown on each side by ``margin`` times its longer side."""
        pad = margin * max(self.width, self.height)
        return BoundingBox(self.x_min - pad, self.y_min - pad, self.x_max + pad, self.y_max + pad)

    def shifted(self, dx: float, dy: float) -> BoundingBox:
        return BoundingBox(self.x_min + dx, self.y_min + dy, self.x_max + dx, self.y_max + dy)

    def intersection_over_union(self, other: BoundingBox) -> float:
        """Area of the overlap divided by the area of the union, 0 to 1."""
        overlap_x = min(self.x_max, other.x_max) - max(self.x_min, other.x_min)
        overlap_y = min(self.y_max, other.y_max) - max(self.y_min, other.y_min)
        overlap = max(overlap_x, 0.0) * max(overlap_y, 0.0)
        union = self.width * self.height + other.width * other.height - overlap
        return overlap / union

    def pixel_slices(self, height: int, width: int) -> tuple[slice, slice]:
        """Row and column slices of the part inside a (height, width) image; may be empty."""
        rows = slice(
            int(np.clip(np.floor(self.y_min), 0, height)),
            int(np.clip(np.ceil(self.y_max) + 1, 0, height)),
        )
        columns = slice(
            int(np.clip(np.floor(self.x_min), 0, width)),
            int(np.clip(np.ceil(self.x_max) + 1, 0, width)),
        )
        return rows, columns


@dataclass(frozen=True, eq=False)
class HandDetection:
    """One hand found in a colour image.

    score
        0 to 1, how sure the detector is that a hand is here.
    keypoints_px
        (21, 2) float32 pixel coordinates in the order of ``core.keypoints``, or None.
    relative_keypoints_m
        (21, 3) float32 metres in camera axes about an arbitrary origin and of uncertain scale,
        where the detector gives such a guess of the hand's shape, or None.
    is_followed
        True when no detector saw the hand in this frame and the box was carried on by depth.
    """

    side: HandSide
    score: float
    box: BoundingBox
    keypoints_px: NDArray[np.float32] | None = None
    relative_keypoints_m: NDArray[np.float32] | None = None
    is_followed: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "side", HandSide(self.side))
        require_range("detection score", self.score, 0.0, 1.0)
        for name, width in (("keypoints_px", 2), ("relative_keypoints_m", 3)):
            value = getattr(self, name)
            if value is not None:
                shape = (KEYPOINT_COUNT, width)
                array = require_array(name, value, shape, np.float32, finite=True)
                object.__setattr__(self, name, array)


@dataclass(frozen=True, eq=False)
class TrackedHand:
    """A detection with its identity over time, as the tracker hands it to a reconstructor.

    ``history`` holds earlier (frame, detection) pairs of the same track, oldest first, at most
    as many as the reconstructor's card asks for. ``is_new`` is True for the first frame of a
    track and for the first one after it was lost.
    """

    track_id: int
    detection: HandDetection
    is_new: bool = False
    history: Sequence[tuple[RgbdFrame, HandDetection]] = ()

    @property
    def side(self) -> HandSide:
        return self.detection.side


@dataclass(frozen=True, eq=False)
class HandTopology:
    """The triangles of a hand mesh, named so that nobody compares vertices of different meshes.

    faces
        (F, 3) int32 vertex numbers, counter-clockwise seen from outside.
    """

    name: str
    vertex_count: int
    faces: NDArray[np.int32]

    def __post_init__(self) -> None:
        require_text("topology name", self.name)
        faces = require_faces(f"faces of topology {self.name!r}", self.faces, self.vertex_count)
        object.__setattr__(self, "faces", faces)


@dataclass(frozen=True, eq=False)
class HandSurface:
    """A closed mesh of a hand whose vertices are of no hand model.

    vertices_m
        (V, 3) float32 metres in the camera optical frame.
    faces
        (F, 3) int32, counter-clockwise seen from outside.
    normals
        (V, 3) float32 unit normals outwards.
    """

    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    normals: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name in ("vertices_m", "normals"):
            shape = (None if name == "vertices_m" else len(self.vertices_m), 3)
            value = getattr(self, name)
            array = require_array(f"hand surface {name}", value, shape, np.float32, finite=True)
            object.__setattr__(self, name, array)
        faces = require_faces("hand surface faces", self.faces, len(self.vertices_m))
        object.__setattr__(self, "faces", faces)


@dataclass(frozen=True, eq=False)
class HandEstimate:
    """One hand in space, in metres, in the camera optical frame (x right, y down, z forward).

    joints_m
        (21, 3) float32 in the order of ``core.keypoints``.
    joint_visibility
        (21,) float32, 0 (inferred) to 1 (seen by the depth camera).
    vertices_m
        (V, 3) float32 mesh vertices of the topology named ``topology``.
    wrist_pose
        (4, 4) float64 rigid transform from the hand model's rest frame at the wrist to the
        camera.
    pose_rad
        (48,) float32 axis-angle: global orientation, then 15 joints of the hand model.
    shape
        (10,) float32 coefficients of the hand model's shape space.
    placement_residual_m
        Median distance between the visible surface and the measured depth; NaN where no depth
        was measured on the hand.
    surface
        The hand's surface as a method saw it that is bound to no hand model, where it saw it;
        such a method may make one of some frames only. None otherwise. Smoothing and refinement
        leave it as it is.
    joint_confidence
        (21,) float32, 0 to 1, how sure the method is of where each joint is; None where it does
        not tell.
    """

    track_id: int
    side: HandSide
    score: float
    joints_m: NDArray[np.float32]
    joint_visibility: NDArray[np.float32]
    vertices_m: NDArray[np.float32]
    topology: str
    wrist_pose: NDArray[np.float64]
    pose_rad: NDArray[np.float32]
    shape: NDArray[np.float32]
    placement_residual_m: float = float("nan")
    surface: HandSurface | None = None
    joint_confidence: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        def convert(name: str, shape: tuple[int | None, ...], dtype: type[np.generic]) -> None:
            array = require_array(name, getattr(self, name), shape, dtype, finite=True)
            object.__setattr__(self, name, array)

        object.__setattr__(self, "side", HandSide(self.side))
        require_range("hand score", self.score, 0.0, 1.0)
        require_text("topology", self.topology)
        convert("joints_m", (KEYPOINT_COUNT, 3), np.float32)
        convert("joint_visibility", (KEYPOINT_COUNT,), np.float32)
        convert("vertices_m", (None, 3), np.float32)
        convert("pose_rad", (POSE_LENGTH,), np.float32)
        convert("shape", (SHAPE_LENGTH,), np.float32)
        if self.joint_confidence is not None:
            convert("joint_confidence", (KEYPOINT_COUNT,), np.float32)
        wrist_pose = require_rigid_transform("wrist_pose", self.wrist_pose)
        object.__setattr__(self, "wrist_pose", wrist_pose)

    def moved(self, offset_m: NDArray[Any]) -> HandEstimate:
        """The same hand translated by ``offset_m`` (3,) metres."""
        offset = np.asarray(offset_m, dtype=np.float32)
        wrist_pose = self.wrist_pose.copy()
        wrist_pose[:3, 3] += offset
        surface = self.surface
        if surface is not None:
            surface = replace(surface, vertices_m=surface.vertices_m + offset)
        return replace(
            self,
            joints_m=self.joints_m + offset,
            vertices_m=self.vertices_m + offset,
            wrist_pose=wrist_pose,
            surface=surface,
        )
