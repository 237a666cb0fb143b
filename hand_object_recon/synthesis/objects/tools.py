"""Hammers, screwdrivers, spoons, pens and wrenches of random size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.objects.closed_mesh import TriangleMesh
from hand_object_recon.synthesis.objects.csg import extruded, united, without
from hand_object_recon.synthesis.objects.deformations import bent, ridged
from hand_object_recon.synthesis.objects.lattice_solids import box_mesh, superquadric_mesh
from hand_object_recon.synthesis.objects.revolution import arc, revolved, smooth_line
from hand_object_recon.synthesis.objects.sizes import drawn_m

FloatArray = NDArray[np.floating[Any]]

_EDGE_M = 0.004


def draw_hammer(random: np.random.Generator) -> TriangleMesh:
    """An oval handle along z, and across its end a head with a round face and a wedge."""
    length, grip = drawn_m(random, 150, 215), drawn_m(random, 10, 14)
    handle = revolved(
        np.concatenate(
            [
                [(0.0, 0.0)],
                smooth_line(
                    [
                        (0.85 * grip, 0.0),
                        (grip, 0.15 * length),
                        (0.9 * grip, 0.4 * length),
                        (0.65 * grip, 0.6 * length),
                        (0.65 * grip, length),
                    ],
                    step_m=_EDGE_M,
                ),
                [(0.0, length)],
            ]
        ),
        _EDGE_M,
    )
    handle = handle.scaled([1.0, 0.75, 1.0])

    face, half_head = drawn_m(random, 11, 16), drawn_m(random, 32, 50)
    place = np.array([0.0, 0.0, length - 1.05 * face])
    block = box_mesh(np.array([2.6, 1.7, 1.7]) * face, 0.15 * face, _EDGE_M)
    poll = _turned_to_x(revolved(_bevelled(face, half_head), _EDGE_M))
    parts = [handle] + [part.moved(place) for part in (block, poll, _wedge(face, half_head))]
    return united(parts, 1.4 * _EDGE_M)


def draw_screwdriver(random: np.random.Generator) -> TriangleMesh:
    """A ridged grip along z and a round shaft that ends in a flat blade."""
    grip_length, grip = drawn_m(random, 70, 105), drawn_m(random, 11, 17)
    shaft_length, shaft = drawn_m(random, 60, 120), drawn_m(random, 2.8, 4.5)
    end = grip_length + shaft_length
    handle = smooth_line(
        [
            (0.55 * grip, 0.0),
            (0.95 * grip, 0.12 * grip_length),
            (grip, 0.55 * grip_length),
            (0.6 * grip, 0.82 * grip_length),
            (0.75 * grip, 0.97 * grip_length),
        ],
        step_m=0.003,
    )
    handle = np.concatenate([[(0.0, 0.0)], handle, [(0.0, 0.97 * grip_length)]])
    rod = [(0.0, 0.5 * grip_length), (shaft, 0.5 * grip_length), (shaft, end), (0.0, end)]
    blade = _flattened_tip(revolved(np.array(rod), 0.0025), end - 0.014, end)
    return united([ridged(revolved(handle, 0.003), 6, 0.07), blade], 0.005)


def draw_pen(random: np.random.Generator) -> TriangleMesh:
    """A marker: a barrel and a thicker cap."""
    length, radius = drawn_m(random, 115, 155), drawn_m(random, 5, 11)
    cap = float(random.uniform(1.08, 1.25) * radius)
    start = random.uniform(0.55, 0.7) * length
    profile = [
        (0.0, 0.0),
        (0.8 * radius, 0.0),
        (radius, 0.03 * length),
        (radius, start),
        (cap, start),
        (cap, 0.98 * length),
        (0.75 * cap, length),
        (0.0, length),
    ]
    return revolved(np.array(profile), 0.0025)


def draw_spoon(random: np.random.Generator) -> TriangleMesh:
    """A hollow oval and a flat curved handle along z."""
    half_length, half_width = drawn_m(random, 24, 36), drawn_m(random, 16, 22)
    depth, wall = drawn_m(random, 9, 13), drawn_m(random, 1.8, 2.6)
    handle_length = drawn_m(random, 100, 140)
    half = np.array([depth, half_width, half_length])
    outer = superquadric_mesh(half, (1.0, 1.0), 0.0035)
    inner = superquadric_mesh(half - wall, (1.0, 1.0), 0.0035)
    lid = box_mesh(np.array([2.0 * depth, 3.0 * half_width, 3.0 * half_length]), 0.0, 0.02)
    lid = lid.moved([depth, 0.0, 0.0])
    bowl = without(outer, united([inner, lid], 0.005), 0.005)

    stick = superquadric_mesh(
        np.array([drawn_m(random, 1.8, 2.6), drawn_m(random, 4, 7), handle_length / 2.0]),
        (0.35, 0.6),
        0.003,
    )
    stick = bent(stick, float(random.uniform(0.2, 0.6)))
    lowest = stick.vertices_m[np.argmin(stick.vertices_m[:, 2])]
    rim = np.array([-wall / 2.0, 0.0, half_length - 1.2 * wall])
    stick = stick.moved(rim - lowest)
    return united([bowl, stick], 0.005)


def draw_wrench(random: np.random.Generator) -> TriangleMesh:
    """A flat wrench along x: an open jaw at one end, a ring at the other."""
    length, thickness = drawn_m(random, 120, 190), drawn_m(random, 5, 9)
    jaw, ring = drawn_m(random, 13, 20), drawn_m(random, 11, 17)
    bar = drawn_m(random, 5, 8)
    opening, tilt = 0.52 * jaw, float(random.uniform(0.1, 0.35))
    plate = united(
        [
            extruded([_circle((0.0, 0.0), jaw)], thickness, 0.005),
            extruded([_circle((length, 0.0), ring)], 1.25 * thickness, 0.005),
            extruded([_bar(length, bar)], 0.8 * thickness, 0.005),
        ],
        0.005,
    )
    slot = _turned([(-2.0 * jaw, -opening), (0.15 * jaw, -opening)], tilt)
    slot += _turned([(0.15 * jaw, opening), (-2.0 * jaw, opening)], tilt)
    turns = np.linspace(0.0, 2.0 * np.pi, 7)[:-1]
    hexagon = [(length + 0.62 * ring * np.cos(t), 0.62 * ring * np.sin(t)) for t in turns]
    through = extruded([slot, hexagon], 4.0 * thickness, 0.02)
    through = through.moved([0.0, 0.0, -thickness])
    return without(plate, through, 0.005)


def _wedge(face_m: float, half_head_m: float) -> TriangleMesh:
    """The thin end of a hammer's head, towards -x, curved down a little."""
    block = box_mesh(np.array([half_head_m, 1.5 * face_m, 1.5 * face_m]), 0.0, _EDGE_M)
    x, y, z = block.vertices_m.T
    share = 0.5 - x / half_head_m
    along = x - half_head_m / 2.0
    drop = 0.35 * face_m * share**2
    return TriangleMesh(np.stack([along, y, z * (1.0 - 0.85 * share) - drop], axis=1), block.faces)


def _bevelled(radius_m: float, length_m: float) -> FloatArray:
    """Profile of a cylinder whose far end has a broken edge."""
    bevel = 0.12 * radius_m
    far = [(radius_m, length_m - bevel), (radius_m - bevel, length_m), (0.0, length_m)]
    return np.array([(0.0, 0.0), (0.75 * radius_m, 0.0), (0.75 * radius_m, 0.6 * length_m), *far])


def _turned_to_x(mesh: TriangleMesh) -> TriangleMesh:
    """What lay along z lies along x."""
    return TriangleMesh(mesh.vertices_m[:, [2, 0, 1]], mesh.faces)


def _flattened_tip(mesh: TriangleMesh, start_m: float, end_m: float) -> TriangleMesh:
    """A round rod pressed flat and broad between two heights."""
    share = np.clip((mesh.vertices_m[:, 2] - start_m) / (end_m - start_m), 0.0, 1.0)
    scale = np.stack([1.0 + 0.35 * share, 1.0 - 0.75 * share, np.ones_like(share)], axis=1)
    return mesh.scaled(scale)


def _circle(center_m: tuple[float, float], radius_m: float) -> list[tuple[float, float]]:
    points = arc(center_m, radius_m, 0.0, 2.0 * np.pi, 41)[:-1]
    return [(float(x), float(y)) for x, y in points]


def _bar(length_m: float, half_width_m: float) -> list[tuple[float, float]]:
    return [
        (0.0, -half_width_m),
        (length_m, -half_width_m),
        (length_m, half_width_m),
        (0.0, half_width_m),
    ]


def _turned(points: list[tuple[float, float]], angle_rad: float) -> list[tuple[float, float]]:
    cosine, sine = float(np.cos(angle_rad)), float(np.sin(angle_rad))
    return [(cosine * x - sine * y, sine * x + cosine * y) for x, y in points]
