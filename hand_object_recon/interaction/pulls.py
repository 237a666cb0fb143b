"""What an object and the depth image ask of a hand's mesh, compiled.

Each pull is a residual in standard deviations along a direction of a vertex; pulls are added to
the normal equations of a bend (see ``bending``), normal (51, 51) and gradient (51,).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled
from hand_object_recon.interaction.bending import dot
from hand_object_recon.object_model.grid_sampling import sample_at

Array = NDArray[np.float64]
Numbers = NDArray[np.int64]

_PARTS = 6
_PALM = 5
_NEAREST = 3
_FACING = -0.2
_CONTACT_SIGMA_M = 0.002
_SEEN_IS_SURE = 0.85
_PUSH_SIGMA_M = 0.003
_PUSHES_OF_A_PART = 4.0
_DEEPEST_PUSH_M = 0.008
_SKIN_GIVES_M = 0.001
_DEPTH_SIGMA_M = 0.003
_DEPTH_REACH_M = 0.012
_DEPTH_FADES_M = 0.006
_DEPTH_READINGS = 100.0
_READS_OBJECT_M = 0.003
_TRUST_IN_GUESS = 0.03
_SURFACE_SAMPLES = 400


class Skin(NamedTuple):
    """Vertices (V, 3) and unit normals (V, 3) of a bent hand, the joints (16, 3) and turns of
    the angles (15, 3, 3) that go with them."""

    vertices_m: Array
    normals: Array
    joints_m: Array
    angle_turns: Array


class Thing(NamedTuple):
    """An object's distances (see ``DistanceGrid``) and where it is: rotation (3, 3) and
    position_m (3,) of its frame in the camera's."""

    values: NDArray[np.float32]
    origin_m: Array
    voxel_m: float
    rotation: Array
    position_m: Array


class DepthImage(NamedTuple):
    """A frame's depth_m (h, w) float32, read-only, and its camera's focal lengths and centre in
    pixels."""

    depth_m: NDArray[np.float32]
    fx: float
    fy: float
    cx: float
    cy: float


@compiled
def gaps_to(points_m: Array, thing: Thing) -> tuple[Array, Array]:
    """Distances (N,) of (N, 3) points to an object, infinite beyond its grid, and (N, 3) the
    directions away from it, all in the camera frame."""
    gaps = np.full(len(points_m), np.inf)
    away = np.zeros((len(points_m), 3))
    rotation = thing.rotation
    local = np.empty(3)
    for point in range(len(points_m)):
        _to_own_frame(points_m[point], thing, local)
        gap, x, y, z = sample_at(
            thing.values, thing.origin_m, thing.voxel_m, local[0], local[1], local[2]
        )
        if np.isfinite(gap):
            gaps[point] = gap
            length = max(np.sqrt(x * x + y * y + z * z), 1e-6)
            for axis in range(3):
                turned = rotation[axis, 0] * x + rotation[axis, 1] * y + rotation[axis, 2] * z
                away[point, axis] = turned / length
    return gaps, away


@compiled
def trust_in_surface(
    points_m: Array, gaps_m: Array, thing: Thing, surface_m: Array, is_seen: NDArray[np.bool_]
) -> Array:
    """(N,) weight of the object's surface nearest to each of (N, 3) points, 0 beyond its grid.

    surface_m (M, 3) and is_seen (M,) are the object's vertices in its own frame, and whether the
    camera measured them: what was completed is a guess.
    """
    trust = np.zeros(len(points_m))
    local = np.empty(3)
    step = 1 + len(surface_m) // _SURFACE_SAMPLES
    for point in range(len(points_m)):
        if np.isfinite(gaps_m[point]):
            _to_own_frame(points_m[point], thing, local)
            nearest, least = 0, np.inf
            for other in range(0, len(surface_m), step):
                x = surface_m[other, 0] - local[0]
                y = surface_m[other, 1] - local[1]
                z = surface_m[other, 2] - local[2]
                squared = x * x + y * y + z * z
                if squared < least:
                    nearest, least = other, squared
            trust[point] = 1.0 if is_seen[nearest] else _TRUST_IN_GUESS
    return trust


@compiled
def add_pushes(
    normal: Array,
    gradient: Array,
    skin: Skin,
    finger: Numbers,
    carried: Array,
    parts: Numbers,
    gaps_m: Array,
    away: Array,
    trust: Array,
) -> None:
    """Skin inside the object is pushed out; ``trust`` (V,) weighs the surface it meets."""
    counts = np.zeros(_PARTS)
    for vertex in range(len(gaps_m)):
        if gaps_m[vertex] < -_SKIN_GIVES_M:
            counts[parts[vertex]] += 1.0
    for vertex in range(len(gaps_m)):
        if gaps_m[vertex] < -_SKIN_GIVES_M:
            share = min(1.0, _PUSHES_OF_A_PART / counts[parts[vertex]])
            residual = max(gaps_m[vertex] + _SKIN_GIVES_M, -_DEEPEST_PUSH_M)
            _add(
                normal,
                gradient,
                skin,
                vertex,
                finger[vertex],
                carried[vertex],
                away[vertex],
                residual,
                share * trust[vertex] / _PUSH_SIGMA_M**2,
            )


@compiled
def add_contacts(
    normal: Array,
    gradient: Array,
    skin: Skin,
    finger: Numbers,
    carried: Array,
    parts: Numbers,
    gaps_m: Array,
    away: Array,
    trust: Array,
    reach_m: float,
    seen: Array,
) -> None:
    """The nearest skin of each finger is pulled onto the object, the less the farther it is.

    ``seen`` (6,) is the share of each part that the camera saw where it is. With a ``reach_m`` of
    0 nothing is pulled.
    """
    if reach_m <= 0.0:
        return
    least = np.full(_PARTS, np.inf)
    for vertex in range(len(gaps_m)):
        least[parts[vertex]] = min(least[parts[vertex]], gaps_m[vertex])
    for part in range(_PALM):
        if -_SKIN_GIVES_M < least[part] < reach_m:
            nearest = _nearest_facing(part, skin.normals, parts, gaps_m, away)
            for vertex in nearest:
                if vertex >= 0 and gaps_m[vertex] < reach_m:
                    fade = (1.0 - (gaps_m[vertex] / reach_m) ** 2) ** 2
                    fade *= 1.0 - _SEEN_IS_SURE * seen[part]
                    _add(
                        normal,
                        gradient,
                        skin,
                        vertex,
                        finger[vertex],
                        carried[vertex],
                        away[vertex],
                        gaps_m[vertex],
                        fade * trust[vertex] / (_NEAREST * _CONTACT_SIGMA_M**2),
                    )


@compiled
def add_readings(
    normal: Array,
    gradient: Array,
    skin: Skin,
    finger: Numbers,
    carried: Array,
    targets_m: Array,
) -> None:
    """Skin that the depth camera saw stays at the surface it measured; ``targets_m`` (V, 3) of
    ``readings``."""
    count = 0.0
    for vertex in range(len(targets_m)):
        if np.isfinite(targets_m[vertex, 2]):
            count += 1.0
    share = min(1.0, _DEPTH_READINGS / max(count, 1.0))
    offset = np.empty(3)
    for vertex in range(len(targets_m)):
        if np.isfinite(targets_m[vertex, 2]):
            for axis in range(3):
                offset[axis] = skin.vertices_m[vertex, axis] - targets_m[vertex, axis]
            squared = dot(offset, offset) / _DEPTH_FADES_M**2
            robust = 1.0 / (1.0 + squared) ** 2
            direction = skin.normals[vertex]
            _add(
                normal,
                gradient,
                skin,
                vertex,
                finger[vertex],
                carried[vertex],
                direction,
                dot(direction, offset),
                share * robust / _DEPTH_SIGMA_M**2,
            )


@compiled
def readings(skin: Skin, depth: DepthImage, thing: Thing) -> Array:
    """(V, 3) where the depth camera saw the skin at each vertex, NaN where it did not.

    What it saw there may be something before or behind the hand, or the object itself.
    """
    found = np.full(skin.vertices_m.shape, np.nan)
    height, width = depth.depth_m.shape
    for vertex in range(len(found)):
        point = skin.vertices_m[vertex]
        if point[2] > 0.0 and dot(skin.normals[vertex], point) < 0.0:
            column = round(depth.fx * point[0] / point[2] + depth.cx)
            row = round(depth.fy * point[1] / point[2] + depth.cy)
            if 0 <= column < width and 0 <= row < height:
                z = depth.depth_m[row, column]
                if abs(z - point[2]) < _DEPTH_REACH_M:
                    found[vertex, 0] = (column - depth.cx) / depth.fx * z
                    found[vertex, 1] = (row - depth.cy) / depth.fy * z
                    found[vertex, 2] = z
    gaps, _ = gaps_to(found, thing)
    for vertex in range(len(found)):
        if gaps[vertex] < _READS_OBJECT_M:
            found[vertex] = np.nan
    return found


@compiled
def seen_shares(skin: Skin, parts: Numbers, targets_m: Array) -> Array:
    """(6,) how much of the skin of each part that faces the camera was seen, 0 to 1."""
    facing, seen = np.zeros(_PARTS), np.zeros(_PARTS)
    for vertex in range(len(parts)):
        if dot(skin.normals[vertex], skin.vertices_m[vertex]) < 0.0:
            facing[parts[vertex]] += 1.0
            seen[parts[vertex]] += np.isfinite(targets_m[vertex, 2])
    shares: Array = seen / np.maximum(facing, 1.0)
    return shares


@compiled
def _to_own_frame(point_m: Array, thing: Thing, local_m: Array) -> None:
    """Write where a point of the camera frame is in the object's own."""
    for axis in range(3):
        local_m[axis] = 0.0
        for inner in range(3):
            step = point_m[inner] - thing.position_m[inner]
            local_m[axis] += thing.rotation[inner, axis] * step


@compiled
def _nearest_facing(
    part: int, normals: Array, parts: Numbers, gaps_m: Array, away: Array
) -> Numbers:
    """(3,) the part's nearest vertices whose skin faces the object, -1 where there are fewer."""
    nearest = np.full(_NEAREST, -1)
    for vertex in range(len(parts)):
        if parts[vertex] == part and dot(normals[vertex], away[vertex]) < _FACING:
            candidate = vertex
            for place in range(_NEAREST):
                other = nearest[place]
                if other < 0 or gaps_m[candidate] < gaps_m[other]:
                    nearest[place], candidate = candidate, other
                if candidate < 0:
                    break
    return nearest


@compiled
def _add(
    normal: Array,
    gradient: Array,
    skin: Skin,
    vertex: int,
    finger: int,
    carried: Array,
    direction: Array,
    residual: float,
    weight: float,
) -> None:
    """Add one pull, to the lower half of the normal matrix.

    The vertex moves with the wrist and the three joints of its finger.
    """
    row = np.empty(15)
    _turning(skin.vertices_m[vertex], skin.joints_m[0], direction, row[:3])
    for axis in range(3):
        row[3 + axis] = direction[axis]
    turning = np.empty(3)
    for level in range(3):
        joint = 3 * finger + level
        _turning(skin.vertices_m[vertex], skin.joints_m[joint + 1], direction, turning)
        for angle in range(3):
            along = dot(skin.angle_turns[joint, angle], turning)
            row[6 + 3 * level + angle] = carried[level] * along
    place = 9 * finger  # what is added to a row's place beyond the wrist's six
    for i in range(15):
        first = i if i < 6 else i + place
        weighted = weight * row[i]
        gradient[first] += weighted * residual
        for j in range(i + 1):
            second = j if j < 6 else j + place
            normal[first, second] += weighted * row[j]


@compiled
def _turning(point: Array, center: Array, direction: Array, turning: Array) -> None:
    """Write how a point moves along a direction when it turns about a centre: (p - c) x d."""
    x, y, z = point[0] - center[0], point[1] - center[1], point[2] - center[2]
    turning[0] = y * direction[2] - z * direction[1]
    turning[1] = z * direction[0] - x * direction[2]
    turning[2] = x * direction[1] - y * direction[0]
