"""Plain solids of random size, some of them bent, twisted, tapered or bumpy."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.objects.closed_mesh import TriangleMesh, extent_m
from hand_object_recon.synthesis.objects.deformations import bent, bumpy, ridged, tapered, twisted
from hand_object_recon.synthesis.objects.lattice_solids import box_mesh, superquadric_mesh
from hand_object_recon.synthesis.objects.revolution import (
    arc,
    revolved,
    revolved_loop,
    smooth_line,
)
from hand_object_recon.synthesis.objects.sizes import drawn_m, even_edge_m

FloatArray = NDArray[np.floating[Any]]

_DEFORMED_SHARE: Final = 0.4


def draw_box(random: np.random.Generator) -> TriangleMesh:
    """A block, a carton or a slab; two of three have rounded edges."""
    sides = np.sort([drawn_m(random, 15, 75), drawn_m(random, 25, 100), drawn_m(random, 40, 200)])
    rounding = 0.0
    if random.random() < 2 / 3:
        rounding = float(random.uniform(0.05, 0.3) * sides[0])
    area = 2.0 * (sides[0] * sides[1] + sides[1] * sides[2] + sides[0] * sides[2])
    return box_mesh(sides, rounding, even_edge_m(float(area)))


def draw_cylinder(random: np.random.Generator) -> TriangleMesh:
    """A rod, a tin or a disc with edges that are broken a little."""
    radius, height = drawn_m(random, 9, 45), drawn_m(random, 20, 200)
    bevel = float(random.uniform(0.03, 0.12) * min(radius, height / 2.0))
    profile = [
        (0.0, 0.0),
        (radius - bevel, 0.0),
        (radius, bevel),
        (radius, height - bevel),
        (radius - bevel, height),
        (0.0, height),
    ]
    area = 2.0 * np.pi * radius * (radius + height)
    return revolved(np.array(profile), even_edge_m(area))


def draw_cone(random: np.random.Generator) -> TriangleMesh:
    """A cone cut off below its tip."""
    low, height = drawn_m(random, 15, 50), drawn_m(random, 35, 160)
    high = float(random.uniform(0.2, 0.75) * low)
    profile = np.array([(0.0, 0.0), (low, 0.0), (high, height), (0.0, height)])
    return revolved(profile, even_edge_m(np.pi * (low + high) * height + np.pi * low**2))


def draw_ellipsoid(random: np.random.Generator) -> TriangleMesh:
    """A ball (one of three), an egg or a lentil."""
    half: FloatArray = np.full(3, drawn_m(random, 12, 45))
    if random.random() < 2 / 3:
        half = np.array([drawn_m(random, 12, 40), drawn_m(random, 12, 40), drawn_m(random, 15, 80)])
    return superquadric_mesh(half, (1.0, 1.0), _superquadric_edge_m(half))


def draw_superquadric(random: np.random.Generator) -> TriangleMesh:
    """Anything between a cushion, a cylinder and an octahedron."""
    half = np.array([drawn_m(random, 12, 38), drawn_m(random, 12, 38), drawn_m(random, 15, 90)])
    roundness = float(random.uniform(0.25, 1.7)), float(random.uniform(0.25, 1.7))
    return superquadric_mesh(half, roundness, _superquadric_edge_m(half))


def draw_torus(random: np.random.Generator) -> TriangleMesh:
    """A ring of round section."""
    around, section = drawn_m(random, 22, 70), drawn_m(random, 5, 18)
    circle = arc((around, 0.0), section, 0.0, 2.0 * np.pi, 25)[:-1]
    return revolved_loop(circle, even_edge_m(4.0 * np.pi**2 * around * section))


def draw_pebble(random: np.random.Generator) -> TriangleMesh:
    """A smooth lump: an ellipsoid with strong bumps."""
    half = np.array([drawn_m(random, 18, 40), drawn_m(random, 18, 40), drawn_m(random, 20, 70)])
    ball = superquadric_mesh(half, (1.0, 1.0), _superquadric_edge_m(half))
    return bumpy(ball, float(random.uniform(0.5, 0.9)), random)


def draw_banana(random: np.random.Generator) -> TriangleMesh:
    """A bent rod with five soft edges that tapers to its tip and to its stem."""
    length, radius = drawn_m(random, 120, 190), drawn_m(random, 14, 20)
    stem = 0.28 * radius
    edge = even_edge_m(2.0 * np.pi * radius * length)
    side = smooth_line(
        [
            (0.3 * radius, 0.0),
            (0.72 * radius, 0.08 * length),
            (0.95 * radius, 0.25 * length),
            (radius, 0.45 * length),
            (0.9 * radius, 0.7 * length),
            (stem, 0.9 * length),
            (1.15 * stem, length),
        ],
        edge,
    )
    profile = np.concatenate([[(0.0, 0.0)], side, [(0.0, length)]])
    rod = ridged(revolved(profile, edge), 5, 0.05)
    return bent(rod, float(random.uniform(0.7, 1.4)))


def sometimes_deformed(mesh: TriangleMesh, random: np.random.Generator) -> TriangleMesh:
    """Two of five meshes bent, twisted, tapered or bumpy, never larger than objects may be."""
    if random.random() >= _DEFORMED_SHARE:
        return mesh
    before_m = extent_m(mesh.vertices_m)
    kind = random.choice(["bend", "twist", "taper", "bumps"])
    if kind == "bend":
        deformed = bent(mesh, _gentle_bend_rad(mesh, random))
    elif kind == "twist":
        deformed = twisted(mesh, float(random.choice([-1, 1]) * random.uniform(0.3, 1.6)))
    elif kind == "taper":
        deformed = tapered(mesh, float(random.uniform(0.45, 0.85)))
    else:
        deformed = bumpy(mesh, float(random.uniform(0.25, 0.7)), random)
    shrink = min(1.0, before_m / extent_m(deformed.vertices_m))
    return deformed.scaled(shrink)


def _gentle_bend_rad(mesh: TriangleMesh, random: np.random.Generator) -> float:
    """An angle at which the inner side keeps at least two fifths of its length."""
    length, half_width = np.ptp(mesh.vertices_m[:, 2]), mesh.vertices_m[:, 0].max()
    return float(random.uniform(0.3, 1.0) * min(1.5, 0.6 * length / half_width))


def _superquadric_edge_m(half_m: FloatArray) -> float:
    """Edge length for the area of an ellipsoid (Thomsen), of which the others are not far."""
    a, b, c = half_m**1.6
    area = 4.0 * np.pi * ((a * b + a * c + b * c) / 3.0) ** (1.0 / 1.6)
    return even_edge_m(1.15 * float(area))
