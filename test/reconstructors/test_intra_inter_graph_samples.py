"""What a network is trained on is true of what it is shown: of left hands and changed crops too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.core.annotation import AnnotatedFrame, FrameAnnotation, HandAnnotation
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand
from hand_object_recon.core.keypoints import KNUCKLES, WRIST
from hand_object_recon.geometry.projection import back_project, project
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.augmentation import CropChange
from hand_object_recon.networks.depth_faults import DepthFaults
from hand_object_recon.networks.grasp_crops import CropRule
from hand_object_recon.networks.grasp_views import view_of_hand
from hand_object_recon.networks.stored_depth import depth_to_units, units_to_depth
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.intra_inter_graph.options import IntraInterGraphOptions
from hand_object_recon.reconstructors.intra_inter_graph.samples import (
    SampleChange,
    draw_sample_change,
    hand_records,
    network_sample,
)

CAMERA = CameraIntrinsics(320, 240, 280.0, 290.0, 150.0, 125.0)
MIRROR = np.array([-1.0, 1.0, 1.0])
WRIST_M = np.array([0.06, -0.02, 0.5])
NORMAL = np.array([0.3, -0.2, 1.0]) / np.linalg.norm([0.3, -0.2, 1.0])
OFFSET_M = 0.5
SIZE = 128
OPTIONS = IntraInterGraphOptions(image_size=SIZE, with_depth=True)
STILL = SampleChange()
CHANGE = SampleChange(CropChange(shift=(0.06, -0.05), scale=1.2, turn_rad=0.5))

Arrays = dict[str, NDArray[Any]]


def pose_rad() -> NDArray[np.float32]:
    random = np.random.default_rng(5)
    return np.float32(np.concatenate([[1.1, 0.7, -0.4], random.normal(0.0, 0.2, 45)]))


def plane_depth_m(camera: CameraIntrinsics, normal: NDArray[Any]) -> NDArray[np.float32]:
    x, y = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    pixels = np.stack([x.ravel(), y.ravel()], axis=1).astype(float)
    rays = back_project(pixels, np.ones(len(pixels)), camera)
    return np.float32(OFFSET_M / (rays @ normal)).reshape(camera.height, camera.width)


def frame_with(side: HandSide = HandSide.RIGHT, **more: Any) -> AnnotatedFrame:
    """A hand before a picture of noise and a slanted plane; all mirrored for the left one."""
    noise = np.random.default_rng(2).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    rgb, pose, at_m = np.asarray(cv2.GaussianBlur(noise, (0, 0), 3.0)), pose_rad(), WRIST_M
    camera, normal = CAMERA, NORMAL
    if side is HandSide.LEFT:
        rgb = np.ascontiguousarray(rgb[:, ::-1])
        camera = replace(CAMERA, cx=CAMERA.width - 1 - CAMERA.cx)
        pose = (pose.reshape(16, 3) * np.float32([1.0, -1.0, -1.0])).ravel()
        at_m, normal = WRIST_M * MIRROR, NORMAL * MIRROR
    model = load_hand_model("open_hand", side)
    shape = np.linspace(-1.0, 1.0, 10, dtype=np.float32)
    posed = pose_hand(model, pose, shape, np.float32(at_m))
    truth: dict[str, Any] = {
        "pose_rad": pose,
        "shape": shape,
        "visible_share": 0.8,
        "vertices_m": posed.vertices_m,
        "topology": model.topology.name,
        **more,
    }
    hand = HandAnnotation(side=side, joints_m=posed.joints_m, **truth)
    frame = RgbdFrame(rgb, plane_depth_m(camera, normal), camera, 7, "camera")
    return AnnotatedFrame(frame, FrameAnnotation(7, (hand,)), "take")


def record_of(frame: AnnotatedFrame, options: IntraInterGraphOptions = OPTIONS) -> Record:
    ((_, record),) = hand_records(frame, options)
    return record


def sample_of(change: SampleChange, options: IntraInterGraphOptions = OPTIONS) -> Arrays:
    return network_sample(record_of(frame_with(), options), change, options, None)


def posed_by(sample: Arrays) -> tuple[NDArray[Any], NDArray[Any]]:
    """Joints and vertices of the right hand's model about the wrist."""
    model = load_hand_model("open_hand", HandSide.RIGHT)
    posed = pose_hand(model, sample["pose_rad"].ravel(), sample["shape"], np.zeros(3, np.float32))
    return posed.joints_m - posed.joints_m[WRIST], posed.vertices_m - posed.joints_m[WRIST]


def test_a_mirrored_left_hand_gives_the_record_of_the_right_hand() -> None:
    (right_track, right), (left_track, left) = (
        next(hand_records(frame_with(side), OPTIONS)) for side in (HandSide.RIGHT, HandSide.LEFT)
    )
    assert right_track != left_track
    assert right.keys() == left.keys()
    for name in right:
        if name == "depth":
            gaps = np.abs(right[name].astype(int) - left[name])
            assert np.quantile(gaps, 0.99) < 30, "3 mm; nearest readings differ at half pixels"
        else:
            atol = 1 if name == "image" else 1e-4
            np.testing.assert_allclose(left[name].astype(float), right[name], atol=atol)


@pytest.mark.parametrize("side", HandSide)
@pytest.mark.parametrize("change", [STILL, CHANGE], ids=["still", "changed"])
@pytest.mark.parametrize("upright", [False, True])
def test_pose_and_shape_make_the_true_hand_in_the_axes_of_the_crop_s_camera(
    side: HandSide, change: SampleChange, upright: bool
) -> None:
    options = OPTIONS.model_copy(update={"upright": upright})
    annotated = frame_with(side)
    record = record_of(annotated, options)
    sample = network_sample(record, change, options, None)
    joints_m, vertices_m = posed_by(sample)
    hand = annotated.truth.hands[0]
    assert hand.vertices_m is not None
    sign = MIRROR if side is HandSide.LEFT else np.ones(3)
    true_joints_m = (hand.joints_m - hand.joints_m[WRIST]) * sign
    true_vertices_m = (hand.vertices_m - hand.joints_m[WRIST]) * sign
    turn, _ = Rotation.align_vectors(joints_m, true_joints_m)
    np.testing.assert_allclose(turn.apply(true_joints_m), joints_m, atol=1e-5)
    np.testing.assert_allclose(turn.apply(true_vertices_m), vertices_m, atol=1e-5)
    # and there it projects to where the joints are in the crop
    wrist_m = turn.apply(hand.joints_m[WRIST] * sign)
    slopes = (joints_m + wrist_m)[:, :2] / (joints_m + wrist_m)[:, 2:]
    uv = slopes / (2.0 * sample["half_slope"]) + 0.5 + 0.5 / SIZE
    np.testing.assert_allclose(sample["joints_uv"], uv, atol=1e-4)


def test_a_turn_of_the_crop_turns_its_joints_about_its_middle() -> None:
    still, turned = (
        sample_of(SampleChange(CropChange(turn_rad=turn)))["joints_uv"] for turn in (0.0, 0.5)
    )
    turn = Rotation.from_euler("z", 0.5).as_matrix()[:2, :2]
    middle = 0.5 + 0.5 / SIZE
    np.testing.assert_allclose(turned - middle, (still - middle) @ turn.T, atol=1e-5)


@pytest.mark.parametrize("change", [STILL, CHANGE], ids=["still", "changed"])
def test_depth_in_the_crop_is_that_of_the_plane_along_its_camera_s_axis(
    change: SampleChange,
) -> None:
    sample = sample_of(change)
    joints_m, _ = posed_by(sample)
    hand = frame_with().truth.hands[0]
    turn, _ = Rotation.align_vectors(joints_m, hand.joints_m - hand.joints_m[WRIST])
    normal = turn.apply(NORMAL)
    pixels = np.array([[20, 30], [64, 64], [100, 90]])
    slopes = 2.0 * sample["half_slope"] * (pixels / SIZE - 0.5)
    rays = np.concatenate([slopes, np.ones((3, 1))], axis=1)
    expected_m = OFFSET_M / (rays @ normal)
    found_m = sample["depth_m"][pixels[:, 1], pixels[:, 0]]
    np.testing.assert_allclose(found_m, expected_m, atol=2e-3)


def test_images_show_what_the_camera_sees_along_each_ray() -> None:
    frame = frame_with()
    sample = sample_of(CHANGE)
    joints_m, _ = posed_by(sample)
    hand = frame.truth.hands[0]
    turn, _ = Rotation.align_vectors(joints_m, hand.joints_m - hand.joints_m[WRIST])
    pixels = np.array([[30, 40], [64, 64], [90, 100], [70, 35]])
    slopes = 2.0 * sample["half_slope"] * (pixels / SIZE - 0.5)
    rays = turn.inv().apply(np.concatenate([slopes, np.ones((4, 1))], axis=1))
    places = np.rint(project(rays, CAMERA)).astype(int)
    seen = sample["image"][:, pixels[:, 1], pixels[:, 0]].T.astype(float)
    expected = frame.frame.rgb[places[:, 1], places[:, 0]]
    assert np.abs(seen - expected).max() < 12


@pytest.mark.parametrize("side", HandSide)
@pytest.mark.parametrize("upright", [False, True])
def test_crops_are_those_that_a_tracked_hand_gets(side: HandSide, upright: bool) -> None:
    options = OPTIONS.model_copy(update={"upright": upright})
    annotated = frame_with(side)
    camera, joints_m = annotated.frame.camera, annotated.truth.hands[0].joints_m.astype(float)
    pixels = project(joints_m, camera)
    detection = HandDetection(side, 0.9, BoundingBox.around(pixels), pixels.astype(np.float32))
    view = view_of_hand(TrackedHand(1, detection), camera, CropRule.HAND, 1.5, is_upright=upright)
    record = record_of(annotated, options)
    assert record["half_slope"] == pytest.approx(view.crop.half_slope, rel=1e-4)
    np.testing.assert_allclose(record["joints_m"], joints_m @ view.crop.axes.T, atol=1e-5)
    if upright:
        right, down = (record["joints_m"][:, :2] / record["joints_m"][:, 2:])[[*KNUCKLES]].mean(
            axis=0
        ) - record["joints_m"][WRIST, :2] / record["joints_m"][WRIST, 2]
        assert abs(right) < 1e-4
        assert down < 0.0


def test_a_hand_hardly_seen_or_without_pose_gives_no_record() -> None:
    for lacking in ({"visible_share": 0.05}, {"pose_rad": None}, {"shape": None}):
        assert not list(hand_records(frame_with(**lacking), OPTIONS))


def test_a_pose_of_another_hand_model_is_refused_with_both_names() -> None:
    frame = frame_with(vertices_m=None, topology="mano_right")
    with pytest.raises(InvalidValueError, match=r"mano_right.*open_hand_right"):
        list(hand_records(frame, OPTIONS))


def test_records_without_depth_are_made_for_networks_that_do_not_see_it() -> None:
    options = OPTIONS.model_copy(update={"with_depth": False})
    record = record_of(frame_with(), options)
    assert "depth" not in record
    assert "depth_m" not in network_sample(record, STILL, options, None)


def test_any_turn_draws_angles_all_around() -> None:
    options = OPTIONS.model_copy(update={"any_turn": True})
    random = np.random.default_rng(0)
    turns = np.array([draw_sample_change(random, options).view.turn_rad for _ in range(400)])
    assert np.abs(turns).max() <= np.pi
    counts, _ = np.histogram(turns, bins=8, range=(-np.pi, np.pi))
    assert counts.min() > 25


def test_faults_of_depth_are_drawn_in_training_alone() -> None:
    record = record_of(frame_with())
    change = SampleChange(depth=DepthFaults(noise_m=0.01, holes=3))
    plain = network_sample(record, change, OPTIONS, None)["depth_m"]
    faulty = network_sample(record, change, OPTIONS, np.random.default_rng(1))["depth_m"]
    assert (plain > 0.0).all()
    assert 0.0 < (faulty == 0.0).mean() < 0.2
    kept = faulty > 0.0
    assert np.std(faulty[kept] - plain[kept]) == pytest.approx(0.01, rel=0.4)


def test_stored_depth_keeps_a_tenth_of_a_millimetre_and_knows_holes() -> None:
    depth_m = np.float32([0.0, np.nan, 0.12345, 2.0, 6.5, 6.6])
    units = depth_to_units(depth_m)
    assert units.dtype == np.uint16
    np.testing.assert_allclose(units_to_depth(units), [0.0, 0.0, 0.12345, 2.0, 6.5, 0.0], atol=6e-5)
