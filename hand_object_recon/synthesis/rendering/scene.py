"""What is in front of the camera: bodies, and the surroundings they are seen in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import MaskLabel
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import (
    require_array,
    require_faces,
    require_rigid_transform,
)
from hand_object_recon.synthesis.rendering.appearance import Appearance
from hand_object_recon.synthesis.rendering.environment import Environment

NO_BODY: Final = 255

_LEVEL_CAMERA: Final = (
    (1.0, 0.0, 0.0, 0.0),
    (0.0, 0.0, -1.0, 0.0),
    (0.0, 1.0, 0.0, 0.6),
    (0.0, 0.0, 0.0, 1.0),
)


@dataclass(frozen=True, eq=False)
class SceneBody:
    """One closed surface.

    kind
        What the mask shows where the body is seen.
    vertices_m
        (V, 3) float32 in the camera optical frame.
    faces
        (F, 3) int32 counter-clockwise seen from outside; the inside is not drawn.
    rest_vertices_m
        (V, 3) the same vertices where they are at rest: a texture sticks to these. A hand's are
        those of its model's template, of the side it is.
    """

    kind: MaskLabel
    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    rest_vertices_m: NDArray[np.float32]
    appearance: Appearance

    def __post_init__(self) -> None:
        vertices = require_array("vertices_m", self.vertices_m, (None, 3), np.float32, finite=True)
        rest = require_array("rest_vertices_m", self.rest_vertices_m, vertices.shape, np.float32)
        faces = require_faces("faces", self.faces, len(vertices))
        for name, value in (("vertices_m", vertices), ("rest_vertices_m", rest), ("faces", faces)):
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class Scene:
    """Bodies before a camera, in an environment.

    camera_from_world
        (4, 4) rigid transform into the camera optical frame. The environment stands in the
        world: z up, metres, the origin where the hands work, the person on the side of -y. The
        default is a level camera on that side, 0.6 m away. A sequence with a moving camera
        changes it from frame to frame.
    """

    bodies: tuple[SceneBody, ...]
    camera: CameraIntrinsics
    environment: Environment
    camera_from_world: NDArray[np.floating[Any]] = field(
        default_factory=lambda: np.array(_LEVEL_CAMERA)
    )

    def __post_init__(self) -> None:
        pose = require_rigid_transform("camera_from_world", self.camera_from_world)
        object.__setattr__(self, "camera_from_world", pose)
        if len(self.bodies) >= NO_BODY:
            raise InvalidValueError(
                f"a scene has {len(self.bodies)} bodies; at most {NO_BODY - 1} can be drawn"
            )
        if self.camera.is_distorted:
            raise InvalidValueError(
                f"the scene's camera has distortion model {self.camera.distortion_model!r}; "
                "a pinhole camera is drawn: leave the distortion out"
            )
