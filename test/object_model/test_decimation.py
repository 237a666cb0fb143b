"""Decimation of closed meshes, judged by trimesh and analytic shapes."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.isosurface import isosurface
from hand_object_recon.object_model.decimation import decimate


def decimated(mesh: trimesh.Trimesh, max_faces: int) -> trimesh.Trimesh:
    vertices, faces = decimate(mesh.vertices, mesh.faces.astype(np.int32), max_faces)
    return trimesh.Trimesh(vertices, faces, process=False)


@pytest.mark.parametrize("max_faces", [2000, 700, 200])
def test_a_ball_stays_closed_and_a_ball(max_faces: int) -> None:
    ball = trimesh.creation.icosphere(subdivisions=4, radius=0.03)
    coarse = decimated(ball, max_faces)
    assert 0.9 * max_faces < len(coarse.faces) <= max_faces
    assert coarse.is_watertight
    assert coarse.is_winding_consistent
    assert coarse.volume == pytest.approx(ball.volume, rel=0.03)
    assert coarse.euler_number == 2


def test_a_box_keeps_its_edges() -> None:
    box = trimesh.creation.box((0.05, 0.06, 0.04))
    for _ in range(4):
        box = box.subdivide()
    coarse = decimated(box, 300)
    assert coarse.is_watertight
    assert coarse.volume == pytest.approx(box.volume, rel=1e-4)
    np.testing.assert_allclose(coarse.extents, box.extents, atol=1e-6)


def test_a_ring_keeps_its_hole() -> None:
    ring = trimesh.creation.torus(major_radius=0.04, minor_radius=0.01)
    coarse = decimated(ring, 400)
    assert coarse.is_watertight
    assert coarse.euler_number == 0


def test_a_rough_closed_mesh_stays_closed() -> None:
    noise = np.pad(np.random.default_rng(3).standard_normal((8, 8, 8)), 1, constant_values=1.0)
    mesh = isosurface(noise)
    coarse = decimated(trimesh.Trimesh(mesh.vertices, mesh.faces, process=False), 900)
    assert len(coarse.faces) < len(mesh.faces)
    edges = np.sort(coarse.edges, axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()


def test_a_mesh_with_few_enough_faces_is_left_alone() -> None:
    ball = trimesh.creation.icosphere(subdivisions=1)
    vertices, faces = decimate(ball.vertices, ball.faces.astype(np.int32), 1000)
    np.testing.assert_array_equal(faces, ball.faces)
    np.testing.assert_allclose(vertices, ball.vertices, atol=1e-7)


def test_fewer_faces_than_a_tetrahedron_has_are_refused() -> None:
    ball = trimesh.creation.icosphere(subdivisions=1)
    with pytest.raises(InvalidValueError, match="max_faces"):
        decimate(ball.vertices, ball.faces.astype(np.int32), 3)
