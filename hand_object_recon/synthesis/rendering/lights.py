"""The light of a scene: a key lamp that throws shadows, a fill lamp, and the room's glow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.rendering.appearance import Surface
from hand_object_recon.synthesis.rendering.colors import lamp_color

Float32Array = NDArray[np.float32]

_REFLECTION_SIZE: Final = 64


@dataclass(frozen=True, eq=False)
class Lights:
    """Directions (3,) towards the lamps are unit vectors; colours (3,) are linear RGB.

    reflection (64, 64, 3)
        What a mirror shows of the room, by the x and y of the mirrored direction.
    """

    key_direction: Float32Array
    key_color: Float32Array
    fill_direction: Float32Array
    fill_color: Float32Array
    up: Float32Array
    sky_color: Float32Array
    ground_color: Float32Array
    reflection: Float32Array

    def turned(self, rotation: NDArray[np.floating[Any]]) -> Lights:
        """The same light in a frame turned by (3, 3)."""
        turn = rotation.astype(np.float32)
        return Lights(
            turn @ self.key_direction,
            self.key_color,
            turn @ self.fill_direction,
            self.fill_color,
            turn @ self.up,
            self.sky_color,
            self.ground_color,
            self.reflection,
        )

    def shade(
        self,
        surface: Surface,
        normals: Float32Array,
        towards_camera: Float32Array,
        lit: Float32Array,
        open_share: Float32Array,
    ) -> Float32Array:
        """(3, N) linear RGB of N places; normals and towards_camera (3, N) are unit vectors.

        lit
            (N,) 0 in the key lamp's shadow to 1 out of it.
        open_share
            (N,) share of the room's glow that gets into the corner a place lies in.
        """
        key_cosine = self.key_direction @ normals
        upwards = 0.5 + 0.5 * (self.up @ normals)
        glow = self.ground_color[:, None] + upwards * (self.sky_color - self.ground_color)[:, None]
        fill = np.maximum(self.fill_direction @ normals, 0.0) * open_share
        light = _wrapped(key_cosine, surface.scatter) * (lit * self.key_color[:, None])
        light += glow * open_share + fill * self.fill_color[:, None]
        matt = 1.0 - surface.mirror
        color = surface.color * light if matt == 1.0 else matt * surface.color * light
        if surface.gloss > 0.0:
            gloss = self._highlight(surface, normals, towards_camera) * (lit * (key_cosine > 0))
            color += gloss * self.key_color[:, None]
        if surface.mirror > 0.0:
            color += self._mirrored(surface, normals, towards_camera) * open_share
        return np.asarray(color)

    def _highlight(
        self, surface: Surface, normals: Float32Array, towards_camera: Float32Array
    ) -> Float32Array:
        halfway = towards_camera + self.key_direction[:, None]
        length = np.sqrt(np.einsum("cn,cn->n", halfway, halfway))
        cosine = np.einsum("cn,cn->n", normals, halfway) / np.maximum(length, 1e-6)
        power = cv2.pow(np.maximum(cosine, 0.0)[None], surface.gloss_power)[0]
        return np.asarray(surface.gloss * power)

    def _mirrored(
        self, surface: Surface, normals: Float32Array, towards_camera: Float32Array
    ) -> Float32Array:
        cosine = np.einsum("cn,cn->n", normals, towards_camera)
        direction = 2.0 * cosine * normals - towards_camera
        half = 0.5 * _REFLECTION_SIZE
        column, row = (
            np.clip(half + half * direction[axis], 0, _REFLECTION_SIZE - 1).astype(np.int32)
            for axis in (0, 1)
        )
        seen = self.reflection.reshape(-1, 3)[row * _REFLECTION_SIZE + column].T
        grazing = (1.0 - np.clip(cosine, 0.0, 1.0)) ** 5
        share = surface.mirror + (1.0 - surface.mirror) * grazing
        return np.asarray(share * seen * (surface.color if surface.is_metal else 1.0))


def draw_lights(random: np.random.Generator) -> Lights:
    """A lamp anywhere in the upper half, most often in front, warm to blue, weak to strong."""
    color = lamp_color(random.uniform(2800.0, 8000.0))
    room = 0.5 * color + 0.5 * lamp_color(random.uniform(3500.0, 8000.0))
    key_share = random.uniform(0.35, 0.85)
    sky = 1.1 * (1.0 - key_share) * room
    ground = sky * random.uniform(0.35, 0.9) * random.uniform(0.85, 1.1, 3)
    key_color = 1.35 * key_share * color
    return Lights(
        key_direction=_draw_direction(random, (25.0, 85.0)),
        key_color=key_color.astype(np.float32),
        fill_direction=_draw_direction(random, (5.0, 60.0)),
        fill_color=(random.uniform(0.05, 0.4) * room).astype(np.float32),
        up=np.array([0.0, 0.0, 1.0], dtype=np.float32),
        sky_color=sky.astype(np.float32),
        ground_color=ground.astype(np.float32),
        reflection=_draw_reflection(random, sky, ground, key_color),
    )


def _wrapped(cosine: Float32Array, scatter: tuple[float, float, float]) -> Float32Array:
    """(3, N) or (1, N) share of the lamp: red light travels farther around an edge than blue."""
    if not any(scatter):
        return np.maximum(cosine, 0.0)[None]
    reach = np.array(scatter, dtype=np.float32)[:, None]
    return np.maximum((cosine + reach) / (1.0 + reach), 0.0)


def _draw_direction(
    random: np.random.Generator, elevation_deg: tuple[float, float]
) -> Float32Array:
    """(3,) in the world: z up, more often on the person's side (-y)."""
    elevation = np.deg2rad(random.uniform(*elevation_deg))
    azimuth = np.deg2rad(random.normal(-90.0, 75.0))
    level = np.cos(elevation)
    return np.array(
        [level * np.cos(azimuth), level * np.sin(azimuth), np.sin(elevation)], dtype=np.float32
    )


def _draw_reflection(
    random: np.random.Generator,
    sky: NDArray[Any],
    ground: NDArray[Any],
    key_color: NDArray[Any],
) -> Float32Array:
    """A horizon, dark furniture and bright windows, out of focus."""
    share = np.clip(np.linspace(1.4, -0.4, _REFLECTION_SIZE), 0.0, 1.0)[:, None, None]
    room = np.broadcast_to(ground + share * (sky - ground), (_REFLECTION_SIZE,) * 2 + (3,))
    room = np.ascontiguousarray(room, dtype=np.float32)
    for _ in range(random.integers(4, 10)):
        x, y = random.integers(0, _REFLECTION_SIZE, 2).tolist()
        width, height = random.integers(4, 26, 2).tolist()
        is_window = random.random() < 0.35
        tint = (1.6 * key_color if is_window else random.uniform(0.1, 0.8) * sky).tolist()
        cv2.rectangle(room, (x, y), (x + width, y + height), tint, -1)
    return np.asarray(cv2.GaussianBlur(room, (0, 0), random.uniform(0.6, 2.5)), dtype=np.float32)
