"""Rounds of edge collapses on a closed mesh, compiled.

A quadric is the sum of squared distances to planes as ten numbers: xx, xy, xz, xd, yy, yz, yd, zz,
zd, dd of the planes (x, y, z, d).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.compiled import compiled

_CHEAPEST_SHARE = 1.0 / 3.0
_LEAST_DETERMINANT = 1e-7  # of the quadric's part in x, y and z, per the cube of its trace
_FARTHEST = 1.0  # from the middle of the edge, in edge lengths
_LEAST_NORMAL_COSINE = 0.2
_LEAST_ROUNDNESS = 0.03  # of a triangle: 1 for an equilateral one
_SHAPE_SHARE = 1e-3  # of squared edge length times area added to the error, so that flats stay even

Floats = NDArray[np.float64]
Faces = NDArray[np.int32]
Numbers = NDArray[np.int32]


@compiled
def quadrics(vertices: Floats, faces: Faces) -> Floats:
    """(V, 10) quadrics of the planes of each vertex's faces, weighted by a third of their area."""
    total = np.zeros((len(vertices), 10))
    for f in range(len(faces)):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        x, y, z = _area_vector(vertices, a, b, c)
        length = math.sqrt(x * x + y * y + z * z)
        if length == 0.0:
            continue
        weight = length / 6.0
        x, y, z = x / length, y / length, z / length
        d = -(x * vertices[a, 0] + y * vertices[a, 1] + z * vertices[a, 2])
        for turn in range(3):
            v = faces[f, turn]
            total[v, 0] += weight * x * x
            total[v, 1] += weight * x * y
            total[v, 2] += weight * x * z
            total[v, 3] += weight * x * d
            total[v, 4] += weight * y * y
            total[v, 5] += weight * y * z
            total[v, 6] += weight * y * d
            total[v, 7] += weight * z * z
            total[v, 8] += weight * z * d
            total[v, 9] += weight * d * d
    return total


@compiled
def collapse_round(
    vertices: Floats, faces: Faces, errors: Floats, wanted: int
) -> tuple[int, Faces]:
    """Collapse up to ``wanted`` of the cheapest edges no two of which are neighbours.

    ``vertices`` (V, 3) and ``errors`` (V, 10) are brought up to date in place; the number of
    collapses and the faces left are returned.
    """
    offsets, around = _faces_around(len(vertices), faces)
    edges = _edges(faces)
    costs, places = _costs(vertices, errors, edges)
    valence = offsets[1:] - offsets[:-1]
    locked = np.zeros(len(vertices), dtype=np.bool_)
    marks = np.full(len(vertices), -1, dtype=np.int32)
    into = np.arange(len(vertices)).astype(np.int32)
    collapsed = 0
    candidates = int(len(edges) * _CHEAPEST_SHARE) + 1
    order = np.argsort(costs)
    for n in order[:candidates]:
        if collapsed == wanted:
            break
        kept, gone = edges[n, 0], edges[n, 1]
        if locked[kept] or locked[gone]:
            continue
        if not _keeps_closed(faces, offsets, around, valence, marks, kept, gone):
            continue
        if _turns_over(vertices, faces, offsets, around, kept, gone, places[n]):
            continue
        if _turns_over(vertices, faces, offsets, around, gone, kept, places[n]):
            continue
        _lock_around(faces, offsets, around, locked, kept)
        _lock_around(faces, offsets, around, locked, gone)
        _less_at_sides(faces, offsets, around, valence, kept, gone)
        vertices[kept] = places[n]
        errors[kept] += errors[gone]
        into[gone] = kept
        collapsed += 1
    return collapsed, _renumbered(faces, into)


@compiled
def _faces_around(vertex_count: int, faces: Faces) -> tuple[Numbers, Numbers]:
    """Where each vertex's faces begin (V + 1,) in the list of faces (3 F,)."""
    offsets = np.zeros(vertex_count + 1, dtype=np.int32)
    for f in range(len(faces)):
        for turn in range(3):
            offsets[faces[f, turn] + 1] += 1
    for v in range(vertex_count):
        offsets[v + 1] += offsets[v]
    filled = offsets[:-1].copy()
    around = np.empty(3 * len(faces), dtype=np.int32)
    for f in range(len(faces)):
        for turn in range(3):
            v = faces[f, turn]
            around[filled[v]] = f
            filled[v] += 1
    return offsets, around


@compiled
def _edges(faces: Faces) -> Numbers:
    """(E, 2) edges of a closed mesh, each once, the lower vertex first."""
    edges = np.empty((3 * len(faces) // 2, 2), dtype=np.int32)
    count = 0
    for f in range(len(faces)):
        for turn in range(3):
            first, second = faces[f, turn], faces[f, (turn + 1) % 3]
            if first < second and count < len(edges):
                edges[count, 0], edges[count, 1] = first, second
                count += 1
    return edges[:count]


@compiled
def _costs(vertices: Floats, errors: Floats, edges: Numbers) -> tuple[Floats, Floats]:
    """Error (E,) of collapsing each edge, and the place (E, 3) its ends go to."""
    costs = np.empty(len(edges))
    places = np.empty((len(edges), 3))
    q = np.empty(10)
    for n in range(len(edges)):
        first, second = edges[n, 0], edges[n, 1]
        for term in range(10):
            q[term] = errors[first, term] + errors[second, term]
        ax, ay, az = vertices[first, 0], vertices[first, 1], vertices[first, 2]
        bx, by, bz = vertices[second, 0], vertices[second, 1], vertices[second, 2]
        squared = (ax - bx) ** 2 + (ay - by) ** 2 + (az - bz) ** 2
        mx, my, mz = 0.5 * (ax + bx), 0.5 * (ay + by), 0.5 * (az + bz)
        x, y, z, is_sharp = _least(q)
        is_near = (x - mx) ** 2 + (y - my) ** 2 + (z - mz) ** 2 <= _FARTHEST**2 * squared
        if not (is_sharp and is_near):
            x, y, z = mx, my, mz
            best = _error(q, x, y, z)
            for cx, cy, cz in ((ax, ay, az), (bx, by, bz)):
                error = _error(q, cx, cy, cz)
                if error < 0.9 * best:
                    best, x, y, z = error, cx, cy, cz
        places[n, 0], places[n, 1], places[n, 2] = x, y, z
        area = q[0] + q[4] + q[7]
        costs[n] = _error(q, x, y, z) + _SHAPE_SHARE * squared * area
    return costs, places


@compiled
def _least(q: Floats) -> tuple[float, float, float, bool]:
    """Where a quadric is least, and whether it is so in one point only."""
    c00 = q[4] * q[7] - q[5] * q[5]
    c01 = q[2] * q[5] - q[1] * q[7]
    c02 = q[1] * q[5] - q[2] * q[4]
    determinant = q[0] * c00 + q[1] * c01 + q[2] * c02
    trace = q[0] + q[4] + q[7]
    if determinant <= _LEAST_DETERMINANT * trace * trace * trace:
        return 0.0, 0.0, 0.0, False
    c11 = q[0] * q[7] - q[2] * q[2]
    c12 = q[1] * q[2] - q[0] * q[5]
    c22 = q[0] * q[4] - q[1] * q[1]
    x = -(c00 * q[3] + c01 * q[6] + c02 * q[8]) / determinant
    y = -(c01 * q[3] + c11 * q[6] + c12 * q[8]) / determinant
    z = -(c02 * q[3] + c12 * q[6] + c22 * q[8]) / determinant
    return x, y, z, True


@compiled
def _error(q: Floats, x: float, y: float, z: float) -> float:
    along_x = x * (q[0] * x + 2.0 * (q[1] * y + q[2] * z + q[3]))
    along_y = y * (q[4] * y + 2.0 * (q[5] * z + q[6]))
    return float(along_x + along_y + z * (q[7] * z + 2.0 * q[8]) + q[9])


@compiled
def _keeps_closed(
    faces: Faces,
    offsets: Numbers,
    around: Numbers,
    valence: Numbers,
    marks: Numbers,
    kept: int,
    gone: int,
) -> bool:
    """Whether two ends have just the two neighbours in common that their edge's faces have, and
    these keep three faces or more (the link condition)."""
    for n in range(offsets[kept], offsets[kept + 1]):
        for turn in range(3):
            marks[faces[around[n], turn]] = kept
    marks[kept] = -1
    common = 0
    for n in range(offsets[gone], offsets[gone + 1]):
        for turn in range(3):
            v = faces[around[n], turn]
            if v not in (gone, kept) and marks[v] == kept:
                marks[v] = -1
                common += 1
                if valence[v] <= 3:
                    return False
    return common == 2


@compiled
def _turns_over(
    vertices: Floats,
    faces: Faces,
    offsets: Numbers,
    around: Numbers,
    moved: int,
    other: int,
    place: Floats,
) -> bool:
    """Whether a face of a vertex, but not of the other, turns over or shrivels with its move."""
    for n in range(offsets[moved], offsets[moved + 1]):
        f = around[n]
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        if other in (a, b, c):
            continue
        while a != moved:
            a, b, c = b, c, a
        ux, uy, uz = _area_vector(vertices, a, b, c)
        bx, by, bz = vertices[b, 0] - place[0], vertices[b, 1] - place[1], vertices[b, 2] - place[2]
        cx, cy, cz = vertices[c, 0] - place[0], vertices[c, 1] - place[1], vertices[c, 2] - place[2]
        wx, wy, wz = by * cz - bz * cy, bz * cx - bx * cz, bx * cy - by * cx
        before = math.sqrt(ux * ux + uy * uy + uz * uz)
        after = math.sqrt(wx * wx + wy * wy + wz * wz)
        if ux * wx + uy * wy + uz * wz < _LEAST_NORMAL_COSINE * before * after:
            return True
        ex, ey, ez = bx - cx, by - cy, bz - cz
        squares = bx * bx + by * by + bz * bz + cx * cx + cy * cy + cz * cz
        squares += ex * ex + ey * ey + ez * ez
        if 2.0 * math.sqrt(3.0) * after < _LEAST_ROUNDNESS * squares:
            return True
    return False


@compiled
def _lock_around(
    faces: Faces, offsets: Numbers, around: Numbers, locked: NDArray[np.bool_], v: int
) -> None:
    for n in range(offsets[v], offsets[v + 1]):
        for turn in range(3):
            locked[faces[around[n], turn]] = True


@compiled
def _less_at_sides(
    faces: Faces, offsets: Numbers, around: Numbers, valence: Numbers, kept: int, gone: int
) -> None:
    """Count one face less at the two vertices beside an edge."""
    for n in range(offsets[gone], offsets[gone + 1]):
        a, b, c = faces[around[n], 0], faces[around[n], 1], faces[around[n], 2]
        if kept in (a, b, c):
            valence[a + b + c - kept - gone] -= 1


@compiled
def _renumbered(faces: Faces, into: Numbers) -> Faces:
    """The faces with collapsed vertices replaced, without those left with two corners."""
    left = np.empty_like(faces)
    count = 0
    for f in range(len(faces)):
        a, b, c = into[faces[f, 0]], into[faces[f, 1]], into[faces[f, 2]]
        if a not in (b, c) and b != c:
            left[count, 0], left[count, 1], left[count, 2] = a, b, c
            count += 1
    return left[:count].copy()


@compiled
def _area_vector(vertices: Floats, a: int, b: int, c: int) -> tuple[float, float, float]:
    """Normal of a triangle, twice its area long."""
    ux, uy = vertices[b, 0] - vertices[a, 0], vertices[b, 1] - vertices[a, 1]
    uz = vertices[b, 2] - vertices[a, 2]
    vx, vy = vertices[c, 0] - vertices[a, 0], vertices[c, 1] - vertices[a, 1]
    vz = vertices[c, 2] - vertices[a, 2]
    return uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
