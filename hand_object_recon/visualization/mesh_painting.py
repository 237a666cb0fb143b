"""A shaded, semi-transparent triangle mesh painted over an image, fast enough for live view.

Painter's order decides visibility: the triangles that face the camera are filled from far to
near on a canvas with an opacity channel, which is smoothed and laid over the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals
from hand_object_recon.geometry.projection import project
from hand_object_recon.visualization.palette import Rgb

_NEAREST_M = 0.02
_SUBPIXEL_BITS = 4
_LIGHT_DIRECTION = np.array([-0.45, -0.65, -0.61], dtype=np.float32)
_HIGHLIGHT_DIRECTION = np.array([-0.243, -0.351, -0.904], dtype=np.float32)
_FACING_OPACITY = 0.52
_GRAZING_OPACITY = 0.88

Float32Array = NDArray[np.float32]
Image = NDArray[np.uint8]


def paint_mesh(
    image: Image,
    camera: CameraIntrinsics,
    vertices_m: NDArray[Any],
    faces: NDArray[np.int32],
    colors: Rgb | NDArray[np.uint8],
) -> None:
    """Blend the mesh into ``image`` (H, W, 3) uint8 in place.

    vertices_m
        (V, 3) metres in the camera optical frame.
    faces
        (F, 3) vertex numbers, counter-clockwise seen from outside; those turned away from the
        camera or nearer than 2 cm are left out.
    colors
        One for all, or (V, 3).
    """
    vertices = np.asarray(vertices_m, dtype=np.float32)
    area_vectors = face_area_vectors(vertices, faces)
    shown = _faces_far_to_near(vertices, faces, area_vectors)
    triangles = project(vertices, camera)[faces[shown]].astype(np.float32)
    window = _Window.around(triangles, image.shape)
    if window is None:
        return
    normals = vertex_normals(area_vectors, faces, len(vertices))
    corners = faces[shown].T
    face_colors = np.array(colors, dtype=np.float32)
    if face_colors.ndim > 1:
        face_colors = _corner_mean(face_colors, corners)
    face_normals = _unit(_corner_mean(normals, corners))
    tint = _tint(_corner_mean(vertices, corners), face_normals, face_colors)
    _lay_over(image[window.slices], _paint(triangles - window.origin, tint, window.shape))


@dataclass(frozen=True)
class _Window:
    """The part of an image a mesh covers."""

    left: int
    top: int
    right: int
    bottom: int

    @classmethod
    def around(cls, triangles: Float32Array, shape: tuple[int, ...]) -> _Window | None:
        if not len(triangles):
            return None
        pixels = triangles.reshape(-1, 2)
        left, top = (np.floor(pixels.min(axis=0)) - 3).astype(int).tolist()
        right, bottom = (np.ceil(pixels.max(axis=0)) + 4).astype(int).tolist()
        left, right = max(left, 0), min(right, shape[1])
        top, bottom = max(top, 0), min(bottom, shape[0])
        return cls(left, top, right, bottom) if right > left and bottom > top else None

    @property
    def origin(self) -> Float32Array:
        return np.array([self.left, self.top], dtype=np.float32)

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left


def _faces_far_to_near(
    vertices: Float32Array, faces: NDArray[np.int32], face_normals: Float32Array
) -> NDArray[np.intp]:
    """Numbers of the faces that can be seen, in the order to paint them."""
    depth = vertices[:, 2][faces]
    towards = np.einsum("ij,ij->i", face_normals, vertices[faces[:, 0]]) < 0
    shown = np.flatnonzero(towards & (depth.min(axis=1) > _NEAREST_M))
    far_to_near: NDArray[np.intp] = shown[np.argsort(-depth[shown].sum(axis=1), kind="stable")]
    return far_to_near


def _tint(points: Float32Array, normals: Float32Array, colors: Float32Array) -> Float32Array:
    """(N, 4) red, green, blue, opacity from 0 to 255, the colours multiplied by the opacity.

    colors is (3,) or (N, 3).

    A lit surface that turns denser where it bends away from the viewer.
    """
    view = -_unit(points)
    facing = np.clip(np.einsum("ij,ij->i", normals, view), 0.0, 1.0)
    diffuse = 0.5 + 0.5 * normals @ _LIGHT_DIRECTION
    highlight = np.clip(normals @ _HIGHLIGHT_DIRECTION, 0.0, 1.0) ** 12
    lit = (0.28 + 0.86 * diffuse)[:, None] * colors
    opacity = _FACING_OPACITY + (_GRAZING_OPACITY - _FACING_OPACITY) * (1.0 - facing) ** 2
    tint = np.empty((len(points), 4), dtype=np.float32)
    tint[:, :3] = np.minimum(lit + 45.0 * highlight[:, None], 255.0) * opacity[:, None]
    tint[:, 3] = 255.0 * opacity
    return tint


def _paint(triangles: Float32Array, tint: Float32Array, shape: tuple[int, int]) -> Image:
    """(H, W, 4) uint8 canvas with each triangle filled over those before it."""
    canvas = np.zeros((*shape, 4), dtype=np.uint8)
    fixed_point = np.round(triangles * (1 << _SUBPIXEL_BITS)).astype(np.int32)
    for triangle, color in zip(fixed_point, tint.tolist(), strict=True):
        cv2.fillConvexPoly(canvas, triangle, color, cv2.LINE_8, _SUBPIXEL_BITS)
    return cv2.blur(canvas, (3, 3)).astype(np.uint8, copy=False)


def _lay_over(view: Image, canvas: Image) -> None:
    transparency = cv2.cvtColor(255 - cv2.extractChannel(canvas, 3), cv2.COLOR_GRAY2RGB)
    behind = cv2.multiply(view, transparency, scale=1.0 / 255.0)
    view[:] = cv2.add(behind, cv2.cvtColor(canvas, cv2.COLOR_RGBA2RGB))


def _corner_mean(values: Float32Array, corners: NDArray[np.int32]) -> Float32Array:
    first, second, third = corners
    mean: Float32Array = (values[first] + values[second] + values[third]) / 3
    return mean


def _unit(vectors: Float32Array) -> Float32Array:
    length = np.sqrt(np.einsum("...i,...i->...", vectors, vectors))[..., None]
    unit: Float32Array = vectors / np.maximum(length, 1e-12)
    return unit
