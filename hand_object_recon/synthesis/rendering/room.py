"""The room a scene stands in: six walls, a table, and things on the table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.rendering.appearance import Appearance
from hand_object_recon.synthesis.rendering.object_material import draw_object_material
from hand_object_recon.synthesis.rendering.room_textures import (
    draw_table_texture,
    draw_wall_texture,
    read_texture,
)

Float32Array = NDArray[np.float32]

TABLE: Final = 6

_FAR_WALL_M: Final = (0.35, 2.5)
_SIDE_WALL_M: Final = (1.4, 3.0)
_NEAR_WALL_M: Final = (1.6, 3.5)
_CEILING_M: Final = (1.4, 2.2)
_TABLE_BELOW_M: Final = (0.12, 0.35)
_TABLE_HEIGHT_M: Final = 0.75
_TABLE_HALF_WIDTH_M: Final = (0.35, 1.2)
_NO_TABLE_CHANCE: Final = 0.15
_CLUTTER_COUNT: Final = 7
_CLUTTER_REACH_M: Final = (0.28, 0.8)
_CYLINDER_SIDES: Final = 20


@dataclass(frozen=True, eq=False)
class Thing:
    """A box or a can of the background, in the world."""

    vertices_m: Float32Array
    faces: NDArray[np.int32]
    rest_vertices_m: Float32Array
    appearance: Appearance


@dataclass(frozen=True, eq=False)
class Room:
    """low_m, high_m (3,)
        The room's corners in the world; z is up.
    table_height_m, table_half_m
        Height of the table's top and half its sides in x and y, or None for no table.
    textures
        Linear RGB (T, T, 3) of the walls at -x, +x, -y, +y, the floor, the ceiling, and the
        table, and texel_m, metres a texel of each.
    """

    low_m: NDArray[np.float64]
    high_m: NDArray[np.float64]
    table_height_m: float | None
    table_half_m: tuple[float, float]
    textures: tuple[Float32Array, ...]
    texel_m: tuple[float, ...]
    things: tuple[Thing, ...]


def draw_room(
    random: np.random.Generator,
    table_height_m: float | None = None,
    image_folder: Path | None = None,
) -> Room:
    """A room whose wall at +y is 0.35 to 2.5 m behind the origin.

    table_height_m
        Height of a table's top in the world; drawn below the origin if it is None, and at times
        there is no table then.
    image_folder
        Images that cover walls and table instead of procedural textures.
    """
    has_table = table_height_m is not None or random.random() > _NO_TABLE_CHANCE
    top = -random.uniform(*_TABLE_BELOW_M) if table_height_m is None else table_height_m
    side = random.uniform(*_SIDE_WALL_M, 2)
    low = np.array([-side[0], -random.uniform(*_NEAR_WALL_M), top - _TABLE_HEIGHT_M])
    high = np.array([side[1], random.uniform(*_FAR_WALL_M), random.uniform(*_CEILING_M)])
    half = random.uniform(*_TABLE_HALF_WIDTH_M, 2)
    textures = _draw_textures(random, image_folder)
    texel_m = (*random.uniform(0.004, 0.009, TABLE), random.uniform(0.0012, 0.004))
    return Room(
        low_m=low,
        high_m=high,
        table_height_m=top if has_table else None,
        table_half_m=(float(half[0]), float(half[1])),
        textures=textures,
        texel_m=tuple(float(size) for size in texel_m),
        things=_draw_things(random, top, half, high[1]) if has_table else (),
    )


def _draw_textures(
    random: np.random.Generator, image_folder: Path | None
) -> tuple[Float32Array, ...]:
    """One for both side walls, one for the other two; floor and table their own."""
    if image_folder is None:
        sides, ends = draw_wall_texture(random), draw_wall_texture(random)
        floor, table = draw_table_texture(random), draw_table_texture(random)
    else:
        sides, ends, floor, table = (read_texture(image_folder, random) for _ in range(4))
    return sides, sides, ends, ends, floor, sides, table


def _draw_things(
    random: np.random.Generator, top_m: float, half: NDArray[Any], wall_m: float
) -> tuple[Thing, ...]:
    """Boxes and cans on the table, none where the hands work."""
    things = []
    for _ in range(random.integers(0, _CLUTTER_COUNT + 1)):
        radius, turn = random.uniform(*_CLUTTER_REACH_M), random.uniform(-0.3, np.pi + 0.3)
        x, y = radius * np.cos(turn), radius * np.sin(turn)
        size = random.uniform(0.015, 0.07, 3) * np.array([1.0, 1.0, 1.6])
        if abs(x) < half[0] - 0.05 and -half[1] < y < min(half[1], wall_m) - 0.08:
            things.append(_draw_thing(random, np.array([x, y, top_m + size[2]]), size))
    return tuple(things)


def _draw_thing(
    random: np.random.Generator, center_m: NDArray[Any], half_size_m: NDArray[Any]
) -> Thing:
    vertices, faces = _cylinder() if random.random() < 0.4 else _box()
    rest = vertices * half_size_m
    turn = random.uniform(0.0, np.pi)
    about_z = np.array(
        [[np.cos(turn), -np.sin(turn), 0.0], [np.sin(turn), np.cos(turn), 0.0], [0.0, 0.0, 1.0]]
    )
    return Thing(
        vertices_m=(rest @ about_z.T + center_m).astype(np.float32),
        faces=faces,
        rest_vertices_m=rest.astype(np.float32),
        appearance=draw_object_material(random),
    )


def _box() -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """A cube from -1 to 1 whose faces share no vertex, so that its edges are sharp."""
    corners: list[NDArray[np.float64]] = []
    faces: list[list[int]] = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            side = np.zeros((4, 3))
            side[:, axis] = sign
            side[:, (axis + 1) % 3] = np.array([-1, 1, 1, -1]) * sign
            side[:, (axis + 2) % 3] = [-1, -1, 1, 1]
            first = 4 * len(corners)
            corners.append(side)
            faces += [[first, first + 1, first + 2], [first, first + 2, first + 3]]
    return np.concatenate(corners), np.array(faces, dtype=np.int32)


def _cylinder() -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """A can of radius 1 from z = -1 to 1, its lids apart from its side."""
    turn = 2.0 * np.pi * np.arange(_CYLINDER_SIDES) / _CYLINDER_SIDES
    ring = np.stack([np.cos(turn), np.sin(turn), np.ones_like(turn)], axis=1)
    low = ring * np.array([1.0, 1.0, -1.0])
    vertices = np.concatenate([low, ring, low, ring])
    here = np.arange(_CYLINDER_SIDES)
    after, count = np.roll(here, -1), _CYLINDER_SIDES
    side = [
        np.stack([here, after, after + count], axis=1),
        np.stack([here, after + count, here + count], axis=1),
    ]
    inner = here[1:-1]
    top, bottom = 3 * count + np.zeros_like(inner), 2 * count + np.zeros_like(inner)
    lids = [
        np.stack([top, 3 * count + inner, 3 * count + inner + 1], axis=1),
        np.stack([bottom, 2 * count + inner + 1, 2 * count + inner], axis=1),
    ]
    return vertices, np.concatenate([*side, *lids]).astype(np.int32)
