"""MANO's files are read as they are laid out, checked, and given what they lack."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.hand_model.conventions import finger_joints
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.importing.import_hand_model import (
    ImportOptions,
    import_hand_model,
)
from hand_object_recon.hand_model.importing.mano_file import read_mano_file
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.model_conventions import ModelConventions

WritePickle = Callable[..., Path]
MANO_FIELDS = {
    "v_template": "v_template",
    "shapedirs": "shapedirs",
    "posedirs": "posedirs",
    "J_regressor": "joint_regressor",
    "weights": "weights",
    "hands_mean": "hands_mean",
    "hands_components": "hands_components",
    "f": "faces",
}


@pytest.mark.parametrize("protocol", [0, 2])
def test_a_python_2_pickle_with_chumpy_and_sparse_parts_gives_the_arrays_written(
    mano_arrays: dict[str, Any], write_mano_pickle: WritePickle, protocol: int
) -> None:
    path = write_mano_pickle(mano_arrays, "MANO_RIGHT.pkl", protocol)
    assert b"chumpy.reordering" in path.read_bytes()
    assert b"numpy.core.multiarray" in path.read_bytes()
    read = read_mano_file(path)
    for name in MANO_FIELDS:
        np.testing.assert_array_equal(read[name], mano_arrays[name], err_msg=name)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_arrays_pickled_anew_by_python_3_are_read(
    mano_arrays: dict[str, Any], tmp_path: Path, protocol: int
) -> None:
    path = tmp_path / "MANO_RIGHT.pkl"
    fortran = mano_arrays | {"posedirs": np.asfortranarray(mano_arrays["posedirs"])}
    path.write_bytes(pickle.dumps(fortran, protocol))
    read = read_mano_file(path)
    for name in MANO_FIELDS:
        np.testing.assert_array_equal(read[name], mano_arrays[name], err_msg=name)


def test_an_imported_pickle_is_loaded_by_name_with_manos_arrays_tips_and_licence(
    mano_arrays: dict[str, Any], write_mano_pickle: WritePickle, store: Path
) -> None:
    import_hand_model(write_mano_pickle(mano_arrays, "MANO_RIGHT.pkl"), ImportOptions())
    model = load_hand_model("mano", HandSide.RIGHT)
    for theirs, ours in MANO_FIELDS.items():
        np.testing.assert_allclose(getattr(model, ours), mano_arrays[theirs], atol=1e-7)
    np.testing.assert_array_equal(model.tip_vertices, [745, 317, 444, 556, 673])
    assert model.licence.startswith("MANO, see https://mano.is.tue.mpg.de/license.html")
    assert model.topology.name == "mano_right"


def test_the_stand_in_of_the_reference_data_is_imported_from_npz_and_pickle(
    reference_data: Path, write_mano_pickle: WritePickle, store: Path
) -> None:
    path = reference_data / "parity" / "stand_in_mano.npz"
    imported = import_hand_model(path, ImportOptions("stand_in", HandSide.RIGHT))
    assert any("check --side" in note for note in imported.record.notes)
    with np.load(path) as arrays:
        pickled = write_mano_pickle(dict(arrays), "MANO_RIGHT.pkl")
    import_hand_model(pickled, ImportOptions("pickled"))
    one, other = (load_hand_model(name, HandSide.RIGHT) for name in ("stand_in", "pickled"))
    for name in MANO_FIELDS.values():
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    # Its hand is random: that its finger joints move out of the palm is all that can be asked.
    rest = one.rest_joints_m
    outwards = np.cross(rest[1] - rest[0], rest[7] - rest[0])
    outwards /= np.linalg.norm(outwards)
    for finger in ("index", "middle", "ring", "pinky"):
        first, _, last = finger_joints(finger)
        pose = np.zeros((16, 3))
        pose[first] = np.radians(30.0) * one.joint_axes[first - 1, 0]
        bent = pose_hand(one, pose.ravel(), np.zeros(10), np.zeros(3)).joint_positions_m
        assert (bent[last] - rest[last]) @ outwards > 0.02


def assert_flexion_closes(model: HandModel, finger: str) -> None:
    """Thirty degrees at each joint bring the tip nearer to a point 30 mm in front of the palm,
    which is where index, pinky and wrist span it, on the thumb's chirality."""
    joints = pose_hand(model, np.zeros(48), np.zeros(10), np.zeros(3)).joints_m
    outwards = np.cross(joints[5] - joints[0], joints[17] - joints[0])
    outwards *= (1.0 if model.side is HandSide.RIGHT else -1.0) / np.linalg.norm(outwards)
    before_palm = joints[[0, 5, 17]].mean(axis=0) + 0.03 * outwards
    tip = 4 + 4 * FINGER_NAMES.index(finger)
    for joint in finger_joints(finger):
        pose = np.zeros((16, 3))
        pose[joint] = np.radians(30.0) * model.joint_axes[joint - 1, 0]
        bent = pose_hand(model, pose.ravel(), np.zeros(10), np.zeros(3)).joints_m
        near, far = (np.linalg.norm(hand[tip] - before_palm) for hand in (bent, joints))
        assert near < far - 0.003, (finger, joint)


@pytest.mark.parametrize("side", list(HandSide))
@pytest.mark.parametrize("finger", FINGER_NAMES)
def test_derived_axes_close_the_hand_and_agree_with_the_open_hands_rig(
    request: pytest.FixtureRequest,
    write_mano_pickle: WritePickle,
    store: Path,
    side: HandSide,
    finger: str,
) -> None:
    arrays = request.getfixturevalue("mano_arrays" if side == "right" else "left_mano_arrays")
    path = write_mano_pickle(arrays, f"MANO_{side.upper()}.pkl")
    import_hand_model(path, ImportOptions())
    model, open_hand = load_hand_model("mano", side), load_hand_model("open_hand", side)
    assert_flexion_closes(model, finger)
    rows = [joint - 1 for joint in finger_joints(finger)]
    cosines = np.sum(model.joint_axes[rows] * open_hand.joint_axes[rows], axis=2)
    assert np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))).max() < 20.0


def test_axes_are_rotations_and_limits_and_statistics_those_of_the_pose_set(
    mano_arrays: dict[str, Any],
    write_mano_pickle: WritePickle,
    store: Path,
    pose_set: np.ndarray,
) -> None:
    import_hand_model(write_mano_pickle(mano_arrays, "MANO_RIGHT.pkl"), ImportOptions())
    model = load_hand_model("mano", HandSide.RIGHT)
    identity = np.tile(np.eye(3), (15, 1, 1))
    np.testing.assert_allclose(
        model.joint_axes @ model.joint_axes.transpose(0, 2, 1), identity, atol=1e-6
    )
    poses = pose_set.reshape(-1, 45)
    np.testing.assert_allclose(model.pose_mean_rad, poses.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(model.pose_covariance_rad2, np.cov(poses.T), atol=1e-5)
    assert np.all(pose_set >= model.joint_limits_rad[..., 0] - 1e-6)
    assert np.all(pose_set <= model.joint_limits_rad[..., 1] + 1e-6)


def changed(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[..., None]:
    def apply(arrays: dict[str, Any]) -> None:
        arrays[name] = change(arrays[name].copy())

    return apply


def with_value(place: tuple[int, ...], value: float) -> Callable[[np.ndarray], np.ndarray]:
    def change(array: np.ndarray) -> np.ndarray:
        array[place] = value
        return array

    return change


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (changed("v_template", lambda a: 1000 * a), r"looks like millimetres: divide .* by 1000"),
        (changed("v_template", lambda a: 100 * a), "looks like centimetres"),
        (changed("v_template", lambda a: a / 50), "0.1 to 0.3 m"),
        (changed("v_template", lambda a: a[:-1]), r"v_template has shape \(777, 3\)"),
        (changed("v_template", with_value((3, 1), np.nan)), "v_template holds 1 values"),
        (changed("weights", lambda a: 0.9 * a), r"weights of vertex .* sum to 0.9"),
        (changed("J_regressor", lambda a: 1.1 * a), "joint_regressor of joint .* sum to 1.1"),
        (changed("f", with_value((0, 0), 778)), "f names vertex 778"),
        (changed("f", lambda a: a.astype(np.float32)), "f has shape .* float32"),
        (changed("kintree_table", with_value((0, 5), 0)), "kintree_table has parents"),
        (changed("kintree_table", lambda a: a[:1]), "kintree_table has shape"),
        (lambda arrays: arrays.pop("posedirs"), "lacks posedirs"),
    ],
)
def test_arrays_that_are_not_a_hand_in_metres_are_refused_with_the_reason(
    mano_arrays: dict[str, Any],
    tmp_path: Path,
    store: Path,
    spoil: Callable[..., None],
    message: str,
) -> None:
    spoil(mano_arrays)
    path = tmp_path / "MANO_RIGHT.npz"
    np.savez(path, **mano_arrays)
    with pytest.raises(InvalidValueError, match=message) as refusal:
        import_hand_model(path, ImportOptions())
    assert "\n" not in str(refusal.value)
    assert not store.exists()


def test_the_side_must_be_told_by_the_file_name_or_the_user(
    mano_arrays: dict[str, Any], tmp_path: Path, store: Path
) -> None:
    path = tmp_path / "hand.npz"
    np.savez(path, **mano_arrays)
    with pytest.raises(InvalidValueError, match="give --side"):
        import_hand_model(path, ImportOptions())
    imported = import_hand_model(path, ImportOptions(side=HandSide.RIGHT))
    assert imported.model.side is HandSide.RIGHT
    assert not any("check --side" in note for note in imported.record.notes)


def test_a_side_that_the_geometry_contradicts_is_noted(
    mano_arrays: dict[str, Any], tmp_path: Path, store: Path
) -> None:
    path = tmp_path / "MANO_RIGHT.npz"
    np.savez(path, **mano_arrays)
    imported = import_hand_model(path, ImportOptions(side=HandSide.LEFT))
    assert any("check --side" in note for note in imported.record.notes)


@pytest.mark.parametrize("first", ["right", "left"])
def test_the_published_sign_of_the_left_shape_is_noted_when_both_sides_are_there(
    mano_arrays: dict[str, Any],
    left_mano_arrays: dict[str, Any],
    write_mano_pickle: WritePickle,
    store: Path,
    first: str,
) -> None:
    paths = {
        "right": write_mano_pickle(mano_arrays, "MANO_RIGHT.pkl"),
        "left": write_mano_pickle(left_mano_arrays, "MANO_LEFT.pkl"),
    }
    alone = import_hand_model(paths.pop(first), ImportOptions())
    assert not any("smplx issue 48" in note for note in alone.record.notes)
    (other,) = paths.values()
    beside = import_hand_model(other, ImportOptions())
    assert any("smplx issue 48" in note for note in beside.record.notes)


def test_the_corrected_left_hand_is_the_mirror_image_of_the_right_one_in_every_shape(
    mano_arrays: dict[str, Any],
    left_mano_arrays: dict[str, Any],
    write_mano_pickle: WritePickle,
    store: Path,
) -> None:
    import_hand_model(write_mano_pickle(mano_arrays, "MANO_RIGHT.pkl"), ImportOptions())
    import_hand_model(write_mano_pickle(left_mano_arrays, "MANO_LEFT.pkl"), ImportOptions())
    right = load_hand_model("mano", HandSide.RIGHT)
    shape = np.linspace(-1.0, 1.0, 10)

    def keypoints(model: HandModel) -> np.ndarray:
        return pose_hand(model, np.zeros(48), shape, np.zeros(3)).joints_m

    mirrored = keypoints(right) * np.array([-1.0, 1.0, 1.0])
    published = load_hand_model("mano", HandSide.LEFT)
    corrected = load_hand_model(
        "mano", HandSide.LEFT, ModelConventions(left_shapedirs="corrected", tips="manopth")
    )
    np.testing.assert_allclose(keypoints(corrected), mirrored, atol=1e-6)
    assert np.abs(keypoints(published) - mirrored).max() > 0.002


@pytest.mark.parametrize("name", ["model.obj", "missing.pkl"])
def test_other_files_are_refused(tmp_path: Path, store: Path, name: str) -> None:
    (tmp_path / "model.obj").write_text("v 0 0 0\n")
    with pytest.raises(InvalidValueError, match=name):
        import_hand_model(tmp_path / name, ImportOptions())
