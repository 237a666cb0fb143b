"""A triangle mesh in a depth buffer, and the buffer shaded: for still pictures, not live view."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals
from hand_object_recon.visualization.palette import Rgb

_KEY_LIGHT: Final = np.array([-0.48, -0.58, -0.66], dtype=np.float32)
_AMBIENT: Final = 0.50
_KEY: Final = 0.62
_GRAZING_SHADE: Final = 0.42
_EDGE_SHADE: Final = 0.5
_INSIDE_SHADE: Final = 0.6
_LIGHT_LEVELS: Final = 64  # fewer make a smaller file and show as bands
_SMALLEST_AREA_PX: Final = 1e-9
_SHARED_EDGE: Final = 1e-4  # of a corner's share, so that rounding leaves no gap between faces

Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]
Image = NDArray[np.uint8]


@dataclass(frozen=True)
class Raster:
    """depth (H, W), infinite where nothing is; unit normals (H, W, 3) towards the viewer's side
    of the surface; is_inside (H, W) where an open mesh shows its inside."""

    depth: Float32Array
    normals: Float32Array
    is_inside: NDArray[np.bool_]

    @property
    def covered(self) -> NDArray[np.bool_]:
        """(H, W) where the mesh is seen."""
        return np.isfinite(self.depth)


def rasterize(
    points_px: NDArray[np.floating[Any]], faces: NDArray[np.int32], shape: tuple[int, int]
) -> Raster:
    """The nearest surface in every pixel of a (height, width) picture.

    points_px
        (V, 3): x right, y down, z away from the viewer, all in pixels; pixel centres are at
        whole numbers.
    faces
        (F, 3) counter-clockwise seen from outside.
    """
    points = np.asarray(points_px, dtype=np.float32)
    area_vectors = face_area_vectors(points, faces)
    normals = vertex_normals(area_vectors, faces, len(points))
    drawn = np.abs(area_vectors[:, 2]) > _SMALLEST_AREA_PX
    hits = _hits(points[faces[drawn]], shape)
    face = faces[drawn][hits.triangle]
    is_turned_away = area_vectors[drawn, 2][hits.triangle] > 0
    hit_normals = np.einsum("hc,hcx->hx", hits.shares, normals[face])
    hit_normals[is_turned_away] *= -1.0
    length = np.linalg.norm(hit_normals, axis=1, keepdims=True)

    raster = Raster(
        np.full(shape, np.inf, dtype=np.float32),
        np.zeros((*shape, 3), dtype=np.float32),
        np.zeros(shape, dtype=np.bool_),
    )
    raster.depth[hits.row, hits.column] = hits.depth
    raster.normals[hits.row, hits.column] = hit_normals / np.maximum(length, 1e-6)
    raster.is_inside[hits.row, hits.column] = is_turned_away
    return raster


def shade(raster: Raster, color: Rgb, background: Rgb, edge_depth_px: float) -> Image:
    """(H, W, 3) uint8 picture, lit from the upper left, the inside dark; lines where the depth
    jumps."""
    facing = np.clip(-raster.normals[..., 2], 0.0, 1.0)
    light = _AMBIENT + _KEY * (0.5 + 0.5 * raster.normals @ _KEY_LIGHT)
    light *= 1.0 - _GRAZING_SHADE * (1.0 - facing) ** 3
    light = np.round(light * _LIGHT_LEVELS) / _LIGHT_LEVELS
    light[raster.is_inside] *= _INSIDE_SHADE
    light[_depth_edges(raster, edge_depth_px)] *= _EDGE_SHADE
    lit = np.minimum(light[..., None] * np.array(color, dtype=np.float32), 255.0)
    picture = np.where(raster.covered[..., None], lit, np.array(background, dtype=np.float32))
    return np.round(picture).astype(np.uint8)


def silhouette(
    points_px: NDArray[np.floating[Any]],
    faces: NDArray[np.int32],
    shape: tuple[int, int],
    thickness_px: int,
) -> NDArray[np.bool_]:
    """(height, width) a line along the outer border of a mesh given as for ``rasterize``."""
    mask = np.zeros(shape, dtype=np.uint8)
    for corners in np.round(points_px[:, :2]).astype(np.int32)[faces]:
        cv2.fillConvexPoly(mask, corners, 1)
    borders, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    line = np.zeros_like(mask)
    cv2.drawContours(line, borders, -1, 1, thickness_px)
    return line.astype(bool)


@dataclass(frozen=True)
class _Hits:
    """Where triangles cover pixel centres: row, column, triangle number and depth (N,), and the
    shares (N, 3) of the triangle's corners."""

    row: IntArray
    column: IntArray
    triangle: IntArray
    depth: Float32Array
    shares: Float32Array


def _hits(triangles: Float32Array, shape: tuple[int, int]) -> _Hits:
    """The nearest of (T, 3, 3) triangles in each pixel they cover; equally near ones all."""
    triangle, row, column = _pixels_of_boxes(triangles, shape)
    (ax, ay, _), (bx, by, _), (cx, cy, _) = triangles.transpose(1, 2, 0)
    doubled_area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    x = column.astype(np.float32) - ax[triangle]
    y = row.astype(np.float32) - ay[triangle]
    second = x * ((cy - ay) / doubled_area)[triangle] - y * ((cx - ax) / doubled_area)[triangle]
    third = y * ((bx - ax) / doubled_area)[triangle] - x * ((by - ay) / doubled_area)[triangle]
    least = np.minimum(np.minimum(second, third), 1.0 - second - third)
    inside = np.flatnonzero(least >= -_SHARED_EDGE)
    second, third = second[inside], third[inside]
    shares = np.stack([1.0 - second - third, second, third], axis=1).astype(np.float32)
    triangle, row, column = triangle[inside], row[inside], column[inside]
    depth = np.einsum("hc,hc->h", shares, triangles[triangle, :, 2])

    pixel = row * shape[1] + column
    least_depth = np.full(shape[0] * shape[1], np.inf, dtype=np.float32)
    np.minimum.at(least_depth, pixel, depth)
    nearest = np.flatnonzero(depth == least_depth[pixel])
    return _Hits(row[nearest], column[nearest], triangle[nearest], depth[nearest], shares[nearest])


def _pixels_of_boxes(
    triangles: Float32Array, shape: tuple[int, int]
) -> tuple[IntArray, IntArray, IntArray]:
    """Triangle number, row and column (P,) of each pixel of each triangle's bounding box."""
    last = np.array([shape[1], shape[0]]) - 1
    least = np.maximum(np.ceil(triangles[..., :2].min(axis=1)), 0).astype(np.int64)
    greatest = np.minimum(np.floor(triangles[..., :2].max(axis=1)), last).astype(np.int64)
    width, height = np.maximum(greatest - least + 1, 0).T
    count = width * height
    triangle = np.repeat(np.arange(len(triangles)), count)
    place = np.arange(len(triangle)) - np.repeat(np.cumsum(count) - count, count)
    row, column = np.divmod(place, width[triangle])
    return triangle, least[triangle, 1] + row, least[triangle, 0] + column


def _depth_edges(raster: Raster, least_px: float) -> NDArray[np.bool_]:
    """(H, W) pixels of a nearer surface beside one that lies ``least_px`` further away.

    A surface seen at a slant falls away by its slope; what counts is the jump beyond it.
    """
    far = float(raster.depth[raster.covered].max(initial=0.0)) + 2.0 * least_px
    depth = np.where(raster.covered, raster.depth, np.float32(far)).astype(np.float32)
    deepest_beside = cv2.dilate(depth, np.ones((3, 3), dtype=np.uint8))
    slope = 1.0 / np.clip(-raster.normals[..., 2], 0.15, 1.0)
    edges: NDArray[np.bool_] = raster.covered & (deepest_beside - depth > least_px + slope)
    return edges
