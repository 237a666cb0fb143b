"""The analytic Jacobians are the central differences of the pose, up to what they leave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.geometry.mesh_normals import face_area_vectors, vertex_normals
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.pose_differential import (
    ALL_PARAMETERS,
    POSE_PARAMETERS,
    AttachedPoints,
    HandState,
    PosedLinearHand,
    ShapedHand,
)

STEP = 2e-3
ROTATION, POSITION = slice(0, 3), slice(3, 6)
ANGLES, SHAPE = slice(6, POSE_PARAMETERS), slice(POSE_PARAMETERS, ALL_PARAMETERS)

# Single precision leaves 1e-7 m of noise in each position, which a central difference of this
# step turns into at most 1e-4 m a radian; measured 9e-5, against derivatives of up to 0.1.
EXACT = 2e-4


def some_state(pose_set: np.ndarray, seed: int) -> HandState:
    random = np.random.default_rng(seed)
    return HandState(
        orientation=Rotation.from_rotvec(random.normal(0.0, 1.0, 3)).as_matrix(),
        wrist_m=random.normal(0.0, 0.1, 3) + np.array([0.0, 0.0, 0.5]),
        angles_rad=pose_set[random.integers(len(pose_set))].ravel(),
        shape=random.normal(size=10),
    )


def posed_at(model: HandModel, state: HandState) -> PosedLinearHand:
    return ShapedHand(model, state.shape).pose(state)


def without_correctives(model: HandModel) -> HandModel:
    return replace(model, posedirs=np.zeros_like(model.posedirs))


def unit_directions(shape: tuple[int, ...], seed: int) -> np.ndarray:
    directions = np.random.default_rng(seed).normal(size=(*shape, 3))
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    return directions.astype(np.float32)


def central_differences(
    model: HandModel, state: HandState, measure: Callable[[PosedLinearHand], np.ndarray]
) -> np.ndarray:
    """(..., 61) derivative of ``measure`` by every parameter."""
    columns = []
    for step in STEP * np.eye(ALL_PARAMETERS):
        ahead, behind = posed_at(model, state.stepped(step)), posed_at(model, state.stepped(-step))
        columns.append((measure(ahead) - measure(behind)) / (2 * STEP))
    return np.stack(columns, axis=-1)


def along(directions: np.ndarray) -> Callable[[PosedLinearHand], np.ndarray]:
    return lambda posed: np.sum(posed.vertices_m.astype(np.float64) * directions, axis=-1)


def fingers_of_vertices(model: HandModel) -> np.ndarray:
    """(778, 5) weight of each finger."""
    return model.weights[:, 1:].reshape(-1, 5, 3).sum(axis=2)


def test_a_hand_is_posed_as_the_forward_pass_does(either: HandModel, pose_set: np.ndarray) -> None:
    for seed in range(10):
        state = some_state(pose_set, seed)
        shaped = ShapedHand(either, state.shape)
        posed = shaped.pose(state)
        pose, translation = shaped.model_parameters(state)
        expected = pose_hand(either, pose, state.shape, translation)
        np.testing.assert_allclose(posed.vertices_m, expected.vertices_m, atol=2e-6)
        np.testing.assert_allclose(posed.keypoints_m, expected.joints_m, atol=2e-6)
        np.testing.assert_allclose(posed.rotations, expected.joint_rotations, atol=2e-6)
        np.testing.assert_allclose(posed.positions_m[0], state.wrist_m, atol=1e-6)


@pytest.mark.parametrize("seed", [1, 2])
def test_rows_of_vertices_of_one_finger_are_exact_without_pose_correctives(
    either: HandModel, pose_set: np.ndarray, seed: int
) -> None:
    model, state = without_correctives(either), some_state(pose_set, seed)
    fingers = fingers_of_vertices(model)
    vertices = np.flatnonzero(fingers.sum(axis=1) - fingers.max(axis=1) < 1e-6)
    assert len(vertices) > 600
    directions = unit_directions((778,), seed)
    rows = posed_at(model, state).vertex_rows(vertices, directions[vertices], with_shape=True)
    expected = central_differences(model, state, along(directions))[vertices]
    assert rows.shape == (len(vertices), ALL_PARAMETERS)
    assert np.abs(expected[:, ANGLES]).max() > 0.05
    assert np.abs(expected[:, SHAPE]).max() > 0.005
    np.testing.assert_allclose(rows, expected, atol=EXACT)


def test_rows_leave_out_little_of_webs_and_pose_correctives(
    either: HandModel, pose_set: np.ndarray
) -> None:
    """Rotation, position and shape stay exact for every vertex. By the joint angles the rows
    miss 2.5 % (root mean square) of the derivative, at worst 6 mm a radian, in the webs."""
    state, directions = some_state(pose_set, 3), unit_directions((778,), 3)
    rows = posed_at(either, state).vertex_rows(np.arange(778), directions, with_shape=True)
    expected = central_differences(either, state, along(directions))
    missed = rows - expected
    for part in (ROTATION, POSITION, SHAPE):
        np.testing.assert_allclose(missed[:, part], 0.0, atol=EXACT)
    assert np.linalg.norm(missed[:, ANGLES]) < 0.05 * np.linalg.norm(expected[:, ANGLES])
    assert np.abs(missed[:, ANGLES]).max() < 0.01


def test_rows_of_attached_points_are_exact(either: HandModel, pose_set: np.ndarray) -> None:
    offsets = np.random.default_rng(4).normal(0.0, 0.01, (21, 3))
    points = AttachedPoints.keypoints(either, offsets)
    state, directions = some_state(pose_set, 4), unit_directions((2, 21), 4)
    rows = posed_at(either, state).attached_rows(points, directions, with_shape=True)

    def measure(posed: PosedLinearHand) -> np.ndarray:
        return np.einsum("dkc,kc->dk", directions, posed.attached(points).astype(np.float64))

    assert rows.shape == (2, 21, ALL_PARAMETERS)
    np.testing.assert_allclose(rows, central_differences(either, state, measure), atol=EXACT)


def test_rows_without_shape_are_the_first_columns_of_those_with_it(
    right: HandModel, pose_set: np.ndarray
) -> None:
    posed = posed_at(right, some_state(pose_set, 5))
    vertices, directions = np.arange(0, 778, 7), unit_directions((112,), 5)
    bare = posed.vertex_rows(vertices, directions, with_shape=False)
    full = posed.vertex_rows(vertices, directions, with_shape=True)
    assert bare.shape == (112, POSE_PARAMETERS)
    np.testing.assert_array_equal(bare, full[:, :POSE_PARAMETERS])
    points = AttachedPoints.keypoints(right)
    by_point = unit_directions((3, 21), 6)
    bare = posed.attached_rows(points, by_point, with_shape=False)
    full = posed.attached_rows(points, by_point, with_shape=True)
    assert bare.shape == (3, 21, POSE_PARAMETERS)
    np.testing.assert_array_equal(bare, full[..., :POSE_PARAMETERS])


def test_points_attached_at_the_keypoints_are_the_keypoints(
    either: HandModel, pose_set: np.ndarray
) -> None:
    """A tip follows its last joint alone; pose correctives move it by less than 0.05 mm."""
    for seed in range(5):
        posed = posed_at(either, some_state(pose_set, seed))
        attached = posed.attached(AttachedPoints.keypoints(either))
        np.testing.assert_allclose(attached, posed.keypoints_m, atol=5e-5)


def test_offsets_from_keypoints_are_mirrored_for_the_left_hand(
    right: HandModel, left: HandModel
) -> None:
    offsets = np.random.default_rng(7).normal(0.0, 0.01, (21, 3))
    one, other = (AttachedPoints.keypoints(model, offsets) for model in (right, left))
    np.testing.assert_allclose(
        one.rest_m - AttachedPoints.keypoints(right).rest_m, offsets, atol=1e-7
    )
    np.testing.assert_allclose(other.rest_m, one.rest_m * np.array([-1.0, 1.0, 1.0]), atol=1e-7)


def test_a_step_turns_the_hand_in_the_camera_frame_and_adds_the_rest(
    pose_set: np.ndarray,
) -> None:
    state = some_state(pose_set, 8)
    step = np.random.default_rng(8).normal(0.0, 0.1, ALL_PARAMETERS)
    stepped = state.stepped(step)
    turned = Rotation.from_rotvec(step[:3]).as_matrix() @ state.orientation
    np.testing.assert_allclose(stepped.orientation, turned, atol=1e-12)
    np.testing.assert_allclose(stepped.wrist_m, state.wrist_m + step[3:6])
    np.testing.assert_allclose(stepped.angles_rad, state.angles_rad + step[6:51])
    np.testing.assert_allclose(stepped.shape, state.shape + step[51:])
    short = state.stepped(step[:POSE_PARAMETERS])
    np.testing.assert_array_equal(short.shape, state.shape)
    np.testing.assert_array_equal(short.angles_rad, stepped.angles_rad)


def posed_mesh_normals(vertices_m: np.ndarray, model: HandModel) -> np.ndarray:
    areas = face_area_vectors(vertices_m, model.faces)
    return vertex_normals(areas, model.faces, len(vertices_m))


def test_normals_turn_with_the_hand(either: HandModel, pose_set: np.ndarray) -> None:
    """Against normals of the posed mesh: exact where the skin moves with one bone, and within
    10 degrees for over four vertices of five where it bends."""
    on_one_bone = either.weights.max(axis=1) > 0.999
    bent = np.zeros(778, dtype=bool)
    for face in either.faces:
        bent[face] |= not (
            on_one_bone[face].all() and len(set(either.weights[face].argmax(axis=1))) == 1
        )
    assert np.sum(~bent) > 100
    for seed in range(9, 12):
        posed = posed_at(either, some_state(pose_set, seed))
        length = np.linalg.norm(posed.normals, axis=1)
        cosine = np.sum(posed.normals * posed_mesh_normals(posed.vertices_m, either), axis=1)
        angle_deg = np.degrees(np.arccos(np.clip(cosine / length, -1.0, 1.0)))
        assert angle_deg[~bent].max() < 0.1
        assert np.mean(angle_deg < 10.0) > 0.8
        assert length.min() > 0.6
        assert length.max() < 1.0 + 1e-5
