"""The objects there are to draw: which categories, and which of them only the test split has."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.objects.basic_solids import (
    draw_banana,
    draw_box,
    draw_cone,
    draw_cylinder,
    draw_ellipsoid,
    draw_pebble,
    draw_superquadric,
    draw_torus,
    sometimes_deformed,
)
from hand_object_recon.synthesis.objects.closed_mesh import TriangleMesh
from hand_object_recon.synthesis.objects.object_shape import ObjectShape, centered_object
from hand_object_recon.synthesis.objects.tools import (
    draw_hammer,
    draw_pen,
    draw_screwdriver,
    draw_spoon,
    draw_wrench,
)
from hand_object_recon.synthesis.objects.vessels import (
    draw_bottle,
    draw_bowl,
    draw_can,
    draw_cup,
    draw_goblet,
    draw_mug,
)

Split = Literal["train", "val", "test"]
Drawing = Callable[[np.random.Generator], TriangleMesh]

_SPLITS: Final[tuple[Split, ...]] = ("train", "val", "test")
_HELD_OUT_SHARE: Final = 0.5


@dataclass(frozen=True)
class Category:
    """One kind of object.

    held_out
        Only the test split has it.
    is_deformed
        Some are bent, twisted, tapered or bumpy.
    """

    draw: Drawing
    held_out: bool = False
    is_deformed: bool = False


CATEGORIES: Final[Mapping[str, Category]] = {
    "banana": Category(draw_banana),
    "bottle": Category(draw_bottle),
    "bowl": Category(draw_bowl, held_out=True),
    "box": Category(draw_box, is_deformed=True),
    "can": Category(draw_can),
    "cone": Category(draw_cone, is_deformed=True),
    "cup": Category(draw_cup),
    "cylinder": Category(draw_cylinder, is_deformed=True),
    "ellipsoid": Category(draw_ellipsoid, is_deformed=True),
    "goblet": Category(draw_goblet),
    "hammer": Category(draw_hammer),
    "mug": Category(draw_mug),
    "pebble": Category(draw_pebble),
    "pen": Category(draw_pen),
    "screwdriver": Category(draw_screwdriver),
    "spoon": Category(draw_spoon),
    "superquadric": Category(draw_superquadric, is_deformed=True),
    "torus": Category(draw_torus, held_out=True),
    "wrench": Category(draw_wrench, held_out=True),
}


def draw_object(seed: int, split: Split) -> ObjectShape:
    """The object of a seed, always the same one; no two splits share an object.

    Training and validation draw from the categories that are not held out. Half of the objects
    of the test split are of a held-out category, the others are new ones of the known categories.
    """
    return numbered_object(*category_and_number(seed, split))


def category_and_number(seed: int, split: Split) -> tuple[str, int]:
    """What ``draw_object`` will make, without the work of making it."""
    if split not in _SPLITS:
        raise InvalidValueError(f"split is {split!r}; it must be one of {', '.join(_SPLITS)}")
    if seed < 0:
        raise InvalidValueError(f"seed is {seed}; it must be 0 or more")
    number = len(_SPLITS) * seed + _SPLITS.index(split)
    random = np.random.default_rng(number)
    is_unknown = split == "test" and random.random() < _HELD_OUT_SHARE
    names = [name for name, category in CATEGORIES.items() if category.held_out == is_unknown]
    return str(random.choice(names)), number


def numbered_object(category: str, number: int) -> ObjectShape:
    """The object called "category-number"; its number modulo 3 says the split it belongs to."""
    if category not in CATEGORIES:
        raise InvalidValueError(
            f"object category is {category!r}; it must be one of {', '.join(CATEGORIES)}"
        )
    kind = CATEGORIES[category]
    random = np.random.default_rng([zlib.crc32(category.encode()), number])
    mesh = kind.draw(random)
    if kind.is_deformed:
        mesh = sometimes_deformed(mesh, random)
    return centered_object(f"{category}-{number:06d}", category, mesh.vertices_m, mesh.faces)
