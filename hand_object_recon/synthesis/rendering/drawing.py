"""Bodies drawn into a picture: what each pixel sees, and how it is lit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals
from hand_object_recon.synthesis.rendering.appearance import Appearance
from hand_object_recon.synthesis.rendering.lights import Lights
from hand_object_recon.synthesis.rendering.rasterizer import (
    Fragments,
    barycentric_weights,
    rasterize,
)
from hand_object_recon.synthesis.rendering.shadow_map import ShadowMap

Float32Array = NDArray[np.float32]
IndexArray = NDArray[np.intp]

_NEAREST_M: Final = 0.02
_SHADOW_LIFT_M: Final = np.float32(0.003)  # so that a surface at a slant to the lamp is not dotted


class Drawable(Protocol):
    """A surface with a material; see ``scene.SceneBody``."""

    @property
    def vertices_m(self) -> NDArray[np.float32]: ...
    @property
    def faces(self) -> NDArray[np.int32]: ...
    @property
    def rest_vertices_m(self) -> NDArray[np.float32]: ...
    @property
    def appearance(self) -> Appearance: ...


@dataclass(frozen=True, eq=False)
class JoinedMesh:
    """All bodies' vertices (V, 3) and faces (F, 3) as one mesh.

    face_starts (B + 1,)
        Number of each body's first face; the last entry is their count.
    """

    vertices_m: Float32Array
    faces: NDArray[np.int32]
    face_starts: IndexArray
    vertex_starts: IndexArray

    @classmethod
    def of(cls, bodies: Sequence[Drawable]) -> JoinedMesh:
        vertex_starts = np.cumsum([0, *(len(body.vertices_m) for body in bodies)])
        return cls(
            vertices_m=np.concatenate([body.vertices_m for body in bodies]),
            faces=np.concatenate(
                [
                    body.faces + np.int32(start)
                    for body, start in zip(bodies, vertex_starts, strict=False)
                ]
            ),
            face_starts=np.cumsum([0, *(len(body.faces) for body in bodies)]),
            vertex_starts=vertex_starts,
        )


class SeenBodies(NamedTuple):
    """What of the bodies the covered pixels see.

    pixels (N,) row-major numbers; bodies (N,) number of the body; faces (N,) of its face;
    corners (3, N) vertices of the face in the joined mesh; shares (3, N) of the corners;
    depth_m (N,).
    """

    pixels: IndexArray
    bodies: NDArray[np.uint8]
    faces: NDArray[np.int32]
    corners: NDArray[np.int32]
    shares: Float32Array
    depth_m: Float32Array

    def only(self, chosen: NDArray[np.bool_]) -> SeenBodies:
        """The part of the pixels for which (N,) ``chosen`` is true."""
        return SeenBodies(
            self.pixels[chosen],
            self.bodies[chosen],
            self.faces[chosen],
            self.corners[:, chosen],
            self.shares[:, chosen],
            self.depth_m[chosen],
        )


def see_bodies(mesh: JoinedMesh, camera: CameraIntrinsics) -> SeenBodies:
    """Find the nearest body in each pixel."""
    points_px = _nearness_points(mesh.vertices_m, camera)
    seen = rasterize(points_px, mesh.faces, (camera.height, camera.width))
    bodies = np.searchsorted(mesh.face_starts, seen.faces, side="right") - 1
    corners = np.ascontiguousarray(mesh.faces[seen.faces].T)
    return SeenBodies(
        pixels=seen.pixels,
        bodies=bodies.astype(np.uint8),
        faces=(seen.faces - mesh.face_starts[bodies]).astype(np.int32),
        corners=corners,
        shares=_shares_in_space(points_px, mesh.faces, seen, corners),
        depth_m=1.0 / seen.nearness,
    )


def mask_alone(
    vertices_m: Float32Array, faces: NDArray[np.int32], camera: CameraIntrinsics
) -> NDArray[np.bool_]:
    """(H, W) pixels a mesh covers if nothing else is there."""
    covered = np.zeros(camera.height * camera.width, dtype=np.bool_)
    points_px = _nearness_points(vertices_m, camera)
    covered[rasterize(points_px, faces, (camera.height, camera.width)).pixels] = True
    return covered.reshape(camera.height, camera.width)


class Shading(NamedTuple):
    """color (3, N) linear RGB; facing (N,) cosine between normal and line of sight; infrared
    (N,) as depth sensors have it."""

    color: Float32Array
    facing: Float32Array
    infrared: Float32Array


def shade_bodies(
    bodies: Sequence[Drawable],
    mesh: JoinedMesh,
    seen: SeenBodies,
    rays: Float32Array,
    lights: Lights,
    shadow: ShadowMap,
    open_share: Float32Array,
) -> Shading:
    """Light what is seen.

    rays
        (3, H * W) through the pixels' centres, of length one along the optical axis.
    lights
        In the camera frame.
    open_share
        (N,) share of the room's glow that reaches each seen place.
    """
    normals = _unit(_interpolated(_normals(mesh), seen.corners, seen.shares))
    points = np.take(rays, seen.pixels, axis=1) * seen.depth_m
    towards_camera = -_unit(points)
    facing = np.clip(np.einsum("cn,cn->n", normals, towards_camera), 0.0, 1.0)
    lit = shadow.lit(points + _SHADOW_LIFT_M * normals)
    color = np.empty_like(normals)
    infrared = np.empty_like(facing)
    for number, body in enumerate(bodies):
        chosen = np.flatnonzero(seen.bodies == number)
        if len(chosen) == 0:
            continue
        features = body.appearance.features(body.rest_vertices_m, body.faces)
        corners = np.take(seen.corners, chosen, axis=1) - np.int32(mesh.vertex_starts[number])
        shares = np.take(seen.shares, chosen, axis=1)
        surface = body.appearance.surface(_interpolated(features.T, corners, shares))
        color[:, chosen] = lights.shade(
            surface,
            np.take(normals, chosen, axis=1),
            np.take(towards_camera, chosen, axis=1),
            lit[chosen],
            open_share[chosen],
        )
        infrared[chosen] = body.appearance.infrared
    return Shading(color, facing, infrared)


def _nearness_points(vertices_m: Float32Array, camera: CameraIntrinsics) -> Float32Array:
    """(V, 3) column, row and 1 / depth; not finite nearer than 2 cm and behind the camera."""
    x, y, z = np.ascontiguousarray(vertices_m.T)
    nearness = 1.0 / np.where(z > _NEAREST_M, z, np.float32(np.nan))
    points = np.empty((len(x), 3), dtype=np.float32)
    points[:, 0] = np.float32(camera.fx) * x * nearness + np.float32(camera.cx)
    points[:, 1] = np.float32(camera.fy) * y * nearness + np.float32(camera.cy)
    points[:, 2] = nearness
    return points


def _shares_in_space(
    points_px: Float32Array,
    faces: NDArray[np.int32],
    seen: Fragments,
    corners: NDArray[np.int32],
) -> Float32Array:
    """(3, N) shares of the corners on the surface itself rather than in its picture."""
    shares = barycentric_weights(points_px, faces, seen)
    shares *= points_px[:, 2][corners]
    shares /= shares.sum(axis=0)
    return shares


def _normals(mesh: JoinedMesh) -> Float32Array:
    """(3, V) unit normals at the vertices."""
    areas = face_area_vectors(mesh.vertices_m, mesh.faces)
    normals = vertex_normals(areas, mesh.faces, len(mesh.vertices_m))
    return np.ascontiguousarray(normals.T, dtype=np.float32)


def _interpolated(
    values: NDArray[np.floating[Any]], corners: NDArray[np.int32], shares: Float32Array
) -> Float32Array:
    """(K, N) values between those (K, V) of the vertices at the corners."""
    result = np.empty((len(values), corners.shape[1]), dtype=np.float32)
    for row, column in zip(result, np.ascontiguousarray(values), strict=True):
        np.multiply(column[corners[0]], shares[0], out=row)
        for corner in (1, 2):
            np.add(row, column[corners[corner]] * shares[corner], out=row)
    return result


def _unit(vectors: Float32Array) -> Float32Array:
    length = np.sqrt(np.einsum("cn,cn->n", vectors, vectors))
    return np.asarray(vectors / np.maximum(length, 1e-9))
