"""The room as the camera sees it without the bodies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.synthesis.rendering.ambient_occlusion import open_share
from hand_object_recon.synthesis.rendering.appearance import Surface
from hand_object_recon.synthesis.rendering.drawing import JoinedMesh, see_bodies, shade_bodies
from hand_object_recon.synthesis.rendering.environment import Environment
from hand_object_recon.synthesis.rendering.lights import Lights
from hand_object_recon.synthesis.rendering.room import TABLE, Room, Thing
from hand_object_recon.synthesis.rendering.shadow_map import ShadowMap

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.floating[Any]]

_NEAREST_M: Final = 0.05
_INFRARED: Final = 0.7
_INWARD: Final = np.array(
    [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1], [0, 0, 1]],
    dtype=np.float32,
)


@dataclass(frozen=True, eq=False)
class Background:
    """color (H, W, 3) linear RGB, shaded (H, W, 3) the same in the key lamp's shadow, depth_m,
    facing and infrared (H, W); rays (3, H * W) of length one along the optical axis."""

    color: Float32Array
    shaded: Float32Array
    depth_m: Float32Array
    facing: Float32Array
    infrared: Float32Array
    rays: Float32Array

    def under(self, light: Float32Array) -> Float32Array:
        """(H, W, 3) linear RGB where (H, W) 0 to 1 of the key lamp's light arrives."""
        return np.asarray(self.shaded + in_color(light) * (self.color - self.shaded))


def in_color(values: Float32Array) -> Float32Array:
    """(H, W, 3) the values (H, W) in each channel, which multiplies faster than broadcasting."""
    return np.asarray(cv2.merge([values, values, values]))


def background_of(
    environment: Environment, camera: CameraIntrinsics, camera_from_world: FloatArray
) -> Background:
    """The view of the environment's room; kept while the camera stays where it is."""
    return _background(environment, camera, np.asarray(camera_from_world, dtype=float).tobytes())


@lru_cache(maxsize=4)
def _background(environment: Environment, camera: CameraIntrinsics, pose: bytes) -> Background:
    camera_from_world = np.frombuffer(pose, dtype=float).reshape(4, 4)
    empty = _empty_room(environment, camera, camera_from_world)
    furnished = _with_things(empty, environment, camera, camera_from_world)
    sigma = environment.background_blur * camera.width
    if sigma < 0.2:
        return furnished
    blurred, shaded = (
        np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), dtype=np.float32)
        for picture in (furnished.color, furnished.shaded)
    )
    return replace(furnished, color=blurred, shaded=shaded)


def _empty_room(
    environment: Environment, camera: CameraIntrinsics, camera_from_world: FloatArray
) -> Background:
    room, shape = environment.room, (camera.height, camera.width)
    rotation = camera_from_world[:3, :3]
    eye = (-rotation.T @ camera_from_world[:3, 3]).astype(np.float32)
    rays = pixel_rays(camera)
    directions = rotation.T.astype(np.float32) @ rays
    side, depth = _room_surface(room, eye, directions)
    places = eye[:, None] + directions * depth
    texture = _textured(room, side, places, shape)
    lit, shaded = _light_on_sides(environment.lights)
    across = np.choose(np.minimum(side // 2, 2), directions)
    facing = np.abs(across) / np.sqrt(np.einsum("cn,cn->n", directions, directions))
    return Background(
        color=texture * np.take(lit, side, axis=0).reshape(*shape, 3),
        shaded=texture * np.take(shaded, side, axis=0).reshape(*shape, 3),
        depth_m=depth.reshape(shape),
        facing=facing.reshape(shape),
        infrared=np.full(shape, _INFRARED, dtype=np.float32),
        rays=rays,
    )


def pixel_rays(camera: CameraIntrinsics) -> Float32Array:
    """(3, H * W) rays through the pixels' centres, of length one along the optical axis."""
    x = (np.arange(camera.width) - camera.cx) / camera.fx
    y = (np.arange(camera.height) - camera.cy) / camera.fy
    rays = np.ones((3, camera.height, camera.width), dtype=np.float32)
    rays[0], rays[1] = x, y[:, None]
    return rays.reshape(3, -1)


def _room_surface(
    room: Room, eye: Float32Array, directions: Float32Array
) -> tuple[NDArray[np.int8], Float32Array]:
    """Number of the side each ray (3, N) meets and how many of its lengths away it is."""
    away = np.where(np.abs(directions) < 1e-6, np.float32(1e-6), directions)
    is_high = away > 0
    bounds = np.where(is_high, room.high_m[:, None], room.low_m[:, None]).astype(np.float32)
    distance = np.maximum((bounds - eye[:, None]) / away, _NEAREST_M)
    depth = distance.min(axis=0)
    axis = np.where(distance[0] == depth, 0, np.where(distance[1] == depth, 1, 2))
    side = (2 * axis + np.choose(axis, is_high)).astype(np.int8)
    if room.table_height_m is not None and room.table_height_m < eye[2]:
        to_table = np.float32(room.table_height_m - eye[2]) / np.minimum(away[2], -1e-6)
        x, y = (eye[axis] + directions[axis] * to_table for axis in (0, 1))
        half_x, half_y = room.table_half_m
        on_table = (to_table < depth) & (np.abs(x) < half_x) & (np.abs(y) < half_y)
        side[on_table] = TABLE
        depth = np.where(on_table, to_table, depth)
    return side, depth.astype(np.float32)


def _light_on_sides(lights: Lights) -> tuple[Float32Array, Float32Array]:
    """(S, 3) light on each side of the room, with the key lamp and in its shadow."""
    normals = np.ascontiguousarray(_INWARD.T)
    white = Surface(np.ones_like(normals), gloss=0.0, gloss_power=1.0)
    everywhere = np.ones(len(_INWARD), dtype=np.float32)
    lit, shaded = (
        lights.shade(white, normals, normals, share, everywhere)
        for share in (everywhere, 0.0 * everywhere)
    )
    return lit.T, shaded.T


def _textured(
    room: Room, side: NDArray[np.int8], places: Float32Array, shape: tuple[int, int]
) -> Float32Array:
    """(H, W, 3) linear RGB of the room's sides at places (3, H * W)."""
    color = np.zeros((*shape, 3), dtype=np.float32)
    for number in np.flatnonzero(np.bincount(side, minlength=TABLE + 1)).tolist():
        axis = 2 if number == TABLE else number // 2
        across, down = ((1, 2), (0, 2), (0, 1))[axis]
        scale = np.float32(1.0 / room.texel_m[number])
        u = (places[across] * scale).reshape(shape)
        v = (-places[down] * scale).reshape(shape)
        texture = room.textures[number]
        seen = cv2.remap(texture, u, v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
        cv2.copyTo(seen, (side == number).astype(np.uint8).reshape(shape), color)
    return color


def _with_things(
    empty: Background,
    environment: Environment,
    camera: CameraIntrinsics,
    camera_from_world: FloatArray,
) -> Background:
    """The room with the things on its table, their shadows not on it."""
    if not environment.room.things:
        return empty
    rotation = camera_from_world[:3, :3].astype(np.float32)
    shift = camera_from_world[:3, 3].astype(np.float32)
    things = [_moved(thing, rotation, shift) for thing in environment.room.things]
    mesh = JoinedMesh.of(things)
    seen = see_bodies(mesh, camera)
    if len(seen.pixels) == 0:
        return empty
    depth = empty.depth_m.copy().ravel()
    nearer = seen.depth_m < depth[seen.pixels]
    seen = seen.only(nearer)
    depth[seen.pixels] = seen.depth_m
    depth_m = depth.reshape(empty.depth_m.shape)
    lights = environment.lights.turned(rotation)
    openness = open_share(depth_m)
    shadow = ShadowMap(mesh.vertices_m, mesh.faces, lights.key_direction)
    shading = shade_bodies(
        things, mesh, seen, empty.rays, lights, shadow, openness.ravel()[seen.pixels]
    )
    points = empty.rays * depth
    thrown = shadow.lit(points).reshape(depth_m.shape)
    around = in_color(openness)
    color = empty.under(np.asarray(cv2.GaussianBlur(thrown, (0, 0), 1.0), np.float32)) * around
    shaded = empty.shaded * around
    facing, infrared = empty.facing.copy(), empty.infrared.copy()
    for target in (color, shaded):
        target.reshape(-1, 3)[seen.pixels] = shading.color.T
    facing.ravel()[seen.pixels] = shading.facing
    infrared.ravel()[seen.pixels] = shading.infrared
    return Background(color, shaded, depth_m, facing, infrared, empty.rays)


def _moved(thing: Thing, rotation: Float32Array, shift: Float32Array) -> Thing:
    return replace(thing, vertices_m=thing.vertices_m @ rotation.T + shift)
