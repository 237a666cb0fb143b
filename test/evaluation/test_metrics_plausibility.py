"""Hands that are inside themselves, bent too far or stretched are found to be so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.objects import HandPart
from hand_object_recon.evaluation.metrics.plausibility import (
    edge_length_spread,
    joint_limit_excess,
    self_penetration,
)
from hand_object_recon.hand_model.conventions import finger_joints
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.plausibility import (
    bent_angles_rad,
    depth_inside_m,
    limit_excess_rad,
)
from hand_object_recon.hand_model.vertex_labels import Segment, vertex_labels

FloatArray = NDArray[np.floating[Any]]
PoseOf = Callable[..., FloatArray]


@pytest.fixture(params=list(HandSide))
def model(request: pytest.FixtureRequest) -> HandModel:
    return load_hand_model("open_hand", request.param)


def mesh_of(
    model: HandModel, angles_rad: FloatArray, shape: FloatArray | None = None
) -> FloatArray:
    """(V, 3) of a hand that is turned and moved somehow, bent by (15, 3) along the model's axes."""
    vectors = np.einsum("jac,ja->jc", model.joint_axes, angles_rad)
    pose = np.append([0.7, -1.1, 0.4], vectors)
    coefficients = np.zeros(10) if shape is None else shape
    posed = pose_hand(model, pose, coefficients, np.array([0.1, -0.2, 0.6]))
    return posed.vertices_m.astype(np.float64)


def flexed(joints: tuple[int, ...], degrees: float) -> FloatArray:
    """(15, 3) angles with some of the 16 joints bent towards the palm."""
    angles = np.zeros((15, 3))
    angles[np.array(joints) - 1, 0] = np.radians(degrees)
    return angles


def test_a_point_of_one_ball_is_as_deep_in_another_as_the_balls_overlap() -> None:
    ball = trimesh.creation.icosphere(4, radius=0.02)
    other = trimesh.creation.icosphere(4, radius=0.02)
    other.apply_translation([0.03, 0.0, 0.0])
    depth_m = depth_inside_m(other.vertices, ball.vertices, ball.faces)
    assert depth_m == pytest.approx(0.01, abs=1e-4)
    other.apply_translation([0.011, 0.0, 0.0])
    assert depth_inside_m(other.vertices, ball.vertices, ball.faces) == 0.0


def test_a_hand_in_rest_or_half_closed_is_not_inside_itself(model: HandModel) -> None:
    fingers = tuple(joint for name in ("index", "middle", "ring") for joint in finger_joints(name))
    poses = [np.zeros((15, 3)), flexed(fingers, 30.0)]
    found = self_penetration([mesh_of(model, pose) for pose in poses], model)
    np.testing.assert_array_equal(found.per_sample, [0.0, 0.0])


def test_a_finger_bent_into_the_palm_is_as_deep_in_it_as_the_nearest_skin_is_away(
    model: HandModel,
) -> None:
    mesh = mesh_of(model, flexed(finger_joints("middle"), 105.0))
    labels = vertex_labels(model)
    is_palm = (labels.part[model.faces] == HandPart.PALM).sum(axis=1) >= 2
    palm = trimesh.Trimesh(mesh, model.faces[is_palm], process=False)
    is_end = (labels.part == HandPart.MIDDLE) & (labels.segment > Segment.PROXIMAL)
    skin, faces = trimesh.sample.sample_surface(palm, 200_000, seed=0)
    distances_m, nearest = cKDTree(skin).query(mesh[is_end])
    outwards = palm.face_normals[faces[nearest]]
    behind = np.einsum("nc,nc->n", mesh[is_end] - skin[nearest], outwards) < 0.0
    found = self_penetration([mesh], model)
    assert found.value == pytest.approx(1e3 * distances_m[behind].max(), abs=0.5)
    assert found.value > 3.0


def test_a_finger_in_another_finger_is_found(model: HandModel) -> None:
    mesh, labels = mesh_of(model, np.zeros((15, 3))), vertex_labels(model)
    ring, middle = (
        np.flatnonzero((labels.part == part) & (labels.segment == Segment.DISTAL))
        for part in (HandPart.RING, HandPart.MIDDLE)
    )
    mesh[ring] += mesh[middle].mean(axis=0) - mesh[ring].mean(axis=0)
    found = self_penetration([mesh], model).value
    assert found is not None
    assert 2.0 < found < 10.0  # thinner than half a finger


def test_meshes_tell_how_far_their_joints_are_bent(model: HandModel) -> None:
    random = np.random.default_rng(3)
    low, high = model.joint_limits_rad[..., 0], model.joint_limits_rad[..., 1]
    angles = random.uniform(low, high, (20, 15, 3))
    shapes = random.normal(0.0, 1.0, (20, 10))
    meshes = [mesh_of(model, one, shape) for one, shape in zip(angles, shapes, strict=True)]
    found = bent_angles_rad(model, np.array(meshes), shapes)
    assert np.degrees(np.abs(found - angles)).mean() < 2.0
    seeming = joint_limit_excess(meshes, model).value
    assert seeming is not None
    assert seeming < 1.5


def test_poses_of_the_model_itself_stretch_their_skin_somewhat(model: HandModel) -> None:
    random = np.random.default_rng(3)
    low, high = model.joint_limits_rad[..., 0], model.joint_limits_rad[..., 1]
    meshes = [mesh_of(model, random.uniform(low, high)) for _ in range(20)]
    mean_pose = pose_hand(
        model, np.append(np.zeros(3), model.hands_mean), np.zeros(10), np.zeros(3)
    )
    for hands, least, most in ((meshes, 12.0, 18.0), ([mean_pose.vertices_m], 8.0, 11.0)):
        spread = edge_length_spread(hands, model).value
        assert spread is not None
        assert least < spread < most


@pytest.mark.parametrize("beyond_deg", [10.0, 35.0])
def test_degrees_beyond_a_limit_are_those_of_the_joint_that_is_bent_too_far_most(
    model: HandModel, beyond_deg: float
) -> None:
    middle_joint = finger_joints("ring")[1] - 1
    angles = np.zeros((15, 3))
    angles[middle_joint, 0] = model.joint_limits_rad[middle_joint, 0, 0] - np.radians(beyond_deg)
    assert np.degrees(limit_excess_rad(model, angles[None])) == pytest.approx([beyond_deg])
    found = joint_limit_excess([mesh_of(model, angles)], model)
    assert found.value == pytest.approx(beyond_deg, abs=3.0)
    assert joint_limit_excess([mesh_of(model, np.zeros((15, 3)))], model).value == 0.0


def test_a_hand_of_another_size_or_place_is_not_stretched(model: HandModel) -> None:
    turn = Rotation.from_rotvec([0.3, -0.8, 0.5]).as_matrix()
    meshes = [model.v_template, 1.3 * model.v_template @ turn.T + 0.4]
    found = edge_length_spread(meshes, model)
    np.testing.assert_allclose(found.per_sample, 0.0, atol=1e-3)


def test_the_spread_of_edges_is_that_of_their_stretch(model: HandModel) -> None:
    """Along x alone, so an edge of direction d grows by the root of 1 + (s^2 - 1) d_x^2."""
    edges = trimesh.Trimesh(model.v_template, model.faces, process=False).edges_unique
    along = model.v_template[edges[:, 1]] - model.v_template[edges[:, 0]]
    shares = along[:, 0] ** 2 / (along**2).sum(axis=1)
    growths = np.sqrt(1.0 + (1.5**2 - 1.0) * shares)
    found = edge_length_spread([model.v_template * [1.5, 1.0, 1.0]], model)
    assert found.value == pytest.approx(100.0 * growths.std() / growths.mean(), rel=1e-4)


@pytest.mark.parametrize("metric", [self_penetration, joint_limit_excess, edge_length_spread])
def test_missing_and_broken_hands_are_counted(metric: Callable[..., Any], model: HandModel) -> None:
    mesh = mesh_of(model, np.zeros((15, 3)))
    broken = mesh.copy()
    broken[5] = np.nan
    found = metric([mesh, None, broken], model)
    assert (found.count_used, found.count_missing, found.count_invalid) == (1, 1, 1)
    with pytest.raises(InvalidValueError, match="hand vertices has shape"):
        metric([mesh[:-1]], model)
