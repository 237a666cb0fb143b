"""A scene as a colour + depth camera takes it, and all that is true of each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import MaskLabel
from hand_object_recon.synthesis.rendering.ambient_occlusion import open_share
from hand_object_recon.synthesis.rendering.background import Background, background_of, in_color
from hand_object_recon.synthesis.rendering.drawing import (
    JoinedMesh,
    SeenBodies,
    Shading,
    see_bodies,
    shade_bodies,
)
from hand_object_recon.synthesis.rendering.scene import NO_BODY, Scene
from hand_object_recon.synthesis.rendering.shadow_map import ShadowMap

Float32Array = NDArray[np.float32]

_SHADOW_WIDTH_PX: Final = 160


@dataclass(frozen=True, eq=False)
class RenderedFrame:
    """What a camera measures, and the truth.

    rgb
        (H, W, 3) uint8.
    depth_m
        (H, W) float32 metres measured, whole millimetres, NaN where there is no reading.
    clean_depth_m
        (H, W) float32 true metres along the optical axis, the background's included.
    mask
        (H, W) uint8, ``MaskLabel`` of what is seen.
    body
        (H, W) uint8 number of the scene's body that is seen, ``NO_BODY`` for none.
    face
        (H, W) int32 number of that body's face, -1 for none.
    """

    rgb: NDArray[np.uint8]
    depth_m: Float32Array
    clean_depth_m: Float32Array
    mask: NDArray[np.uint8]
    body: NDArray[np.uint8]
    face: NDArray[np.int32]


def render(scene: Scene, random: np.random.Generator) -> RenderedFrame:
    """Take a picture of the scene; ``random`` is for what differs from frame to frame.

    A body is in front of the room even where it reaches behind a wall or below the table.
    """
    background = background_of(scene.environment, scene.camera, scene.camera_from_world)
    if not scene.bodies:
        return _photograph(scene, background, _Canvas(background), random)
    mesh = JoinedMesh.of(scene.bodies)
    canvas = _Canvas(background)
    seen = see_bodies(mesh, scene.camera)
    canvas.place(seen, scene)
    openness = open_share(canvas.depth_m)
    rotation = scene.camera_from_world[:3, :3]
    lights = scene.environment.lights.turned(rotation)
    shadow = ShadowMap(mesh.vertices_m, mesh.faces, lights.key_direction)
    shading = shade_bodies(
        scene.bodies, mesh, seen, background.rays, lights, shadow, openness.ravel()[seen.pixels]
    )
    canvas.color = _shadowed(background, shadow) * in_color(openness)
    canvas.paint(seen, shading)
    return _photograph(scene, background, canvas, random)


class _Canvas:
    """The picture while it is drawn: the background first."""

    def __init__(self, background: Background) -> None:
        shape = background.depth_m.shape
        self.color = background.color
        self.depth_m = background.depth_m.copy()
        self.facing = background.facing.copy()
        self.infrared = background.infrared.copy()
        self.mask = np.full(shape, MaskLabel.BACKGROUND, dtype=np.uint8)
        self.body = np.full(shape, NO_BODY, dtype=np.uint8)
        self.face = np.full(shape, -1, dtype=np.int32)

    def place(self, seen: SeenBodies, scene: Scene) -> None:
        kinds = np.array([body.kind for body in scene.bodies], dtype=np.uint8)
        for picture, values in (
            (self.depth_m, seen.depth_m),
            (self.mask, kinds[seen.bodies]),
            (self.body, seen.bodies),
            (self.face, seen.faces),
        ):
            _put(picture, seen, values)

    def paint(self, seen: SeenBodies, shading: Shading) -> None:
        self.color.reshape(-1, 3)[seen.pixels] = shading.color.T
        _put(self.facing, seen, shading.facing)
        _put(self.infrared, seen, shading.infrared)


def _put(picture: NDArray[Any], seen: SeenBodies, values: NDArray[Any]) -> None:
    picture.reshape(-1)[seen.pixels] = values


def _shadowed(background: Background, shadow: ShadowMap) -> Float32Array:
    """(H, W, 3) the background with the bodies' shadow, which is found on a coarser grid."""
    height, width = background.depth_m.shape
    step = max(round(width / _SHADOW_WIDTH_PX), 1)
    rays = background.rays.reshape(3, height, width)[:, ::step, ::step]
    points = rays * background.depth_m[::step, ::step]
    lit = shadow.lit(np.ascontiguousarray(points.reshape(3, -1))).reshape(points.shape[1:])
    soft = cv2.GaussianBlur(lit, (0, 0), 1.2)
    light = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR)
    return background.under(np.asarray(light, dtype=np.float32))


def _photograph(
    scene: Scene, background: Background, canvas: _Canvas, random: np.random.Generator
) -> RenderedFrame:
    environment = scene.environment
    return RenderedFrame(
        rgb=environment.image_sensor.develop(canvas.color, random),
        depth_m=environment.depth_sensor.measure(
            canvas.depth_m, canvas.facing, scene.camera, random, canvas.infrared
        ),
        clean_depth_m=canvas.depth_m,
        mask=canvas.mask,
        body=canvas.body,
        face=canvas.face,
    )
