"""Which face of a mesh each pixel sees, found row by row of each triangle.

For the meshes of a scene (some thousand small triangles, new in every frame) this is faster than
building a ray tracer's acceleration structure.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Float32Array = NDArray[np.float32]
IndexArray = NDArray[np.intp]

_SHARED_EDGE_PX: Final = 1e-3  # so that rounding leaves no gap between neighbouring faces
_SMALLEST_AREA_PX: Final = 1e-6


class Fragments(NamedTuple):
    """The nearest face of each covered pixel.

    pixels (N,) numbers of the pixels in row-major order, increasing; faces (N,) the face each
    sees; columns and rows (N,) float32 place of the pixel; nearness (N,) the interpolated third
    coordinate, of which the greatest wins.
    """

    pixels: IndexArray
    faces: IndexArray
    columns: Float32Array
    rows: Float32Array
    nearness: Float32Array


def rasterize(
    points_px: NDArray[np.floating[Any]], faces: NDArray[np.int32], shape: tuple[int, int]
) -> Fragments:
    """Draw the faces that are turned towards the viewer into a (height, width) picture.

    points_px
        (V, 3): column, row and nearness, which must be linear across the picture: 1 / z of a
        perspective view, or minus the distance of a parallel one. Faces with a corner that is
        not finite are left out.
    faces
        (F, 3) counter-clockwise seen from outside.
    """
    drawn, triangles = _drawn(np.asarray(points_px, dtype=np.float32), faces, shape)
    triangle, row = _rows_of(triangles.y, shape[0])
    first, count = _spans(triangles, triangle, row, shape[1])
    filled = np.flatnonzero(count > 0)
    triangle, row, first, count = triangle[filled], row[filled], first[filled], count[filled]
    at_start, per_column = _nearness_along_row(triangles, triangle, row, first)

    span = np.repeat(np.arange(len(count)), count)
    step = np.arange(len(span)) - np.repeat(np.cumsum(count) - count, count)
    nearness = at_start[span] + per_column[span] * step.astype(np.float32)
    pixel = np.repeat(row * shape[1] + first, count) + step
    nearest = _nearest(pixel, nearness, shape[0] * shape[1])
    pixels = pixel[nearest]
    rows, columns = np.divmod(pixels, shape[1])
    return Fragments(
        pixels,
        drawn[triangle[span[nearest]]],
        columns.astype(np.float32),
        rows.astype(np.float32),
        nearness[nearest],
    )


def barycentric_weights(
    points_px: Float32Array, faces: NDArray[np.int32], seen: Fragments
) -> Float32Array:
    """(3, N) share of each corner of the face seen, linear across the picture."""
    corners = faces[seen.faces].T
    column, row = np.ascontiguousarray(points_px[:, 0]), np.ascontiguousarray(points_px[:, 1])
    ax, ay = column[corners[0]], row[corners[0]]
    bx, by = column[corners[1]] - ax, row[corners[1]] - ay
    cx, cy = column[corners[2]] - ax, row[corners[2]] - ay
    x, y = seen.columns - ax, seen.rows - ay
    scale = 1.0 / (bx * cy - cx * by)
    second = np.clip((x * cy - cx * y) * scale, 0.0, 1.0)
    third = np.clip((bx * y - x * by) * scale, 0.0, 1.0 - second)
    return np.stack([1.0 - second - third, second, third])


class _Triangles(NamedTuple):
    """Columns, rows and nearness of the corners, each (3, T)."""

    x: Float32Array
    y: Float32Array
    nearness: Float32Array


def _drawn(
    points: Float32Array, faces: NDArray[np.int32], shape: tuple[int, int]
) -> tuple[IndexArray, _Triangles]:
    """Numbers of the faces that face the viewer and touch the picture, and their corners."""
    x, y, nearness = np.ascontiguousarray(points.T)
    corners = np.ascontiguousarray(faces.T)
    (ax, bx, cx), (ay, by, cy) = x[corners], y[corners]
    with np.errstate(invalid="ignore"):
        # Rows count downwards, so a counter-clockwise triangle has a negative area.
        faces_viewer = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay) < -_SMALLEST_AREA_PX
        inside = (np.maximum(np.maximum(ax, bx), cx) >= 0) & (
            np.minimum(np.minimum(ax, bx), cx) <= shape[1] - 1
        )
        is_finite = np.isfinite(nearness)[corners].all(axis=0)
    drawn = np.flatnonzero(faces_viewer & inside & is_finite)
    chosen = corners[:, drawn]
    return drawn, _Triangles(x[chosen], y[chosen], nearness[chosen])


def _rows_of(y: Float32Array, height: int) -> tuple[IndexArray, IndexArray]:
    """Number and row (R,) of each row of each triangle inside the picture."""
    highest = np.minimum(np.minimum(y[0], y[1]), y[2]) - _SHARED_EDGE_PX
    lowest = np.maximum(np.maximum(y[0], y[1]), y[2]) + _SHARED_EDGE_PX
    top = np.clip(np.ceil(highest), 0, height).astype(np.intp)
    bottom = np.clip(np.floor(lowest), -1, height - 1).astype(np.intp)
    count = np.maximum(bottom - top + 1, 0)
    triangle = np.repeat(np.arange(len(count)), count)
    return triangle, np.arange(len(triangle)) - np.repeat(np.cumsum(count) - count - top, count)


def _spans(
    triangles: _Triangles, triangle: IndexArray, row: IndexArray, width: int
) -> tuple[IndexArray, IndexArray]:
    """First column and number of columns (R,) a triangle covers of a row.

    An edge that goes down the picture bounds a triangle that faces the viewer on its left, one
    that goes up on its right.
    """
    y = row.astype(np.float32)
    left = np.zeros(len(row), dtype=np.float32)
    right = np.full(len(row), width - 1, dtype=np.float32)
    for start, end in ((0, 1), (1, 2), (2, 0)):
        fall = triangles.y[end] - triangles.y[start]
        is_level = fall == 0
        slope = (triangles.x[end] - triangles.x[start]) / np.where(is_level, np.inf, fall)
        at_zero = triangles.x[start] - slope * triangles.y[start]
        crossing = slope[triangle] * y
        low = np.where(fall > 0, at_zero - _SHARED_EDGE_PX, -np.inf).astype(np.float32)
        high = np.where(fall < 0, at_zero + _SHARED_EDGE_PX, np.inf).astype(np.float32)
        np.maximum(left, low[triangle] + crossing, out=left)
        np.minimum(right, high[triangle] + crossing, out=right)
    first = np.ceil(left).astype(np.intp)
    return first, np.floor(right).astype(np.intp) - first + 1


def _nearness_along_row(
    triangles: _Triangles, triangle: IndexArray, row: IndexArray, first: IndexArray
) -> tuple[Float32Array, Float32Array]:
    """Nearness (R,) at the first column of each span, and its change from column to column."""
    ax, ay, an = triangles.x[0], triangles.y[0], triangles.nearness[0]
    bx, by, bn = triangles.x[1] - ax, triangles.y[1] - ay, triangles.nearness[1] - an
    cx, cy, cn = triangles.x[2] - ax, triangles.y[2] - ay, triangles.nearness[2] - an
    area = bx * cy - cx * by
    per_column = (bn * cy - cn * by) / area
    per_row = (cn * bx - bn * cx) / area
    change = per_column[triangle]
    at_start = an[triangle] + change * (first.astype(np.float32) - ax[triangle])
    at_start += per_row[triangle] * (row.astype(np.float32) - ay[triangle])
    return at_start, change


def _nearest(pixel: IndexArray, nearness: Float32Array, pixel_count: int) -> IndexArray:
    """Numbers of the candidates that are the nearest of their pixel, one each, pixels in order."""
    greatest = np.full(pixel_count, -np.inf, dtype=np.float32)
    np.maximum.at(greatest, pixel, nearness)
    candidates = np.flatnonzero(nearness == greatest[pixel])
    winner = np.full(pixel_count, -1, dtype=np.intp)
    winner[pixel[candidates]] = candidates
    return winner[winner >= 0]
