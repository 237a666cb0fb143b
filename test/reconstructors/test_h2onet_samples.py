"""What a network is trained on is true of what it is shown: of left hands and changed crops too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.core.annotation import AnnotatedFrame, FrameAnnotation, HandAnnotation
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide, TrackedHand
from hand_object_recon.core.keypoints import KNUCKLES, WRIST
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.augmentation import CropChange
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.h2onet.hand_views import (
    HandView,
    network_images,
    view_of_hand,
)
from hand_object_recon.reconstructors.h2onet.samples import (
    hand_records,
    network_sample,
)

CAMERA = CameraIntrinsics(320, 240, 280.0, 290.0, 150.0, 125.0)
MIRROR = np.array([-1.0, 1.0, 1.0])
HIDDEN_HAND_SHARE = 0.4


def pose_rad() -> NDArray[np.float32]:
    random = np.random.default_rng(5)
    return np.float32(np.concatenate([[1.1, 0.7, -0.4], random.normal(0.0, 0.2, 45)]))


def frame_with(
    side: HandSide,
    pose: NDArray[np.float32],
    at_m: Any,
    camera: CameraIntrinsics,
    rgb: NDArray[np.uint8],
    **more: Any,
) -> AnnotatedFrame:
    shape = np.linspace(-1.0, 1.0, 10, dtype=np.float32)
    posed = pose_hand(load_hand_model("open_hand", side), pose, shape, np.float32(at_m))
    truth: dict[str, Any] = {
        "pose_rad": pose,
        "shape": shape,
        "finger_occluded": np.array([True, False, False, True, False]),
        "visible_share": 0.8,
        **more,
    }
    hand = HandAnnotation(side=side, joints_m=posed.joints_m, **truth)
    depth = np.full(rgb.shape[:2], np.nan, dtype=np.float32)
    frame = RgbdFrame(rgb, depth, camera, 7, "camera")
    return AnnotatedFrame(frame, FrameAnnotation(7, (hand,)), "take")


@pytest.fixture(scope="module")
def rgb() -> NDArray[np.uint8]:
    shape = (CAMERA.height, CAMERA.width, 3)
    noise = np.random.default_rng(2).integers(0, 256, shape, dtype=np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 3.0), dtype=np.uint8)


MakeFrame = Callable[..., AnnotatedFrame]


@pytest.fixture(scope="module")
def right_frame(rgb: NDArray[np.uint8]) -> MakeFrame:
    def make(**more: Any) -> AnnotatedFrame:
        return frame_with(HandSide.RIGHT, pose_rad(), (0.06, -0.02, 0.5), CAMERA, rgb, **more)

    return make


@pytest.fixture(scope="module")
def left_frame(rgb: NDArray[np.uint8]) -> AnnotatedFrame:
    """The mirror image of the right one: hand, place, photograph and camera."""
    vectors = pose_rad().reshape(16, 3) * np.float32([1.0, -1.0, -1.0])
    camera = replace(CAMERA, cx=CAMERA.width - 1 - CAMERA.cx)
    mirrored = np.ascontiguousarray(rgb[:, ::-1])
    return frame_with(HandSide.LEFT, vectors.ravel(), (-0.06, -0.02, 0.5), camera, mirrored)


def only_record(frame: AnnotatedFrame) -> tuple[int, Record]:
    (found,) = hand_records(frame, HIDDEN_HAND_SHARE)
    return found


@pytest.fixture(scope="module")
def record(right_frame: MakeFrame) -> Record:
    return only_record(right_frame())[1]


def sample_of(record: Record, *, from_ray: bool, **change: Any) -> dict[str, NDArray[Any]]:
    return network_sample(record, CropChange(**change), from_ray=from_ray)


def test_a_mirrored_left_hand_gives_the_record_of_the_right_hand(
    right_frame: MakeFrame, left_frame: AnnotatedFrame
) -> None:
    (right_track, right), (left_track, left) = map(only_record, (right_frame(), left_frame))
    assert right_track != left_track
    assert right.keys() == left.keys()
    for name in right:
        atol = 1 if name == "image" else 1e-4
        np.testing.assert_allclose(left[name].astype(float), right[name], atol=atol, err_msg=name)


def test_the_truth_of_a_left_hand_poses_the_right_model_into_its_mirror_image(
    left_frame: AnnotatedFrame,
) -> None:
    sample = sample_of(only_record(left_frame)[1], from_ray=False)
    model = load_hand_model("open_hand", HandSide.RIGHT)
    without_orientation = np.concatenate([np.zeros(3), sample["pose_rad"]])
    canonical = pose_hand(model, without_orientation, sample["shape"], np.zeros(3)).joints_m
    turned = (canonical - canonical[WRIST]) @ sample["orientation"].T
    true = left_frame.truth.hands[0].joints_m
    np.testing.assert_allclose(turned * MIRROR, true - true[WRIST], atol=1e-5)


def test_joints_of_the_crop_are_where_they_project_to(
    record: Record, right_frame: MakeFrame
) -> None:
    frame = right_frame()
    pixels = project(frame.truth.hands[0].joints_m.astype(float), frame.frame.camera)
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    edge = 1.5 * (high - low).max()
    expected = (pixels - (low + high) / 2) / edge + 0.5
    found = sample_of(record, from_ray=False)["joints_uv"]
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_turning_the_crop_turns_joints_and_orientation_alike(record: Record) -> None:
    still, turned = (sample_of(record, from_ray=True, turn_rad=turn) for turn in (0.0, 0.5))
    oracle = Rotation.from_euler("z", 0.5).as_matrix()
    np.testing.assert_allclose(turned["orientation"], oracle @ still["orientation"], atol=1e-6)
    about = (still["joints_uv"] - 0.5) @ oracle[:2, :2].T
    np.testing.assert_allclose(turned["joints_uv"] - 0.5, about, atol=1e-6)


def test_a_camera_that_looks_along_the_ray_has_the_crop_s_middle_straight_ahead(
    record: Record, right_frame: MakeFrame
) -> None:
    frame = right_frame()
    hand = frame.truth.hands[0]
    camera_view, ray_view = (
        sample_of(record, from_ray=from_ray)["orientation"] for from_ray in (False, True)
    )
    ray_from_camera = ray_view @ camera_view.T
    low, high = (
        bound(project(hand.joints_m.astype(float), frame.frame.camera), axis=0)
        for bound in (np.min, np.max)
    )
    x, y = (low + high) / 2
    ray = [(x - CAMERA.cx) / CAMERA.fx, (y - CAMERA.cy) / CAMERA.fy, 1.0]
    seen = ray_from_camera @ (np.array(ray) / np.linalg.norm(ray))
    np.testing.assert_allclose(seen, [0.0, 0.0, 1.0], atol=1e-5)


@pytest.mark.parametrize("side", HandSide)
@pytest.mark.parametrize("is_upright", [False, True])
def test_the_plugin_sees_what_the_network_was_trained_on_and_finds_the_way_back(
    right_frame: MakeFrame, left_frame: AnnotatedFrame, side: HandSide, is_upright: bool
) -> None:
    annotated = right_frame() if side is HandSide.RIGHT else left_frame
    _, record = only_record(annotated)
    sample = network_sample(record, CropChange(), from_ray=True, is_upright=is_upright)
    camera = annotated.frame.camera
    pixels = project(annotated.truth.hands[0].joints_m.astype(float), camera)
    detection = HandDetection(side, 0.9, BoundingBox.around(pixels), pixels.astype(np.float32))
    hand = TrackedHand(1, detection)
    view = view_of_hand(annotated.frame, hand, from_ray=True, is_upright=is_upright)
    assert isinstance(view, HandView)
    places = sample["joints_uv"].astype(float)
    np.testing.assert_allclose(view.crop.points_to_image(places), pixels, atol=0.1)
    turned = view.rotation @ sample["orientation"]
    np.testing.assert_allclose(turned, record["orientation"], atol=1e-3)
    seen = network_images(annotated.frame, [view])[0].numpy() * 255.0
    inside = slice(40, 88)  # what was kept is cut off farther out
    gap = seen[:, inside, inside] - sample["image"][:, inside, inside]
    assert np.abs(gap).mean() < 1.5
    if is_upright:
        right, down = places[list(KNUCKLES)].mean(axis=0) - places[WRIST]
        assert abs(right) < 1e-3
        assert down < 0.0


def test_a_shifted_crop_is_seen_along_another_ray(record: Record) -> None:
    plain, shifted = (
        sample_of(record, from_ray=True, shift=shift) for shift in ((0.0, 0.0), (0.1, -0.05))
    )
    moved = plain["joints_uv"] - shifted["joints_uv"]
    np.testing.assert_allclose(moved, np.broadcast_to([0.1, -0.05], (21, 2)), atol=1e-6)
    angle = Rotation.from_matrix(shifted["orientation"] @ plain["orientation"].T).magnitude()
    slope = np.hypot(0.1, 0.05) * float(record["ray_slopes_per_edge"].mean())
    assert angle == pytest.approx(slope, rel=0.2)


def test_a_hand_hardly_seen_or_without_parameters_gives_no_record(right_frame: MakeFrame) -> None:
    for lacking in ({"visible_share": 0.05}, {"pose_rad": None}, {"finger_occluded": None}):
        assert not list(hand_records(right_frame(**lacking), HIDDEN_HAND_SHARE))


@pytest.mark.parametrize(("visible_share", "is_hidden"), [(0.39, True), (0.41, False)])
def test_a_hand_counts_as_hidden_by_its_visible_share(
    right_frame: MakeFrame, visible_share: float, is_hidden: bool
) -> None:
    _, record = only_record(right_frame(visible_share=visible_share))
    assert record["occluded"].tolist() == [True, False, False, True, False, is_hidden]
