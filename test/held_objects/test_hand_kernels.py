"""How near pixels are to a hand's mesh, and which depths its flesh takes up."""

from __future__ import annotations

import igl
import numpy as np
import trimesh

from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.held_objects.hand_layer_kernels import draw_layers
from hand_object_recon.held_objects.hand_nearness_kernels import (
    gap_to,
    nearest_at,
    nearest_vertices,
)

INTRINSICS = np.array([300.0, 300.0, 79.5, 59.5])


def test_a_ray_enters_and_leaves_a_ball_where_geometry_says() -> None:
    center, radius = np.array([0.02, -0.01, 0.5]), 0.06
    ball = trimesh.creation.icosphere(subdivisions=5, radius=radius)
    near = np.full((120, 160), np.inf, dtype=np.float32)
    far = near.copy()
    vertices = (ball.vertices + center).astype(np.float32)
    draw_layers(vertices, ball.faces.astype(np.int32), INTRINSICS, near, far)

    columns, rows = np.meshgrid(np.arange(160), np.arange(120))
    rays = np.stack([(columns - 79.5) / 300, (rows - 59.5) / 300, np.ones((120, 160))], axis=-1)
    along, squared = rays @ center, (rays**2).sum(axis=-1)
    root = along**2 - squared * (center @ center - radius**2)
    inner = root > 2e-5
    half = np.sqrt(np.maximum(root, 0))
    np.testing.assert_allclose(near[inner], ((along - half) / squared)[inner], atol=5e-4)
    np.testing.assert_allclose(far[inner], ((along + half) / squared)[inner], atol=5e-4)
    assert np.isinf(near[root < -2e-5]).all()


def test_of_two_layers_the_nearer_one_is_drawn() -> None:
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.03)
    near = np.full((120, 160), np.inf, dtype=np.float32)
    far = near.copy()
    for depth in (0.7, 0.5):
        vertices = (ball.vertices + np.array([0.0, 0.0, depth])).astype(np.float32)
        draw_layers(vertices, ball.faces.astype(np.int32), INTRINSICS, near, far)

    assert abs(near[59, 79] - 0.47) < 1e-3
    assert abs(far[59, 79] - 0.53) < 1e-3


def test_gaps_to_a_hand_are_those_to_its_mesh() -> None:
    model = load_hand_model("open_hand", HandSide.RIGHT)
    vertices = model.v_template
    areas = face_area_vectors(vertices, model.faces)
    normals = vertex_normals(areas, model.faces, len(vertices)).astype(np.float32)
    nearest, origin = nearest_vertices(np.array(vertices))
    random = np.random.default_rng(0)
    chosen = random.integers(len(vertices), size=600)
    points = vertices[chosen] + normals[chosen] * random.uniform(0.001, 0.012, (600, 1))
    squared = igl.point_mesh_squared_distance(
        points.astype(np.float64), vertices.astype(np.float64), model.faces.astype(np.int64)
    )[0]

    gaps = []
    for point in points:
        vertex = nearest_at(nearest, origin, *point.astype(float))
        assert vertex >= 0
        gaps.append(gap_to(vertices[vertex], normals[vertex], *point.astype(float)))
    errors = np.abs(np.array(gaps) - np.sqrt(squared))
    assert np.median(errors) < 0.001
    assert np.percentile(errors, 90) < 0.003


def test_far_from_a_hand_no_vertex_is_near() -> None:
    vertices = np.array(load_hand_model("open_hand", HandSide.LEFT).v_template)
    nearest, origin = nearest_vertices(vertices)
    high = vertices.max(axis=0)

    assert nearest_at(nearest, origin, high[0] + 0.5, high[1], high[2]) == -1
    assert nearest_at(nearest, origin, high[0] + 0.02, high[1] + 0.02, high[2] + 0.02) == -1
