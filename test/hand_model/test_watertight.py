"""A hand closed at the wrist is a solid: volume and inside agree with trimesh."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.watertight import ClosedHand, close_wrist


@pytest.fixture(scope="module", params=["rest", "bent"])
def posed(request: pytest.FixtureRequest, either: HandModel) -> np.ndarray:
    pose = np.zeros(48)
    if request.param == "bent":
        pose[:3] = 0.7, -1.1, 0.4
        pose[3:] = either.hands_mean
    return pose_hand(either, pose, np.zeros(10), np.array([0.1, -0.2, 0.6])).vertices_m


def as_trimesh(closed: ClosedHand, vertices: np.ndarray) -> trimesh.Trimesh:
    whole = closed.vertices(vertices.astype(np.float64))
    return trimesh.Trimesh(whole, closed.faces, process=False)


def test_the_closed_mesh_is_watertight_and_wound_outwards(
    either: HandModel, posed: np.ndarray
) -> None:
    mesh = as_trimesh(close_wrist(either), posed)
    assert mesh.is_watertight
    assert mesh.is_winding_consistent
    assert mesh.euler_number == 2
    assert mesh.volume > 0.0


def test_the_open_faces_come_first_and_the_lid_meets_in_one_new_vertex(either: HandModel) -> None:
    closed = close_wrist(either)
    count = len(either.faces)
    np.testing.assert_array_equal(closed.faces[:count], either.faces)
    assert len(closed.faces) == count + len(closed.rim)
    assert (closed.faces[count:] == len(either.v_template)).sum() == len(closed.rim)


def test_the_new_vertex_is_the_middle_of_the_rim(either: HandModel, posed: np.ndarray) -> None:
    closed = close_wrist(either)
    whole = closed.vertices(posed)
    assert whole.dtype == posed.dtype
    np.testing.assert_array_equal(whole[:-1], posed)
    np.testing.assert_allclose(whole[-1], posed[closed.rim].mean(axis=0), atol=1e-6)


def test_the_volume_is_that_of_trimesh(either: HandModel, posed: np.ndarray) -> None:
    closed = close_wrist(either)
    assert closed.volume_m3(posed) == pytest.approx(as_trimesh(closed, posed).volume, rel=1e-6)
    assert 0.0002 < closed.volume_m3(posed) < 0.0007


def test_points_are_inside_where_trimesh_says_so(either: HandModel, posed: np.ndarray) -> None:
    closed = close_wrist(either)
    low, high = posed.min(axis=0), posed.max(axis=0)
    points = np.random.default_rng(5).uniform(low, high, size=(600, 3))
    found = closed.contains(points, posed)
    np.testing.assert_array_equal(found, as_trimesh(closed, posed).contains(points))
    assert 0.02 < found.mean() < 0.6


def test_tensors_are_closed_as_arrays_are_and_keep_their_gradient(right: HandModel) -> None:
    closed = close_wrist(right)
    batch = torch.tensor(np.stack([right.v_template, 2.0 * right.v_template]), requires_grad=True)
    whole = closed.vertices(batch)
    np.testing.assert_allclose(
        whole.detach().numpy(), closed.vertices(batch.detach().numpy()), atol=1e-7
    )
    whole[:, -1].sum().backward()
    moved = batch.grad[0].abs().sum(dim=-1) > 0
    assert sorted(closed.rim.tolist()) == moved.nonzero().ravel().tolist()


def test_the_topology_is_found_once_for_a_model(right: HandModel) -> None:
    assert close_wrist(right) is close_wrist(right)


def test_a_mesh_of_another_model_is_refused(right: HandModel) -> None:
    with pytest.raises(InvalidValueError, match=r"open_vertices has shape \(5, 3\)"):
        close_wrist(right).vertices(np.zeros((5, 3)))


def test_a_hand_with_a_second_hole_is_refused(right: HandModel) -> None:
    rim = close_wrist(right).rim
    far_from_rim = np.flatnonzero(~np.isin(right.faces, rim).any(axis=1))
    damaged = replace(right, faces=np.delete(right.faces, far_from_rim[0], axis=0))
    with pytest.raises(InvalidValueError, match="open_hand_right has 2 rims"):
        close_wrist(damaged)
