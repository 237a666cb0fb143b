"""What a network is trained on is true of what it is shown: of left hands and changed crops too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.core.annotation import (
    AnnotatedFrame,
    FrameAnnotation,
    HandAnnotation,
    MaskLabel,
    ObjectAnnotation,
)
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import KNUCKLES, WRIST
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.augmentation import CropChange
from hand_object_recon.networks.depth_faults import DepthFaults
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.cross_branch.options import CrossBranchOptions, DepthTruth
from hand_object_recon.reconstructors.cross_branch.samples import (
    SampleChange,
    draw_sample_change,
    grasp_records,
    network_sample,
)

CAMERA = CameraIntrinsics(640, 480, 560.0, 580.0, 300.0, 250.0)
MIRROR = np.array([-1.0, 1.0, 1.0])
WRIST_M = np.array([0.15, -0.08, 0.6])
BALL_M = np.array([0.14, -0.02, 0.58])
RADIUS_M = 0.03
NORMAL = np.array([0.3, -0.2, 1.0]) / np.linalg.norm([0.3, -0.2, 1.0])
OFFSET_M = 0.62
STILL = SampleChange()
CHANGE = SampleChange(CropChange(shift=(0.06, -0.05), scale=1.2, turn_rad=0.5))
OPTIONS = CrossBranchOptions(image_size=128, kept_points=300, points=200)

Arrays = dict[str, NDArray[Any]]


def frame_with(
    side: HandSide, *, rgb: NDArray[np.uint8] | None = None, held: bool = True, **more: Any
) -> AnnotatedFrame:
    """A hand that holds a ball; the left one is the mirror image of the right one.

    Depth is that of a slanted plane; clean depth lies 1 cm behind it. The mask is said to be this
    hand's on the image's left, the object's on its right, and another hand's in its lowest part;
    all that is mirrored, too.
    """
    is_left = side is HandSide.LEFT
    mirror = MIRROR if is_left else np.ones(3)
    random = np.random.default_rng(5)
    vectors = np.concatenate([[[1.1, 0.7, -0.4]], random.normal(0.0, 0.2, (15, 3))])
    pose = np.float32(vectors * ([1.0, -1.0, -1.0] if is_left else 1.0)).ravel()
    posed = pose_hand(load_hand_model("open_hand", side), pose, np.zeros(10), WRIST_M * mirror)
    told: dict[str, Any] = {
        "vertices_m": posed.vertices_m,
        "topology": f"open_hand_{side}",
        "visible_share": 0.8,
        **more,
    }
    hand = HandAnnotation(side=side, joints_m=posed.joints_m, **told)
    mesh = trimesh.creation.icosphere(subdivisions=4, radius=RADIUS_M)
    pose_of_ball = np.eye(4)
    pose_of_ball[:3, 3] = BALL_M * mirror
    ball = ObjectAnnotation(
        name="ball",
        pose=pose_of_ball,
        vertices_m=np.array(mesh.vertices, dtype=np.float32),
        faces=np.array(mesh.faces, dtype=np.int32),
        held_by=frozenset({side} if held else set()),
    )
    camera = replace(CAMERA, cx=CAMERA.width - 1 - CAMERA.cx) if is_left else CAMERA
    image = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8) if rgb is None else rgb
    depth_m, mask = depth_of_plane(0.0), mask_of(side)
    clean_m = depth_of_plane(0.01)
    if is_left:
        depth_m, clean_m = (np.ascontiguousarray(one[:, ::-1]) for one in (depth_m, clean_m))
    frame = RgbdFrame(image, depth_m, camera, 7, "camera")
    truth = FrameAnnotation(7, (hand,), (ball,), mask, clean_m)
    return AnnotatedFrame(frame, truth, "take")


def depth_of_plane(farther_m: float) -> NDArray[np.float32]:
    rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width]
    pixels = np.stack([columns, rows], axis=-1).astype(float)
    rays = back_project(pixels, np.ones(pixels.shape[:2]), CAMERA)
    return np.asarray((OFFSET_M + farther_m) / (rays @ NORMAL), dtype=np.float32)


def mask_of(side: HandSide) -> NDArray[np.uint8]:
    own, other = MaskLabel.RIGHT_HAND, MaskLabel.LEFT_HAND
    if side is HandSide.LEFT:
        own, other = other, own
    mask = np.full((CAMERA.height, CAMERA.width), own, np.uint8)
    mask[:, 440:] = MaskLabel.OBJECT
    mask[240:] = other
    return np.ascontiguousarray(mask[:, ::-1]) if side is HandSide.LEFT else mask


def only_record(frame: AnnotatedFrame, **options: Any) -> tuple[int, Record]:
    (found,) = grasp_records(frame, OPTIONS.model_copy(update=options))
    return found


def sample_of(record: Record, change: SampleChange = STILL, **options: Any) -> Arrays:
    return network_sample(record, change, OPTIONS.model_copy(update=options), None)


def joints_of(frame: AnnotatedFrame) -> NDArray[np.float64]:
    return frame.truth.hands[0].joints_m.astype(np.float64)


def pixels_of(sample: Arrays) -> NDArray[np.float64]:
    projected = sample["joints_m"].astype(np.float64) @ sample["camera"].T
    return np.asarray(projected[:, :2] / projected[:, 2:])


@pytest.fixture(scope="module")
def right() -> AnnotatedFrame:
    return frame_with(HandSide.RIGHT)


@pytest.fixture(scope="module")
def record(right: AnnotatedFrame) -> Record:
    return only_record(right)[1]


@pytest.mark.parametrize("side", HandSide)
@pytest.mark.parametrize("change", [STILL, CHANGE], ids=["still", "changed"])
def test_joints_are_where_the_crop_shows_them(side: HandSide, change: SampleChange) -> None:
    plain = frame_with(side)
    places = project(joints_of(plain), plain.frame.camera)
    for joint in (0, 8):
        x, y = places[joint]
        rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width]
        spot = 255.0 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 3.0**2))
        rgb = np.repeat(spot.round().astype(np.uint8)[..., None], 3, axis=2)
        sample = sample_of(only_record(frame_with(side, rgb=rgb))[1], change)
        light = sample["image"][0].astype(float)
        seen = [(light * grid).sum() / light.sum() for grid in np.mgrid[:128, :128][::-1]]
        np.testing.assert_allclose(seen, pixels_of(sample)[joint], atol=0.3)


@pytest.mark.parametrize("name", ["depth_m", "true_depth_m"])
@pytest.mark.parametrize("side", HandSide)
@pytest.mark.parametrize("change", [STILL, CHANGE], ids=["still", "changed"])
def test_depth_is_along_the_axis_of_the_crop_s_own_camera(
    side: HandSide, change: SampleChange, name: str
) -> None:
    frame = frame_with(side)
    sample = sample_of(only_record(frame, upright=True)[1], change)
    rows, columns = np.nonzero(sample[name])
    assert len(rows) > 3000
    homogeneous = np.stack([columns, rows, np.ones(len(rows))], axis=1)
    rays = homogeneous @ np.linalg.inv(sample["camera"]).T
    points = rays * sample[name][rows, columns, None]
    joints = joints_of(frame) * (MIRROR if side is HandSide.LEFT else 1.0)
    turn, rest = Rotation.align_vectors(joints, sample["joints_m"])
    assert rest < 1e-4
    behind_m = turn.apply(points) @ NORMAL - OFFSET_M - (0.01 if name == "true_depth_m" else 0.0)
    # readings are a pixel of the image, and then of the record, off at most: half a millimetre
    assert np.abs(behind_m).max() < 2e-3
    assert np.abs(behind_m).mean() < 3e-4


@pytest.mark.parametrize("side", HandSide)
def test_true_depth_is_of_the_hand_and_objects_alone(side: HandSide) -> None:
    frame = frame_with(side)
    sample = sample_of(only_record(frame)[1])
    shown = np.stack([*np.mgrid[:128, :128][::-1], np.ones((128, 128))], axis=-1)
    rays = shown @ np.linalg.inv(sample["camera"]).T
    turn, _ = Rotation.align_vectors(
        joints_of(frame) * (MIRROR if side is HandSide.LEFT else 1.0), sample["joints_m"]
    )
    places = project(turn.apply(rays.reshape(-1, 3)), CAMERA).reshape(128, 128, 2)
    is_true = sample["true_depth_m"] > 0.0
    is_seen = (places > 4).all(axis=-1) & (places[..., 0] < CAMERA.width - 4)
    is_foreground = is_seen & (places[..., 1] < 236)
    is_other_hand = (places[..., 1] > 244) & (places[..., 0] < 436)
    assert is_true[is_foreground].all()
    assert not is_true[is_other_hand].any()
    assert min(np.count_nonzero(part) for part in (is_foreground, is_other_hand)) > 1000


def test_a_mirrored_left_hand_gives_the_record_of_the_right_hand() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    rgb = np.kron(rgb, np.ones((10, 10, 1), np.uint8))
    (right_track, right), (left_track, left) = (
        only_record(frame_with(side, rgb=image))
        for side, image in (
            (HandSide.RIGHT, rgb),
            (HandSide.LEFT, np.ascontiguousarray(rgb[:, ::-1])),
        )
    )
    assert right_track != left_track
    assert right.keys() == left.keys()
    for name in ("half_slope", "joints_m", "center_m", "radius_m", "vertices_m"):
        np.testing.assert_allclose(left[name], right[name], atol=1e-4, err_msg=name)
    assert np.abs(left["image"].astype(int) - right["image"]).mean() < 0.5
    for name in ("depth", "true_depth"):
        apart = np.abs(left[name].astype(int) - right[name]) > 10
        assert apart.mean() < 0.01, name


@pytest.mark.parametrize("side", HandSide)
@pytest.mark.parametrize("change", [STILL, CHANGE], ids=["still", "changed"])
def test_what_is_told_of_the_object_is_true_of_the_ball(
    side: HandSide, change: SampleChange
) -> None:
    frame = frame_with(side)
    sample = sample_of(only_record(frame)[1], change)
    joints = joints_of(frame) * (MIRROR if side is HandSide.LEFT else 1.0)
    turn, _ = Rotation.align_vectors(sample["joints_m"], joints)
    center = turn.apply(BALL_M - joints[WRIST])
    np.testing.assert_allclose(sample["center_m"], center, atol=1e-5)
    assert sample["radius_m"] == pytest.approx(RADIUS_M, abs=1e-5)
    assert sample["points_m"].shape == (200, 3)
    reach = np.linalg.norm(sample["points_m"] - center, axis=1)
    np.testing.assert_allclose(reach, RADIUS_M, atol=3e-4)
    assert np.abs((sample["points_m"] - center).mean(axis=0)).max() < 0.2 * RADIUS_M


@pytest.mark.parametrize("change", [STILL, CHANGE], ids=["still", "changed"])
def test_hand_and_joints_turn_together(right: AnnotatedFrame, change: SampleChange) -> None:
    sample = sample_of(only_record(right)[1], change)
    turn, rest = Rotation.align_vectors(sample["joints_m"], joints_of(right))
    assert rest < 1e-4
    vertices_m = right.truth.hands[0].vertices_m
    assert vertices_m is not None
    expected = turn.apply(vertices_m - joints_of(right)[WRIST])
    np.testing.assert_allclose(sample["vertices_m"], expected, atol=1e-5)


@pytest.mark.parametrize("side", HandSide)
def test_an_upright_crop_shows_the_knuckles_above_the_wrist(side: HandSide) -> None:
    pixels = pixels_of(sample_of(only_record(frame_with(side), upright=True)[1]))
    right, down = pixels[list(KNUCKLES)].mean(axis=0) - pixels[WRIST]
    assert abs(right) < 0.03 * -down


def test_the_same_frame_always_gives_the_same_points(right: AnnotatedFrame) -> None:
    first, again = (only_record(right)[1]["points_m"] for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_points_are_drawn_anew_and_follow_the_seed(record: Record) -> None:
    first, again, other = (
        network_sample(record, STILL, OPTIONS, np.random.default_rng(seed))["points_m"]
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_faults_are_in_what_is_measured_and_not_in_what_is_true(record: Record) -> None:
    change = SampleChange(depth=DepthFaults(noise_m=0.002, holes=3))
    still = sample_of(record)
    faulty = network_sample(record, change, OPTIONS, np.random.default_rng(0))
    np.testing.assert_array_equal(faulty["true_depth_m"], still["true_depth_m"])
    is_hole = (faulty["depth_m"] == 0.0) & (still["depth_m"] > 0.0)
    assert is_hole.any()
    assert (still["true_depth_m"][is_hole] > 0.0).mean() > 0.3
    gaps = (faulty["depth_m"] - still["depth_m"])[~is_hole]
    assert gaps.std() == pytest.approx(0.002 * (0.6 / 0.5) ** 2, rel=0.3)


def test_drawn_changes_stay_within_the_options() -> None:
    options = OPTIONS.model_copy(update={"shift": 0.1, "depth_noise_m": 0.003, "hole_share": 0.5})
    random = np.random.default_rng(0)
    drawn = [draw_sample_change(random, options) for _ in range(200)]
    assert max(np.abs(one.view.shift).max() for one in drawn) <= 0.1
    assert max(one.depth.noise_m for one in drawn) <= 0.003
    assert 0 < sum(one.depth.holes > 0 for one in drawn) < 200


def test_hands_that_hold_nothing_or_can_hardly_be_seen_give_no_record() -> None:
    for lacking in ({"held": False}, {"visible_share": 0.05}):
        assert not list(grasp_records(frame_with(HandSide.RIGHT, **lacking), OPTIONS))


@pytest.mark.parametrize("rule", ["hand", "hand_and_object", "image"])
def test_empty_hands_can_be_learned_from_too_and_are_told_from_others(rule: str) -> None:
    options = {"empty_hands": True, "crop_around": rule}
    _, holding = only_record(frame_with(HandSide.RIGHT), **options)
    _, empty = only_record(frame_with(HandSide.RIGHT, held=False), **options)
    assert (holding["is_held"], empty["is_held"]) == (1.0, 0.0)
    sample = sample_of(empty, CHANGE)
    assert sample["is_held"] == 0.0
    assert not sample["points_m"].any()
    assert all(np.isfinite(value).all() for value in sample.values())
    if rule != "hand_and_object":
        np.testing.assert_array_equal(empty["image"], holding["image"])


def test_a_hand_of_which_it_is_not_known_whether_it_is_empty_gives_no_record() -> None:
    frame = frame_with(HandSide.RIGHT)
    (ball,) = frame.truth.objects
    untold = replace(frame, truth=replace(frame.truth, objects=(replace(ball, held_by=None),)))
    options = OPTIONS.model_copy(update={"empty_hands": True})
    assert not list(grasp_records(untold, options))


def test_data_without_meshes_masks_and_clean_depth_can_be_learned_from() -> None:
    told = frame_with(HandSide.RIGHT, vertices_m=None, topology="", visible_share=None)
    bare = replace(told, truth=replace(told.truth, mask=None, clean_depth_m=None))
    with pytest.raises(InvalidValueError, match="hand_model"):
        only_record(bare)
    with pytest.raises(InvalidValueError, match="depth_truth"):
        only_record(bare, hand_meshes=False)
    wanted: dict[str, Any] = {"hand_meshes": False, "depth_truth": DepthTruth.SENSOR}
    _, record = only_record(bare, **wanted)
    assert np.isnan(record["visible_share"])
    sample = sample_of(record, **wanted)
    assert "vertices_m" not in sample
    np.testing.assert_array_equal(sample["true_depth_m"], sample["depth_m"])


def test_another_model_s_mesh_is_refused_by_name() -> None:
    with pytest.raises(InvalidValueError, match="mano_right"):
        only_record(frame_with(HandSide.RIGHT, topology="mano_right"))
