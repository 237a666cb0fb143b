"""Bottles, cans, cups, mugs, goblets and bowls of random size."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.objects.closed_mesh import TriangleMesh
from hand_object_recon.synthesis.objects.csg import united, without
from hand_object_recon.synthesis.objects.revolution import (
    arc,
    revolved,
    revolved_loop,
    smooth_line,
)
from hand_object_recon.synthesis.objects.sizes import drawn_m, even_edge_m

FloatArray = NDArray[np.floating[Any]]


def draw_bottle(random: np.random.Generator) -> TriangleMesh:
    """A closed bottle: body, shoulder, neck and cap."""
    radius, height = drawn_m(random, 22, 42), drawn_m(random, 130, 235)
    neck = float(random.uniform(0.3, 0.5) * radius)
    shoulder, neck_start = random.uniform(0.5, 0.68) * height, random.uniform(0.76, 0.84) * height
    waist = float(random.uniform(0.8, 1.0) * radius)
    body = smooth_line(
        [
            (0.92 * radius, 0.0),
            (radius, 0.04 * height),
            (waist, 0.5 * shoulder),
            (radius, shoulder),
            (neck, neck_start),
            (neck, 0.9 * height),
        ],
        step_m=0.004,
    )
    cap = float(random.uniform(1.1, 1.35) * neck)
    lid = [(cap, 0.9 * height), (cap, height), (0.0, height)]
    profile = np.concatenate([[(0.0, 0.0)], body, lid])
    return revolved(profile, even_edge_m(2.0 * np.pi * radius * height))


def draw_can(random: np.random.Generator) -> TriangleMesh:
    """A drink or food can: narrowed ends, and a top that lies deeper than its rim."""
    radius, height = drawn_m(random, 25, 44), drawn_m(random, 55, 170)
    end = float(random.uniform(0.82, 0.97) * radius)
    step, rim, depth = drawn_m(random, 6, 12), drawn_m(random, 1.5, 2.5), drawn_m(random, 3, 6)
    profile = [
        (0.0, 0.0),
        (end, 0.0),
        (radius, step),
        (radius, height - step),
        (end, height),
        (end - rim, height),
        (end - rim, height - depth),
        (0.0, height - depth),
    ]
    area = 2.0 * np.pi * radius * (radius + height)
    return revolved(np.array(profile), even_edge_m(area))


def draw_cup(random: np.random.Generator) -> TriangleMesh:
    """An open cup without a handle that widens to the top."""
    low, height = drawn_m(random, 22, 34), drawn_m(random, 60, 130)
    high = float(random.uniform(1.0, 1.4) * low)
    profile = _cup_profile(low, high, height, wall_m=drawn_m(random, 2.2, 4))
    return revolved(profile, even_edge_m(2.5 * np.pi * (low + high) * height))


def draw_mug(random: np.random.Generator) -> TriangleMesh:
    """A straight or slightly flared mug with a handle on the +x side."""
    low, height = drawn_m(random, 30, 43), drawn_m(random, 70, 115)
    high, wall = float(random.uniform(0.97, 1.15) * low), drawn_m(random, 3, 5)
    edge = even_edge_m(2.7 * np.pi * (low + high) * height)
    body = revolved(_cup_profile(low, high, height, wall), edge)

    reach, half_height = drawn_m(random, 24, 33), float(random.uniform(0.3, 0.38) * height)
    thickness, width = drawn_m(random, 3.5, 5.5), drawn_m(random, 5, 9)
    middle = np.array([(low + high) / 2.0 - wall, 0.0, 0.5 * height])
    handle = _upright_ring(reach + wall, half_height, thickness, width, edge)
    within = revolved(_wall_middle(low, high, height, wall), edge)
    outside = without(handle.moved(middle), within, edge)
    return united([body, outside], 1.3 * edge)


def draw_goblet(random: np.random.Generator) -> TriangleMesh:
    """A drinking glass on a stem and a foot."""
    foot, stem, bowl = drawn_m(random, 28, 38), drawn_m(random, 4, 7), drawn_m(random, 28, 42)
    height, wall = drawn_m(random, 120, 210), drawn_m(random, 2.2, 3.2)
    bowl_start, mouth = 0.5 * height, float(random.uniform(0.75, 1.0) * bowl)
    outer = smooth_line(
        [
            (foot, 0.003),
            (stem, 0.12 * height),
            (stem, bowl_start),
            (bowl, 0.72 * height),
            (mouth, height),
        ],
        step_m=0.004,
    )
    inner = smooth_line(
        [(0.15 * bowl, bowl_start + 0.012), (bowl - wall, 0.73 * height), (mouth - wall, height)],
        step_m=0.004,
    )
    centre = [(0.0, bowl_start + 0.011)]
    profile = np.concatenate([[(0.0, 0.0), (foot, 0.0)], outer, inner[::-1], centre])
    return revolved(profile, even_edge_m(2.6 * np.pi * bowl * height))


def draw_bowl(random: np.random.Generator) -> TriangleMesh:
    """A round bowl with a flat foot and a rounded wall."""
    radius, wall = drawn_m(random, 50, 85), drawn_m(random, 3, 5)
    depth = float(random.uniform(0.45, 0.8) * radius)
    foot = float(random.uniform(0.35, 0.5) * radius)
    start = float(np.arccos(foot / radius))
    angles = np.linspace(-start, 0.0, 24)
    scale = depth / np.sin(start)
    outer = np.stack([radius * np.cos(angles), depth + scale * np.sin(angles)], axis=1)
    inner_angles = np.linspace(0.0, -np.pi / 2.0, 24)
    inner_depth = depth - wall
    inner = np.stack(
        [(radius - wall) * np.cos(inner_angles), depth + inner_depth * np.sin(inner_angles)], axis=1
    )
    inner[-1, 0] = 0.0
    profile = np.concatenate([[(0.0, 0.0)], outer, inner])
    return revolved(profile, even_edge_m(4.5 * np.pi * radius * depth))


def _cup_profile(low_m: float, high_m: float, height_m: float, wall_m: float) -> FloatArray:
    """Outside up, over a rounded rim, inside down to a floor twice as thick as the wall."""
    rim = arc((high_m - wall_m / 2.0, height_m), wall_m / 2.0, 0.0, np.pi, 5)
    outside = [(0.0, 0.0), (0.92 * low_m, 0.0), (low_m, 0.08 * low_m)]
    floor = 2.0 * wall_m
    return np.concatenate([outside, rim, [(low_m - wall_m, floor), (0.0, floor)]])


def _wall_middle(low_m: float, high_m: float, height_m: float, wall_m: float) -> FloatArray:
    """Profile of the solid up to the middle of a cup's wall, longer at both ends."""
    slope = (high_m - low_m) / height_m
    inside = low_m - wall_m / 2.0
    low, high = inside - slope * height_m, inside + 2.0 * slope * height_m
    return np.array(
        [(0.0, -height_m), (low, -height_m), (high, 2.0 * height_m), (0.0, 2.0 * height_m)]
    )


def _upright_ring(
    reach_m: float, half_height_m: float, thickness_m: float, width_m: float, edge_m: float
) -> TriangleMesh:
    """An oval ring in the plane of x and z, half axes to the middle of its section.

    thickness_m, width_m
        Half the section in the ring's plane, and across it.
    """
    turns = np.linspace(0.0, 2.0 * np.pi, 17)[:-1]
    section = np.stack([1.0 + thickness_m / reach_m * np.cos(turns), np.sin(turns)], axis=1)
    unit = revolved_loop(section * [reach_m, width_m], edge_m)
    x, y, z = unit.vertices_m.T
    angle, radius = np.arctan2(y, x), np.hypot(x, y) - reach_m
    # the section keeps its thickness all the way round, which scaling one axis would not do
    upright = np.stack(
        [
            (reach_m + radius) * np.cos(angle),
            -z,
            (half_height_m + radius) * np.sin(angle),
        ],
        axis=1,
    )
    return TriangleMesh(upright, unit.faces)
