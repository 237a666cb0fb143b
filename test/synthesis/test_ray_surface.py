"""Rays meet surfaces where geometry says."""

from __future__ import annotations

import numpy as np
import trimesh

from hand_object_recon.synthesis.lighting import sphere_directions
from hand_object_recon.synthesis.ray_surface import RaySurface

BALL = trimesh.creation.icosphere(subdivisions=4, radius=1.0)
BALL_SURFACE = RaySurface(BALL.vertices, BALL.faces)


def test_rays_meet_a_ball_at_its_radius_and_pass_beside_it() -> None:
    offsets = np.array([0.0, 0.5, 0.9, 1.1])
    origins = np.stack([offsets, np.zeros(4), np.full(4, -3.0)], axis=1)
    hits = BALL_SURFACE.first_hits(origins, np.tile([0.0, 0.0, 1.0], (4, 1)))
    assert hits.rays.tolist() == [0, 1, 2]
    np.testing.assert_allclose(hits.distances, 3.0 - np.sqrt(1.0 - offsets[:3] ** 2), atol=5e-3)


def test_distances_count_in_lengths_of_the_direction() -> None:
    hits = BALL_SURFACE.first_hits(np.array([[0.0, 0, -3]]), np.array([[0.0, 0, 0.5]]))
    np.testing.assert_allclose(hits.distances, [4.0], atol=5e-3)


def test_weights_and_face_give_the_point_that_was_hit() -> None:
    directions = np.random.default_rng(0).normal(size=(200, 3))
    hits = BALL_SURFACE.first_hits(np.zeros((200, 3)), directions)
    assert len(hits.rays) == 200
    along_rays = directions * hits.distances[:, None]
    on_faces = np.einsum("nc,ncd->nd", hits.weights, BALL.vertices[BALL.faces[hits.faces]])
    np.testing.assert_allclose(on_faces, along_rays, atol=1e-5)


def test_vertex_normals_of_a_ball_point_away_from_its_centre() -> None:
    np.testing.assert_allclose(BALL_SURFACE.vertex_normals(), BALL.vertices, atol=0.01)


def test_half_of_all_directions_are_open_on_a_ball_and_none_inside_it() -> None:
    directions = sphere_directions(500)
    outside = BALL_SURFACE.openness(BALL.vertices[:50], BALL.vertices[:50], directions)
    np.testing.assert_allclose(outside, 0.5, atol=0.03)
    inside = BALL_SURFACE.openness(np.zeros((1, 3)), np.array([[0.0, 0, 1]]), directions)
    np.testing.assert_array_equal(inside, [0.0])
