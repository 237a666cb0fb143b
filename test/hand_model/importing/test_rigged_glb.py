"""A rigged hand of a .glb file becomes a hand model that is the same hand."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import BONES, FINGER_NAMES, KEYPOINT_NAMES
from hand_object_recon.geometry.alignment import align
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.importing.import_hand_model import (
    ImportOptions,
    import_hand_model,
)
from hand_object_recon.hand_model.importing.rig_joint_names import read_rig_joints
from hand_object_recon.hand_model.importing.rigged_glb import read_rigged_hand
from hand_object_recon.hand_model.joint_orders import joint_order
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.open_hand.shape_space import MODE_NAMES

MakeRig = Callable[..., Any]


def imported(path: Path, side: HandSide | None = HandSide.RIGHT, name: str = "rig") -> HandModel:
    options = ImportOptions(name, side, "MIT", replace_existing=True)
    return import_hand_model(path, options).model


def test_a_webxr_rig_with_seams_and_a_turned_root_is_the_same_hand(
    rig: MakeRig, right: HandModel, tmp_path: Path, store: Path
) -> None:
    """Against the hand it was written from: counts, and every vertex and joint after one rigid
    motion (the rest frame of a rig is fixed by its knuckles, the open hand's is not)."""
    written = rig().with_seams(120)
    assert len(written.vertices) > 850
    written.root[:3, :3] = Rotation.from_euler("xyz", [40, -70, 110], degrees=True).as_matrix()
    written.root[:3, 3] = 1.0, -2.0, 0.5
    model = imported(written.write(tmp_path / "hand.glb"))
    assert model.v_template.shape == (778, 3)
    assert model.faces.shape == (1538, 3)
    motion = align(right.rest_joints_m, model.rest_joints_m, with_scale=False)
    np.testing.assert_allclose(motion.apply(right.rest_joints_m), model.rest_joints_m, atol=2e-6)
    np.testing.assert_allclose(motion.apply(right.v_template), model.v_template, atol=2e-6)
    np.testing.assert_allclose(model.weights, right.weights, atol=1e-6)
    np.testing.assert_array_equal(model.faces, right.faces)
    np.testing.assert_array_equal(model.tip_vertices, right.tip_vertices)


@pytest.mark.parametrize("side", list(HandSide))
def test_the_rest_frame_is_that_of_the_conventions(
    rig: MakeRig, tmp_path: Path, store: Path, side: HandSide
) -> None:
    written = rig(side)
    written.root[:3, :3] = Rotation.from_euler("xyz", [10, 200, -50], degrees=True).as_matrix()
    joints = read_rigged_hand(written.write(tmp_path / "hand.glb"), side).joints_m
    x = -1.0 if side is HandSide.RIGHT else 1.0
    np.testing.assert_allclose(joints[0], 0.0, atol=1e-6)
    np.testing.assert_allclose(joints[4, 1:], 0.0, atol=1e-6)
    assert x * joints[4, 0] > 0.08
    assert joints[13, 2] > 0.01
    assert joints[1, 2] > joints[4, 2] > joints[10, 2] > joints[7, 2]
    assert joints[15, 1] < -0.02


def test_the_imported_hand_moves_as_the_rig_does(
    rig: MakeRig, right: HandModel, tmp_path: Path, store: Path
) -> None:
    """Without pose correctives both are plain skinning; the pose turns with the frame."""
    model = imported(rig().write(tmp_path / "hand.glb"))
    motion = align(right.rest_joints_m, model.rest_joints_m, with_scale=False)
    pose = np.random.default_rng(1).normal(0.0, 0.4, (16, 3))
    pose[0] = 0.0
    plain = pose_hand(
        _without_correctives(right), pose.ravel(), np.zeros(10), np.zeros(3)
    ).vertices_m
    turned = pose @ motion.rotation.T
    posed = pose_hand(model, turned.ravel(), np.zeros(10), np.zeros(3)).vertices_m
    np.testing.assert_allclose(posed, motion.apply(plain), atol=1e-5)


def _without_correctives(model: HandModel) -> HandModel:
    return replace(model, posedirs=np.zeros_like(model.posedirs))


def test_a_left_rig_is_the_mirror_image_of_the_right_one(
    rig: MakeRig, tmp_path: Path, store: Path
) -> None:
    right = imported(rig(HandSide.RIGHT).write(tmp_path / "right.glb"), None, "one")
    left = imported(rig(HandSide.LEFT).write(tmp_path / "left.glb"), None, "other")
    assert (right.side, left.side) == (HandSide.RIGHT, HandSide.LEFT)
    mirrored = right.mirrored()
    for name in ("v_template", "joint_axes", "shapedirs"):
        np.testing.assert_allclose(getattr(left, name), getattr(mirrored, name), atol=3e-6)
    np.testing.assert_allclose(left.rest_joints_m, mirrored.rest_joints_m, atol=3e-6)


def test_the_regressor_gives_the_rigs_joints_at_rest_and_follows_its_size(
    rig: MakeRig, tmp_path: Path, store: Path
) -> None:
    path = rig().write(tmp_path / "hand.glb")
    hand, model = read_rigged_hand(path, HandSide.RIGHT), imported(path)
    np.testing.assert_allclose(model.rest_joints_m, hand.joints_m, atol=2e-7)
    np.testing.assert_allclose(model.joint_regressor.sum(axis=1), 1.0, atol=1e-6)
    assert np.count_nonzero(model.joint_regressor, axis=1).max() < 90
    assert np.abs(model.joint_regressor).max() < 1.0
    shape = np.eye(10)[0]
    bigger = pose_hand(model, np.zeros(48), shape, np.zeros(3))
    np.testing.assert_allclose(bigger.joint_positions_m, 1.055 * hand.joints_m, atol=1e-6)


def test_the_finger_length_mode_lengthens_the_rigs_fingers_and_not_its_palm(
    rig: MakeRig, tmp_path: Path, store: Path
) -> None:
    model = imported(rig().write(tmp_path / "hand.glb"))
    shape = np.eye(10)[MODE_NAMES.index("finger_length")]
    growth = bone_lengths(model, shape) / bone_lengths(model, 0 * shape)
    fingers = np.array(
        [KEYPOINT_NAMES[end].split("_")[1] in ("pip", "dip", "tip") for _, end in BONES]
    )
    thumb = np.array([KEYPOINT_NAMES[end].startswith("thumb") for _, end in BONES])
    assert growth[fingers & ~thumb].min() > growth[~fingers].max() + 0.01


def bone_lengths(model: HandModel, shape: np.ndarray) -> np.ndarray:
    joints = pose_hand(model, np.zeros(48), shape, np.zeros(3)).joints_m
    starts, ends = np.array(BONES).T
    return np.linalg.norm(joints[ends] - joints[starts], axis=1)


@pytest.mark.parametrize("side", list(HandSide))
def test_flexion_of_an_imported_rig_closes_the_hand(
    rig: MakeRig, tmp_path: Path, store: Path, side: HandSide
) -> None:
    model = imported(rig(side).write(tmp_path / "hand.glb"), side)
    rest = pose_hand(model, np.zeros(48), np.zeros(10), np.zeros(3)).joints_m
    before_palm = rest[[0, 5, 17]].mean(axis=0) + np.array([0.0, -0.03, 0.0])
    for finger in FINGER_NAMES:
        tip = 4 + 4 * FINGER_NAMES.index(finger)
        for joint in joint_numbers(finger):
            pose = np.zeros((16, 3))
            pose[joint] = np.radians(30.0) * model.joint_axes[joint - 1, 0]
            bent = pose_hand(model, pose.ravel(), np.zeros(10), np.zeros(3)).joints_m
            near, far = (np.linalg.norm(hand[tip] - before_palm) for hand in (bent, rest))
            assert near < far - 0.003, (finger, joint)
            assert bent[tip, 1] < rest[tip, 1] - 0.002, (finger, joint)


def joint_numbers(finger: str) -> list[int]:
    order = joint_order("mano16").joints
    return [place for place, name in enumerate(order) if name.startswith(f"{finger}_")]


MANO_NAMES = {
    "mano": lambda finger, level: f"{finger}{level}",
    "prefixed": lambda finger, level: f"right_{finger}_{level}",
    "suffixed": lambda finger, level: f"{finger}{level:02d}.R",
    "short suffix": lambda finger, level: f"{finger}_{level}_r",
    "smplx": lambda finger, level: f"r{finger}{level - 1}",
    "mixamo": lambda finger, level: f"mixamorig:RightHand{finger.capitalize()}{level}",
}


@pytest.mark.parametrize("style", MANO_NAMES)
def test_manos_sixteen_names_are_known_in_the_ways_exporters_write_them(
    rig: MakeRig, right: HandModel, tmp_path: Path, store: Path, style: str
) -> None:
    written = rig(order="mano16")
    fingers = ("index", "middle", "pinky", "ring", "thumb")
    names = [MANO_NAMES[style](finger, level) for finger in fingers for level in (1, 2, 3)]
    written.names = ["RightHand" if style == "mixamo" else "wrist", *names]
    hand = read_rigged_hand(written.write(tmp_path / "hand.glb"), HandSide.RIGHT)
    np.testing.assert_allclose(hand.weights, right.weights, atol=1e-6)
    wrist = right.rest_joints_m[0]
    lengths = (
        np.linalg.norm(joints[1:], axis=1)
        for joints in (hand.joints_m, right.rest_joints_m - wrist)
    )
    np.testing.assert_allclose(*lengths, atol=2e-6)


@pytest.mark.parametrize(
    ("name", "side", "joint"),
    [
        ("index-finger-phalanx-proximal", None, "index_mcp"),
        ("XR_HAND_JOINT_LITTLE_METACARPAL_EXT", None, None),
        ("LITTLE_METACARPAL_EXT", None, "pinky_metacarpal"),
        ("thumb-metacarpal", None, "thumb_cmc"),
        ("thumb-phalanx-distal.L", HandSide.LEFT, "thumb_ip"),
        ("Left_pinky-finger-tip", HandSide.LEFT, "pinky_tip"),
        ("b_r_index2", HandSide.RIGHT, "index_pip"),
        ("rightHandRing3", HandSide.RIGHT, "ring_dip"),
        ("wrist_R", HandSide.RIGHT, "wrist"),
        ("forearm.R", None, None),
        ("thumb-phalanx-intermediate", None, None),
        ("index_7", None, None),
        ("", None, None),
    ],
)
def test_a_joints_name_tells_side_and_joint(
    name: str, side: HandSide | None, joint: str | None
) -> None:
    (read,) = read_rig_joints([name])
    assert (None if read is None else (read.side, read.name)) == (
        None if joint is None else (side, joint)
    )


def test_centimetres_under_a_scaled_root_and_integer_weights_are_read(
    rig: MakeRig, right: HandModel, tmp_path: Path, store: Path
) -> None:
    written = rig()
    written.vertices, written.places = 100 * written.vertices, 100 * written.places
    written.root[:3, :3] = 0.01 * np.eye(3)
    path = written.write(tmp_path / "hand.glb", bytes_for_weights=True)
    hand = read_rigged_hand(path, HandSide.RIGHT)
    motion = align(right.rest_joints_m, hand.joints_m, with_scale=False)
    np.testing.assert_allclose(motion.apply(right.v_template), hand.vertices_m, atol=5e-6)
    np.testing.assert_allclose(hand.weights, right.weights, atol=5e-5)


def test_centimetres_without_a_scale_are_refused_with_the_fix(
    rig: MakeRig, tmp_path: Path, store: Path
) -> None:
    written = rig()
    written.vertices, written.places = 100 * written.vertices, 100 * written.places
    with pytest.raises(InvalidValueError, match=r"looks like centimetres: divide .* by 100"):
        imported(written.write(tmp_path / "hand.glb"))


def test_a_bone_that_is_no_hand_joint_moves_with_the_wrist(
    rig: MakeRig, right: HandModel, tmp_path: Path, store: Path
) -> None:
    written = rig()
    written.names.append("forearm_twist")
    written.joints = (*written.joints, "forearm")
    written.places = np.vstack([written.places, [0.1, 0.0, 0.0]])
    half = 0.5 * written.weights[:, :1]
    written.weights = np.hstack([written.weights, half])
    written.weights[:, :1] -= half
    hand = read_rigged_hand(written.write(tmp_path / "hand.glb"), HandSide.RIGHT)
    np.testing.assert_allclose(hand.weights, right.weights, atol=1e-6)


def test_the_other_side_is_refused(rig: MakeRig, tmp_path: Path, store: Path) -> None:
    path = rig(HandSide.LEFT).write(tmp_path / "hand.glb")
    with pytest.raises(InvalidValueError, match=r"thumb behind the palm.*--side left"):
        imported(path, HandSide.RIGHT)
    with pytest.raises(InvalidValueError, match="does not tell its side"):
        imported(path, None)
    named = rig(HandSide.LEFT)
    named.names = [f"{name}_L" for name in named.names]
    with pytest.raises(InvalidValueError, match="joints of the left hand"):
        imported(named.write(tmp_path / "named.glb"), HandSide.RIGHT)


def test_a_rig_without_a_joint_is_refused_with_its_name(
    rig: MakeRig, tmp_path: Path, store: Path
) -> None:
    written = rig()
    written.names[written.joints.index("ring_pip")] = "ring_something"
    with pytest.raises(InvalidValueError, match="lacks ring_pip of the right hand"):
        imported(written.write(tmp_path / "hand.glb"))


def test_a_joint_that_comes_twice_is_refused(rig: MakeRig, tmp_path: Path, store: Path) -> None:
    written = rig()
    written.names[written.joints.index("ring_tip")] = "wrist"
    with pytest.raises(InvalidValueError, match="two joints wrist"):
        imported(written.write(tmp_path / "hand.glb"))


@pytest.mark.parametrize(
    "extension", ["KHR_draco_mesh_compression", "EXT_meshopt_compression", "VENDOR_unknown"]
)
def test_a_compressed_file_is_refused_by_the_extensions_name(
    rig: MakeRig, tmp_path: Path, store: Path, extension: str
) -> None:
    path = rig().write(tmp_path / "hand.glb", extensions=(extension,))
    with pytest.raises(InvalidValueError, match=f"needs {extension}.*without compression"):
        imported(path)


def test_extensions_of_materials_do_no_harm(rig: MakeRig, tmp_path: Path, store: Path) -> None:
    path = rig().write(tmp_path / "hand.glb", extensions=("KHR_materials_unlit",))
    assert read_rigged_hand(path, HandSide.RIGHT).vertices_m.shape == (778, 3)


def test_damaged_files_are_refused_in_one_line(rig: MakeRig, tmp_path: Path, store: Path) -> None:
    """Cut anywhere, or with any one byte of its description changed, a file reads or is refused;
    it never fails otherwise."""
    data = rig().write(tmp_path / "hand.glb").read_bytes()
    path = tmp_path / "damaged.glb"
    rng = np.random.default_rng(2)
    spoiled = [data[:length] for length in (0, 3, 11, 19, 60, 2000, len(data) - 5)]
    length = struct.unpack_from("<I", data, 12)[0]
    for place in rng.integers(20, 20 + length, 150):
        spoiled.append(data[:place] + bytes([rng.integers(33, 126)]) + data[place + 1 :])
    refusals = []
    for one in spoiled:
        path.write_bytes(one)
        try:
            read_rigged_hand(path, HandSide.RIGHT)
        except InvalidValueError as refusal:
            refusals.append(str(refusal))
    assert len(refusals) >= 30
    assert not any("\n" in refusal for refusal in refusals)


@pytest.mark.parametrize("data", [b"solid cube", b"glTF" + struct.pack("<II", 1, 20) + b"\0" * 8])
def test_other_formats_are_refused(tmp_path: Path, store: Path, data: bytes) -> None:
    path = tmp_path / "hand.glb"
    path.write_bytes(data)
    with pytest.raises(InvalidValueError, match=r"hand\.glb is (no binary glTF|glTF 1)"):
        imported(path)


@pytest.mark.parametrize("side", list(HandSide))
def test_the_generic_webxr_hand_is_imported(
    reference_data: Path, rig: MakeRig, tmp_path: Path, store: Path, side: HandSide
) -> None:
    """The base mesh of the open hand: its own rig, whose wrist lies in the forearm."""
    path = reference_data / "data" / "open_hand_base" / f"webxr_{side}_778.npz"
    if not path.is_file():
        pytest.skip(f"no {path}")
    written = rig()
    with np.load(path, allow_pickle=False) as base:
        written.names = [str(name) for name in base["joint_names"]]
        written.joints = tuple(written.names)
        written.vertices = base["vertices"].astype(np.float64)
        written.faces = base["faces"].astype(np.int64)
        written.weights = base["weights"].astype(np.float64)
        written.places = base["joints"].astype(np.float64)
    model = imported(written.write(tmp_path / f"generic_{side}.glb"), None, "generic")
    assert model.side is side
    assert model.v_template.shape == (778, 3)
    posed = pose_hand(model, np.zeros(48), np.zeros(10), np.zeros(3))
    length = np.linalg.norm(posed.joints_m[12] - posed.joints_m[0])
    assert 0.17 < length < 0.23
    loaded = load_hand_model("generic", side)
    np.testing.assert_array_equal(loaded.v_template, model.v_template)
