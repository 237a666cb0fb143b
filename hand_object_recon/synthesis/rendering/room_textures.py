"""Pictures that tile walls, floors and tables: drawn at random, or a user's own images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.rendering.colors import draw_color, linear_from_srgb
from hand_object_recon.synthesis.rendering.noise_tiles import SIZE as TILE_SIZE
from hand_object_recon.synthesis.rendering.noise_tiles import noise_tile

Float32Array = NDArray[np.float32]
Draw = Callable[[np.random.Generator], Float32Array]

SIZE: Final = 256

_IMAGE_SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}


def draw_wall_texture(random: np.random.Generator) -> Float32Array:
    """(256, 256, 3) linear RGB of a wall."""
    return _draw_one(random, (_paint, _wallpaper, _bricks, _shelf, _clutter), (3, 1, 1, 2, 2))


def draw_table_texture(random: np.random.Generator) -> Float32Array:
    """(256, 256, 3) linear RGB of a table's top or of a floor."""
    kinds = (_paint, _planks, _stone, _tablecloth, _tiles, _clutter)
    return _draw_one(random, kinds, (3, 4, 2, 1.5, 1, 1))


def read_texture(image_folder: Path, random: np.random.Generator) -> Float32Array:
    """(256, 256, 3) linear RGB: a square cut from a random image of a folder.

    Raises
    ------
    InvalidValueError
        The folder holds no image, or the chosen one does not read.
    """
    paths = sorted(
        path for path in image_folder.glob("*") if path.suffix.lower() in _IMAGE_SUFFIXES
    )
    if not paths:
        raise InvalidValueError(
            f"background folder {image_folder} holds no image "
            f"({', '.join(sorted(_IMAGE_SUFFIXES))}); name a folder that does"
        )
    path = paths[random.integers(len(paths))]
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise InvalidValueError(f"background image {path} does not read; remove it")
    side = min(image.shape[:2])
    top = int(random.integers(image.shape[0] - side + 1))
    left = int(random.integers(image.shape[1] - side + 1))
    square = image[top : top + side, left : left + side, ::-1]
    scaled = cv2.resize(square, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return linear_from_srgb(scaled.astype(np.float32) / 255.0)


def _draw_one(
    random: np.random.Generator, kinds: tuple[Draw, ...], weights: tuple[float, ...]
) -> Float32Array:
    chances = np.array(weights) / sum(weights)
    texture = kinds[random.choice(len(kinds), p=chances)](random)
    texture *= 1.0 + random.uniform(0.0, 0.06) * _noise(random, 48.0, 4)[..., None]
    texture *= 1.0 + random.uniform(0.0, 0.04) * _noise(random, 1.5, 1)[..., None]
    return np.clip(texture, 0.005, 1.0)


def _paint(random: np.random.Generator) -> Float32Array:
    return _filled(_muted(random))


def _wallpaper(random: np.random.Generator) -> Float32Array:
    ground, stripe = _muted(random), _muted(random)
    texture = _filled(ground)
    period = 2 ** int(random.integers(3, 7))
    texture[:, np.arange(SIZE) % period < random.uniform(0.2, 0.6) * period] = stripe
    return texture


def _bricks(random: np.random.Generator) -> Float32Array:
    texture = _filled(draw_color(random, (0.0, 0.2), (0.4, 0.85)))
    base = _muted(random)
    for row in range(8):
        for column in range(-1, 5):
            x, y = column * 64 + 32 * (row % 2), row * 32
            tint = (base * random.uniform(0.75, 1.2)).tolist()
            cv2.rectangle(texture, (x + 2, y + 2), (x + 61, y + 29), tint, -1)
    return texture


def _planks(random: np.random.Generator) -> Float32Array:
    wood = linear_from_srgb(
        np.array([[0.80, 0.64, 0.45], [0.55, 0.38, 0.24], [0.90, 0.80, 0.66], [0.33, 0.22, 0.15]])
    )[random.integers(4)]
    plank = 2 ** int(random.integers(5, 9))
    brightness = np.repeat(random.uniform(0.82, 1.12, SIZE // plank), plank)
    grain = cv2.resize(_noise(random, 4.0, 3)[:, :32], (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    texture = wood * (brightness[:, None] * (1.0 + 0.10 * grain))[..., None]
    if plank < SIZE:
        texture[np.arange(SIZE) % plank < 1] *= 0.55
    return np.asarray(texture, dtype=np.float32)


def _stone(random: np.random.Generator) -> Float32Array:
    first, second = draw_color(random, (0.0, 0.25)), draw_color(random, (0.0, 0.3))
    veins = np.abs(_noise(random, 64.0, 5)) ** 0.6
    share = np.clip(random.uniform(0.4, 1.0) * veins, 0.0, 1.0)[..., None]
    return np.asarray(first + share * (second - first), dtype=np.float32)


def _tablecloth(random: np.random.Generator) -> Float32Array:
    first, second = _muted(random), draw_color(random, (0.0, 0.2), (0.7, 0.97))
    period = 2 ** int(random.integers(3, 7))
    stripe = (np.arange(SIZE) % period < period // 2).astype(np.float32)
    share = 0.5 * (stripe[:, None] + stripe)[..., None]
    return np.asarray(second + share * (first - second), dtype=np.float32)


def _tiles(random: np.random.Generator) -> Float32Array:
    texture = _filled(draw_color(random, (0.0, 0.3), (0.4, 0.95)))
    period = 2 ** int(random.integers(5, 8))
    joint = np.arange(SIZE) % period < 3
    texture[joint] *= 0.6
    texture[:, joint] *= 0.6
    return texture


def _shelf(random: np.random.Generator) -> Float32Array:
    """Boards with the backs of books and boxes."""
    texture = _filled(draw_color(random, (0.0, 0.4), (0.1, 0.5)))
    shelves = int(random.integers(2, 5))
    height = SIZE // shelves
    for shelf in range(shelves):
        x, floor = int(random.integers(0, 12)), (shelf + 1) * height - 6
        while x < SIZE - 4:
            width = int(random.integers(5, 26))
            top = floor - int(random.uniform(0.4, 0.9) * height)
            color = draw_color(random, (0.1, 0.85), (0.15, 0.9)).tolist()
            cv2.rectangle(texture, (x, top), (x + width - 2, floor), color, -1)
            x += width if random.random() < 0.85 else width + int(random.integers(5, 60))
        cv2.rectangle(texture, (0, floor + 1), (SIZE, floor + 6), (0.5, 0.42, 0.34), -1)
    return texture


def _clutter(random: np.random.Generator) -> Float32Array:
    """Pictures, papers, cables and shadows of things that are not modelled."""
    texture = _filled(_muted(random))
    for _ in range(random.integers(4, 18)):
        color = draw_color(random, (0.0, 0.8), (0.05, 0.97)).tolist()
        center, size = random.uniform(0, SIZE, 2).tolist(), random.uniform(6, 90, 2).tolist()
        kind = random.random()
        if kind < 0.6:
            box = cv2.boxPoints((center, size, random.normal(0.0, 15.0)))
            cv2.fillPoly(texture, [box.astype(np.int32)], color, cv2.LINE_AA)
        elif kind < 0.8:
            cv2.ellipse(texture, (center, size, random.uniform(0, 180)), color, -1, cv2.LINE_AA)
        else:
            way = random.uniform(0, SIZE, (4, 2)).astype(np.int32)
            cv2.polylines(texture, [way], False, color, int(random.integers(1, 5)), cv2.LINE_AA)
    return texture


def _muted(random: np.random.Generator) -> Float32Array:
    """(3,) linear RGB of paint and cloth: most often pale or gray, seldom strong."""
    strongest = 0.75 * random.uniform() ** 2.5
    return draw_color(random, (0.0, strongest), (0.2, 0.97))


def _filled(color: Float32Array) -> Float32Array:
    texture = np.empty((SIZE, SIZE, 3), dtype=np.float32)
    texture[:] = color
    return texture


def _noise(random: np.random.Generator, grain: float, octaves: int) -> Float32Array:
    """(256, 256) a random part of a noise tile."""
    left, top = random.integers(0, TILE_SIZE - SIZE, 2)
    return noise_tile(grain, octaves)[top : top + SIZE, left : left + SIZE]
