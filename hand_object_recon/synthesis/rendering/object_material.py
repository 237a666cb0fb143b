"""What objects are made of: a pattern in two colours, and how the surface shines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.rendering.appearance import Appearance, Surface
from hand_object_recon.synthesis.rendering.colors import draw_color
from hand_object_recon.synthesis.rendering.noise_tiles import SIZE, look_up, noise_tile

Float32Array = NDArray[np.float32]
FloatArray = NDArray[np.floating[Any]]

_PRINT_SIZE: Final = 128
_PRINT_PERIOD_M: Final = 0.09


@dataclass(frozen=True)
class Finish:
    """How a surface shines; see ``appearance.Surface``."""

    gloss: tuple[float, float]
    gloss_power: tuple[float, float]
    mirror: tuple[float, float]
    is_metal: bool
    infrared: float


_FINISHES: Final = {
    "matt": Finish((0.0, 0.03), (4.0, 10.0), (0.0, 0.0), False, 0.9),
    "plastic": Finish((0.10, 0.35), (30.0, 90.0), (0.02, 0.06), False, 0.8),
    "glossy": Finish((0.4, 0.9), (120.0, 400.0), (0.06, 0.14), False, 0.6),
    "metal": Finish((0.3, 0.9), (40.0, 200.0), (0.45, 0.9), True, 0.3),
}
_FINISH_CHANCES: Final = (0.34, 0.36, 0.18, 0.12)


@dataclass(frozen=True, eq=False)
class ObjectMaterial(Appearance):
    """A pattern in the object's own coordinates, so that it turns with the object.

    first, second (3,)
        Linear RGB reflectance of the pattern's two colours.
    axes (3, 3)
        Rows are the pattern's directions in the object's frame.
    print_rgb (128, 128, 3)
        Linear RGB of what is printed around the object where the pattern is "label".
    """

    first: Float32Array
    second: Float32Array
    pattern: str
    period_m: float
    axes: Float32Array
    offset: float
    wear: float
    print_rgb: Float32Array
    gloss: float
    gloss_power: float
    mirror: float
    is_metal: bool
    infrared_share: float

    def surface(self, features: Float32Array) -> Surface:
        places = self.axes @ features
        if self.pattern == "label":
            color = self._printed(features)
        else:
            share = _PATTERNS[self.pattern](places / self.period_m + self.offset)
            color = self.first[:, None] + share * (self.second - self.first)[:, None]
        color *= 1.0 + self.wear * _stains(places)
        return Surface(color, self.gloss, self.gloss_power, self.mirror, self.is_metal)

    @property
    def infrared(self) -> float:
        brightness = float(np.clip(0.3 + 1.4 * (self.first + self.second).mean(), 0.0, 1.0))
        return self.infrared_share * brightness

    def _printed(self, features: Float32Array) -> Float32Array:
        """(3, N): a printed band around the object's z axis, the first colour outside it."""
        turn = np.arctan2(features[1], features[0]) * np.float32(2 * _PRINT_SIZE / (2 * np.pi))
        height = features[2] * np.float32(_PRINT_SIZE / _PRINT_PERIOD_M)
        columns = turn.astype(np.int32) & (_PRINT_SIZE - 1)
        rows = (height + 64 * _PRINT_SIZE).astype(np.int32) & (_PRINT_SIZE - 1)
        color = np.ascontiguousarray(self.print_rgb.reshape(-1, 3)[rows * _PRINT_SIZE + columns].T)
        is_band = np.abs(features[2]) < 0.45 * _PRINT_PERIOD_M
        return np.where(is_band, color, self.first[:, None])


def draw_object_material(random: np.random.Generator) -> ObjectMaterial:
    """A material with any pattern, colours and finish."""
    finish = _FINISHES[str(random.choice(list(_FINISHES), p=_FINISH_CHANCES))]
    patterns = [*_PATTERNS, "label"]
    first = _draw_metal(random) if finish.is_metal else draw_color(random)
    second = first * random.uniform(0.5, 1.0) if finish.is_metal else draw_color(random)
    axes, _ = np.linalg.qr(random.standard_normal((3, 3)))
    return ObjectMaterial(
        first=first,
        second=np.asarray(second, dtype=np.float32),
        pattern=str(random.choice(patterns)),
        period_m=random.uniform(0.01, 0.05),
        axes=axes.astype(np.float32),
        offset=random.uniform(0.0, 1.0),
        wear=random.uniform(0.0, 0.10),
        print_rgb=_draw_print(random, first),
        gloss=random.uniform(*finish.gloss),
        gloss_power=random.uniform(*finish.gloss_power),
        mirror=random.uniform(*finish.mirror),
        is_metal=finish.is_metal,
        infrared_share=finish.infrared,
    )


def _solid(places: Float32Array) -> Float32Array:
    return np.zeros_like(places[0])


def _stripes(places: Float32Array) -> Float32Array:
    return np.asarray(np.mod(places[0], 1.0) < 0.5, dtype=np.float32)


def _checker(places: Float32Array) -> Float32Array:
    return np.asarray(np.floor(places).astype(np.int32).sum(axis=0) & 1, dtype=np.float32)


def _dots(places: Float32Array) -> Float32Array:
    offset = np.mod(places, 1.0) - 0.5
    return np.asarray(np.einsum("cn,cn->n", offset, offset) < 0.12, dtype=np.float32)


def _marble(places: Float32Array) -> Float32Array:
    x, y, z = 1.3 * places
    warped = x + 1.1 * np.sin(1.7 * y + 0.8 * np.sin(2.3 * z)) + 0.6 * np.sin(3.1 * z + x)
    return np.asarray((0.5 + 0.5 * np.sin(2.4 * warped)) ** 3, dtype=np.float32)


def _wood(places: Float32Array) -> Float32Array:
    x, y, z = places
    radius = np.sqrt((x + 1.5) ** 2 + (y - 0.7) ** 2) + 0.12 * np.sin(0.9 * z + 1.3 * x)
    ring = np.mod(2.2 * radius, 1.0)
    fibre = look_up(noise_tile(2.0), 190.0 * radius + 4 * SIZE, 9.0 * z + 4 * SIZE)
    return np.asarray(0.75 * ring**1.6 + 0.06 * fibre + 0.1, dtype=np.float32)


def _two_tone(places: Float32Array) -> Float32Array:
    return np.asarray(places[0] > 0.5, dtype=np.float32)


def _speckle(places: Float32Array) -> Float32Array:
    tile = noise_tile(3.0)
    shift = np.float32(8 * SIZE)
    across, down = 60.0 * places[0] + 37.0 * places[2], 60.0 * places[1] - 23.0 * places[2]
    return np.clip(1.5 * look_up(tile, across + shift, down + shift) - 0.6, 0.0, 1.0)


_PATTERNS: Final[dict[str, Callable[[Float32Array], Float32Array]]] = {
    "solid": _solid,
    "stripes": _stripes,
    "checker": _checker,
    "dots": _dots,
    "marble": _marble,
    "wood": _wood,
    "two_tone": _two_tone,
    "speckle": _speckle,
}


def _stains(places: Float32Array) -> Float32Array:
    shift = np.float32(8 * SIZE)
    across = 900.0 * (places[0] + 0.4 * places[2])
    down = 900.0 * (places[1] - 0.4 * places[2])
    return look_up(noise_tile(32.0, 4), across + shift, down + shift)


def _draw_metal(random: np.random.Generator) -> Float32Array:
    """Steel, aluminium, brass or copper, roughly."""
    tints = ((0.62, 0.61, 0.60), (0.80, 0.80, 0.81), (0.85, 0.68, 0.38), (0.86, 0.55, 0.42))
    return np.array(tints[random.integers(len(tints))], dtype=np.float32)


def _draw_print(random: np.random.Generator, ground: Float32Array) -> Float32Array:
    """(128, 128, 3) linear RGB: fields of colour, and bars like lines of text."""
    paper = np.empty((_PRINT_SIZE, _PRINT_SIZE, 3), dtype=np.float32)
    paper[:] = draw_color(random) if random.random() < 0.6 else ground
    for _ in range(random.integers(2, 6)):
        _draw_field(paper, random)
    top = int(random.integers(5, 90))
    ink = draw_color(random)
    for line in range(random.integers(2, 7)):
        _draw_text_line(paper, top + 6 * line, ink, random)
    return paper


def _draw_field(paper: Float32Array, random: np.random.Generator) -> None:
    color = draw_color(random).tolist()
    x, y = random.integers(0, _PRINT_SIZE, 2).tolist()
    width, height = random.integers(8, 70, 2).tolist()
    if random.random() < 0.5:
        cv2.rectangle(paper, (x, y), (x + width, y + height), color, -1)
    else:
        cv2.ellipse(paper, (x, y), (width // 2, height // 2), 0, 0, 360, color, -1, cv2.LINE_AA)


def _draw_text_line(
    paper: Float32Array, row: int, ink: Float32Array, random: np.random.Generator
) -> None:
    column = int(random.integers(5, 40))
    for _ in range(random.integers(2, 6)):
        length = int(random.integers(4, 18))
        cv2.rectangle(paper, (column, row), (column + length, row + 2), ink.tolist(), -1)
        column += length + 3
