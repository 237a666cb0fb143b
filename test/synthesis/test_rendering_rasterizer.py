"""The rasterizer sees the faces a ray tracer sees."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.synthesis.ray_surface import RaySurface
from hand_object_recon.synthesis.rendering.background import pixel_rays
from hand_object_recon.synthesis.rendering.drawing import JoinedMesh, mask_alone, see_bodies
from hand_object_recon.synthesis.rendering.rasterizer import rasterize

CAMERA = CameraIntrinsics(160, 120, 150.0, 152.0, 80.3, 58.9)


class PlainBody:
    """A mesh as the renderer takes it, without a material."""

    def __init__(self, mesh: trimesh.Trimesh, shift_m: tuple[float, float, float]) -> None:
        self.vertices_m = (mesh.vertices + shift_m).astype(np.float32)
        self.faces = mesh.faces.astype(np.int32)
        self.rest_vertices_m = mesh.vertices.astype(np.float32)


@pytest.fixture(scope="module")
def bodies() -> list[PlainBody]:
    """A ball before a torus before a box that reaches out of the picture."""
    return [
        PlainBody(trimesh.creation.torus(0.12, 0.04), (0.03, 0.0, 0.6)),
        PlainBody(trimesh.creation.icosphere(3, 0.05), (0.05, 0.02, 0.45)),
        PlainBody(trimesh.creation.box((0.3, 0.2, 0.1)), (-0.3, -0.1, 0.7)),
    ]


@pytest.fixture(scope="module")
def joined(bodies: list[PlainBody]) -> JoinedMesh:
    return JoinedMesh.of(bodies)


@pytest.fixture(scope="module")
def rays() -> np.ndarray:
    return np.ascontiguousarray(pixel_rays(CAMERA).T)


def test_pixels_depths_and_faces_are_those_of_cast_rays(
    joined: JoinedMesh, rays: np.ndarray
) -> None:
    seen = see_bodies(joined, CAMERA)
    hits = RaySurface(joined.vertices_m, joined.faces).first_hits(np.zeros_like(rays), rays)
    common, ours, theirs = np.intersect1d(seen.pixels, hits.rays, return_indices=True)
    assert len(common) > 0.999 * max(len(seen.pixels), len(hits.rays))
    np.testing.assert_allclose(seen.depth_m[ours], hits.distances[theirs], rtol=0, atol=1e-4)
    number = seen.faces + joined.face_starts[seen.bodies]
    assert (number[ours] == hits.faces[theirs]).mean() > 0.995


def test_shares_of_the_corners_give_the_point_on_the_ray(
    joined: JoinedMesh, rays: np.ndarray
) -> None:
    seen = see_bodies(joined, CAMERA)
    points = np.einsum("kn,knc->nc", seen.shares, joined.vertices_m[seen.corners])
    np.testing.assert_allclose(points, rays[seen.pixels] * seen.depth_m[:, None], atol=1e-4)
    assert (seen.shares > -1e-3).all()


def test_neighbouring_faces_leave_no_gap() -> None:
    corners = np.random.default_rng(0).uniform(-5, 69, (400, 2))
    hull = np.array([[-50, -50], [120, -50], [120, 120], [-50, 120]])
    from scipy.spatial import Delaunay

    points = np.concatenate([corners, hull])
    faces = Delaunay(points).simplices
    flat = np.concatenate([points, np.ones((len(points), 1))], axis=1).astype(np.float32)
    both_sides = np.concatenate([faces, faces[:, ::-1]]).astype(np.int32)
    seen = rasterize(flat, both_sides, (64, 64))
    np.testing.assert_array_equal(seen.pixels, np.arange(64 * 64))


def test_a_face_turned_away_or_behind_the_camera_is_not_drawn() -> None:
    square = np.array([[5, 5, 1.0], [15, 5, 1.0], [15, 15, 1.0]], dtype=np.float32)
    away, towards = np.array([[0, 1, 2]], np.int32), np.array([[2, 1, 0]], np.int32)
    assert len(rasterize(square, away, (20, 20)).pixels) == 0
    assert len(rasterize(square, towards, (20, 20)).pixels) > 40
    square[1, 2] = np.nan
    assert len(rasterize(square, towards, (20, 20)).pixels) == 0


def test_a_mask_alone_ignores_what_is_in_front(bodies: list[PlainBody], joined: JoinedMesh) -> None:
    torus = bodies[0]
    alone = mask_alone(torus.vertices_m, torus.faces, CAMERA)
    seen = see_bodies(joined, CAMERA)
    visible = np.zeros(alone.size, dtype=bool)
    visible[seen.pixels[seen.bodies == 0]] = True
    assert alone.ravel()[visible].all()
    assert visible.sum() < alone.sum()
