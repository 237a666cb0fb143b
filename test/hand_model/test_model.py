"""The open hand's arrays are a sound hand model, and its left hand mirrors its right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import BONES
from hand_object_recon.hand_model.conventions import JOINT_PARENTS
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import (
    ASSETS,
    HandModel,
    load_hand_model,
    read_hand_model,
    read_record,
    write_hand_model,
)
from hand_object_recon.hand_model.model_record import ModelRecord

SHAPES = {
    "v_template": (778, 3),
    "faces": (1538, 3),
    "shapedirs": (778, 3, 10),
    "posedirs": (778, 3, 135),
    "joint_regressor": (16, 778),
    "weights": (778, 16),
    "hands_mean": (45,),
    "hands_components": (45, 45),
    "tip_vertices": (5,),
    "joint_axes": (15, 3, 3),
    "joint_limits_rad": (15, 3, 2),
    "pose_mean_rad": (45,),
    "pose_covariance_rad2": (45, 45),
}
INTEGER_ARRAYS = ("faces", "tip_vertices")


def rest_keypoints_mm(model: HandModel) -> np.ndarray:
    return 1000.0 * pose_hand(model, np.zeros(48), np.zeros(10), np.zeros(3)).joints_m


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    starts, ends = np.array(BONES).T
    return np.linalg.norm(joints[..., ends, :] - joints[..., starts, :], axis=-1)


def test_arrays_have_the_shapes_and_types_of_mano(either: HandModel) -> None:
    for name, shape in SHAPES.items():
        array = getattr(either, name)
        assert array.shape == shape, name
        assert array.dtype == (np.int32 if name in INTEGER_ARRAYS else np.float32), name


def test_the_topology_names_model_and_side(right: HandModel, left: HandModel) -> None:
    assert right.topology.name == "open_hand_right"
    assert left.topology.name == "open_hand_left"
    np.testing.assert_array_equal(left.topology.faces, left.faces)


def test_the_licence_names_mit_and_the_base_mesh(right: HandModel) -> None:
    assert "MIT" in right.licence
    assert "@webxr-input-profiles/assets" in right.licence
    assert "Amazon" in right.licence


def test_skin_weights_share_every_vertex_out(right: HandModel) -> None:
    assert right.weights.min() >= 0.0
    np.testing.assert_allclose(right.weights.sum(axis=1), 1.0, atol=1e-6)


def test_every_joint_is_a_weighted_mean_of_vertices_near_it(right: HandModel) -> None:
    np.testing.assert_allclose(right.joint_regressor.sum(axis=1), 1.0, atol=1e-6)
    for row, joint in zip(right.joint_regressor, right.rest_joints_m, strict=True):
        distance = np.linalg.norm(right.v_template[row != 0] - joint, axis=1)
        assert distance.max() < 0.06
        # Noise of the vertices must not be amplified in the joint.
        assert np.linalg.norm(row) < 0.6
        assert np.abs(row).max() < 0.3


def test_joints_regressed_from_a_shaped_mesh_are_the_shaped_joints(right: HandModel) -> None:
    shape = np.random.default_rng(1).normal(size=10).astype(np.float32)
    vertices = right.v_template + right.shapedirs @ shape
    joints = right.rest_joints_m + right.joint_shapedirs @ shape
    posed = pose_hand(right, np.zeros(48), shape, np.zeros(3))
    np.testing.assert_allclose(right.joint_regressor @ vertices, joints, atol=1e-6)
    np.testing.assert_allclose(posed.joint_positions_m, joints, atol=1e-6)
    np.testing.assert_allclose(posed.vertices_m, vertices, atol=1e-6)


def test_the_mesh_is_one_piece_with_a_single_rim_of_sixteen_vertices(either: HandModel) -> None:
    mesh = trimesh.Trimesh(either.v_template, either.faces, process=False)
    edges = Counter(map(tuple, mesh.edges_sorted))
    assert set(edges.values()) == {1, 2}
    rim = [edge for edge, count in edges.items() if count == 1]
    assert len(rim) == 16
    assert set(Counter(vertex for edge in rim for vertex in edge).values()) == {2}
    assert len({vertex for edge in rim for vertex in edge}) == 16
    assert mesh.euler_number == 1  # a disc: one piece, one rim, no handles
    assert mesh.is_winding_consistent
    assert np.array_equal(np.unique(either.faces), np.arange(778))


def test_faces_look_outwards(
    either: HandModel, closed_mesh: Callable[[np.ndarray, np.ndarray], trimesh.Trimesh]
) -> None:
    mesh = closed_mesh(either.v_template, either.faces)
    assert mesh.is_watertight
    # A hand displaces a third to half a litre.
    assert 0.3e-3 < mesh.volume < 0.5e-3
    step = 0.0005 * mesh.face_normals[:1538]
    centres = mesh.triangles_center[:1538]
    assert np.mean(mesh.contains(centres[::10] - step[::10])) > 0.99
    assert np.mean(mesh.contains(centres[::10] + step[::10])) < 0.01


def test_fingers_point_along_minus_x_the_thumb_lies_on_plus_z(right: HandModel) -> None:
    joints = rest_keypoints_mm(right)
    np.testing.assert_allclose(joints[0], 0.0, atol=1.5)
    for tip in (8, 12, 16, 20):
        assert joints[tip, 0] < -130
    assert joints[4, 2] > joints[8, 2] > joints[12, 2] > joints[16, 2] > joints[20, 2]
    assert joints[4, 2] > 50


def test_the_wrist_rim_lies_behind_the_wrist(right: HandModel) -> None:
    edges = np.sort(np.vstack([right.faces[:, pair] for pair in ((0, 1), (1, 2), (2, 0))]), axis=1)
    unique, counts = np.unique(edges, axis=0, return_counts=True)
    rim = np.unique(unique[counts == 1])
    assert np.all(right.v_template[rim, 0] > 0.02)


def test_bones_have_the_proportions_of_the_recorded_truth(
    right: HandModel, reference_data: Path
) -> None:
    """After one scale for the whole hand; the truth's own bones wander by 1 to 4 mm."""
    with np.load(reference_data / "data" / "real_hand" / "ground_truth.npz") as truth:
        wanted = 1000.0 * bone_lengths(truth["joints"]).mean(axis=0)
    own = bone_lengths(rest_keypoints_mm(right))
    scale = (wanted @ own) / (own @ own)
    assert scale == pytest.approx(1.0, abs=0.05)
    difference = np.abs(scale * own - wanted)
    assert difference.mean() < 1.5
    assert difference.max() < 3.0


def test_the_joint_axes_are_right_handed_and_the_last_runs_along_the_bone(
    right: HandModel,
) -> None:
    axes = right.joint_axes
    np.testing.assert_allclose(
        axes @ axes.transpose(0, 2, 1), np.tile(np.eye(3), (15, 1, 1)), atol=1e-6
    )
    np.testing.assert_allclose(np.linalg.det(axes), 1.0, atol=1e-6)
    joints = right.rest_joints_m
    for child in range(1, 16):
        parent = JOINT_PARENTS[child]
        if parent > 0:
            bone = joints[child] - joints[parent]
            bone /= np.linalg.norm(bone)
            assert bone @ axes[parent - 1, 2] > 0.99


def test_joint_limits_hold_the_whole_pose_set_and_the_rest_pose(
    right: HandModel, pose_set: np.ndarray
) -> None:
    low, high = right.joint_limits_rad[..., 0], right.joint_limits_rad[..., 1]
    assert np.all(low < 0)
    assert np.all(high > 0)
    assert np.all(pose_set >= low - 1e-6)
    assert np.all(pose_set <= high + 1e-6)
    mean = right.pose_mean_rad.reshape(15, 3)
    assert np.all((low <= mean) & (mean <= high))


def test_mean_and_covariance_are_those_of_the_pose_set(
    right: HandModel, pose_set: np.ndarray
) -> None:
    poses = pose_set.reshape(-1, 45)
    np.testing.assert_allclose(right.pose_mean_rad, poses.mean(axis=0), atol=1e-5)
    centred = poses - poses.mean(axis=0)
    covariance = centred.T @ centred / (len(poses) - 1)
    np.testing.assert_allclose(right.pose_covariance_rad2, covariance, atol=1e-6)


def test_the_pose_components_are_orthonormal_and_ordered_by_variance(
    right: HandModel, pose_set: np.ndarray
) -> None:
    basis = right.hands_components.astype(np.float64)
    np.testing.assert_allclose(basis @ basis.T, np.eye(45), atol=1e-6)
    # Axis-angle vectors of the pose set, one joint's axes at a time.
    poses = np.stack(
        [pose_set[:, joint] @ right.joint_axes[joint] for joint in range(15)], axis=1
    ).reshape(-1, 45)
    np.testing.assert_allclose(right.hands_mean, poses.mean(axis=0), atol=1e-5)
    coefficients = (poses - right.hands_mean) @ basis.T
    variance = coefficients.var(axis=0)
    assert np.all(np.diff(variance) <= 1e-6)
    assert variance[:10].sum() / variance.sum() > 0.9
    covariance = np.cov(coefficients.T)
    np.testing.assert_allclose(covariance - np.diag(np.diag(covariance)), 0.0, atol=1e-5)


def test_mirroring_twice_gives_the_same_hand(right: HandModel, left: HandModel) -> None:
    again = left.mirrored()
    assert again.side is HandSide.RIGHT
    for name in SHAPES:
        np.testing.assert_array_equal(getattr(again, name), getattr(right, name), err_msg=name)


def test_anatomical_angles_mean_the_same_on_both_sides(right: HandModel, left: HandModel) -> None:
    np.testing.assert_array_equal(left.joint_limits_rad, right.joint_limits_rad)
    np.testing.assert_array_equal(left.pose_mean_rad, right.pose_mean_rad)
    angles = np.random.default_rng(2).normal(size=(15, 1, 3))
    vectors = (angles @ right.joint_axes)[:, 0]
    mirrored = (angles @ left.joint_axes)[:, 0]
    np.testing.assert_allclose(mirrored, vectors * np.array([1.0, -1.0, -1.0]), atol=1e-6)


def test_an_unknown_model_is_refused_with_the_names_of_the_installed_ones() -> None:
    with pytest.raises(InvalidValueError, match=r"'no_such_hand' .*known are .*open_hand"):
        load_hand_model("no_such_hand", HandSide.RIGHT)


def test_a_model_is_loaded_once(right: HandModel) -> None:
    assert load_hand_model("open_hand", HandSide.RIGHT) is right


def test_a_written_model_is_read_back_unchanged(right: HandModel, tmp_path: Path) -> None:
    assert right.rest_joints_m.shape == (16, 3)  # derived arrays must not be written
    path = tmp_path / "copy.npz"
    write_hand_model(right, path)
    copy = read_hand_model(path, "copy")
    assert copy.name == "copy"
    for field in fields(HandModel):
        if field.name != "name":
            np.testing.assert_array_equal(
                getattr(copy, field.name), getattr(right, field.name), err_msg=field.name
            )


def test_only_a_right_hand_can_be_written_as_an_asset(left: HandModel, tmp_path: Path) -> None:
    with pytest.raises(InvalidValueError, match="right hand"):
        write_hand_model(left, tmp_path / "left.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_left_hand_that_was_imported_is_read_back_as_a_left_hand(
    left: HandModel, tmp_path: Path
) -> None:
    path = tmp_path / "mine_left.npz"
    record = ModelRecord("rig", "hand.glb")
    write_hand_model(left, path, record)
    copy = read_hand_model(path, "mine")
    assert (copy.side, copy.licence, read_record(path)) == (HandSide.LEFT, left.licence, record)
    np.testing.assert_array_equal(copy.v_template, left.v_template)


def test_the_shipped_model_has_the_record_of_a_built_in_one() -> None:
    assert read_record(ASSETS / "open_hand.npz").kind == "built_in"


@pytest.mark.parametrize("name", SHAPES)
def test_an_array_of_the_wrong_shape_is_refused_by_name(right: HandModel, name: str) -> None:
    array = getattr(right, name)
    # How many vertices and faces there are is the model's own affair; that they are 3-D is not.
    shorter = array[:, :-1] if name in ("v_template", "faces") else array[:-1]
    with pytest.raises(InvalidValueError, match=name):
        replace(right, **{name: shorter})


def test_arrays_of_another_number_of_vertices_are_refused(right: HandModel) -> None:
    with pytest.raises(InvalidValueError, match=r"shapedirs.*777"):
        replace(right, v_template=right.v_template[:-1])


def test_faces_that_name_a_vertex_there_is_not_are_refused(right: HandModel) -> None:
    with pytest.raises(InvalidValueError, match="faces"):
        replace(right, faces=right.faces + 1)


def test_an_array_that_is_not_finite_is_refused(right: HandModel) -> None:
    template = right.v_template.copy()
    template[5, 1] = np.nan
    with pytest.raises(InvalidValueError, match="v_template"):
        replace(right, v_template=template)


def test_arrays_cannot_be_written_to(either: HandModel) -> None:
    for name in SHAPES:
        with pytest.raises(ValueError, match="read-only"):
            getattr(either, name)[...] = 0


def test_the_shipped_file_is_small_and_needs_no_pickle() -> None:
    path = ASSETS / "open_hand.npz"
    assert path.stat().st_size < 1024 * 1024
    with np.load(path, allow_pickle=False) as stored:
        assert set(stored.files) == {*SHAPES, "licence"}
