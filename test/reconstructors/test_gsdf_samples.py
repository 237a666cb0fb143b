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
    ObjectAnnotation,
)
from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import KNUCKLES, WRIST
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.augmentation import CropChange
from hand_object_recon.networks.grasp_crops import CropRule
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.gsdf.options import GSDFOptions
from hand_object_recon.reconstructors.gsdf.samples import (
    grasp_records,
    point_sample,
    view_directions,
    view_sample,
)

CAMERA = CameraIntrinsics(640, 480, 560.0, 580.0, 300.0, 250.0)
MIRROR = np.array([-1.0, 1.0, 1.0])
WRIST_M = np.array([0.15, -0.08, 0.6])
BALL_M = np.array([0.14, -0.02, 0.58])
RADIUS_M = 0.03
OPTIONS = GSDFOptions(kept_points=100, points=40)
CHANGE = CropChange(shift=(0.06, -0.05), scale=1.2, turn_rad=0.5)


def frame_with(
    side: HandSide, *, rgb: NDArray[np.uint8] | None = None, held: bool = True, **more: Any
) -> AnnotatedFrame:
    """A hand that holds a ball; the left one is the mirror image of the right one."""
    is_left = side is HandSide.LEFT
    mirror = MIRROR if is_left else np.ones(3)
    random = np.random.default_rng(5)
    vectors = np.concatenate([[[1.1, 0.7, -0.4]], random.normal(0.0, 0.2, (15, 3))])
    pose = np.float32(vectors * ([1.0, -1.0, -1.0] if is_left else 1.0)).ravel()
    posed = pose_hand(load_hand_model("open_hand", side), pose, np.zeros(10), WRIST_M * mirror)
    truth: dict[str, Any] = {
        "vertices_m": posed.vertices_m,
        "topology": f"open_hand_{side}",
        "visible_share": 0.8,
        **more,
    }
    hand = HandAnnotation(side=side, joints_m=posed.joints_m, **truth)
    mesh = trimesh.creation.icosphere(subdivisions=4, radius=RADIUS_M)
    pose_of_ball = np.eye(4)
    pose_of_ball[:3, 3] = BALL_M * mirror
    ball = ObjectAnnotation(
        name="ball",
        pose=pose_of_ball,
        vertices_m=np.float32(mesh.vertices),
        faces=np.int32(mesh.faces),
        held_by=frozenset({side} if held else set()),
    )
    camera = replace(CAMERA, cx=CAMERA.width - 1 - CAMERA.cx) if is_left else CAMERA
    image = np.zeros((CAMERA.height, CAMERA.width, 3), np.uint8) if rgb is None else rgb
    depth = np.full(image.shape[:2], np.nan, dtype=np.float32)
    frame = RgbdFrame(image, depth, camera, 7, "camera")
    return AnnotatedFrame(frame, FrameAnnotation(7, (hand,), (ball,)), "take")


def only_record(frame: AnnotatedFrame, **options: Any) -> tuple[int, Record]:
    (found,) = grasp_records(frame, OPTIONS.model_copy(update=options))
    return found


def joints_of(frame: AnnotatedFrame) -> NDArray[np.float64]:
    return frame.truth.hands[0].joints_m.astype(np.float64)


@pytest.fixture(scope="module")
def right() -> AnnotatedFrame:
    return frame_with(HandSide.RIGHT)


@pytest.fixture(scope="module")
def record(right: AnnotatedFrame) -> Record:
    return only_record(right)[1]


def pixels_of(sample: dict[str, NDArray[Any]]) -> NDArray[np.float64]:
    projected = sample["joints_m"].astype(np.float64) @ sample["camera"].T
    return np.asarray(projected[:, :2] / projected[:, 2:])


@pytest.mark.parametrize(
    ("change", "size", "is_upright"),
    [(CropChange(), 256, False), (CHANGE, 256, True), (CHANGE, 128, False)],
    ids=["still", "changed", "small"],
)
@pytest.mark.parametrize("side", HandSide)
def test_joints_are_where_the_crop_shows_them(
    side: HandSide, change: CropChange, size: int, is_upright: bool
) -> None:
    plain = frame_with(side)
    places = project(joints_of(plain), plain.frame.camera)
    for joint in (0, 8, 17):
        x, y = places[joint]
        rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width]
        spot = 255.0 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2))
        rgb = np.repeat(spot.round().astype(np.uint8)[..., None], 3, axis=2)
        _, record = only_record(frame_with(side, rgb=rgb), image_size=size, upright=is_upright)
        sample, _ = view_sample(record, change, size)
        light = sample["image"][0].astype(float)
        grids = np.mgrid[:size, :size][::-1]
        seen = np.array([(light * grid).sum() for grid in grids]) / light.sum()
        np.testing.assert_allclose(seen, pixels_of(sample)[joint] * size / 256, atol=0.3)


@pytest.mark.parametrize("side", HandSide)
def test_an_upright_crop_shows_the_knuckles_above_the_wrist(side: HandSide) -> None:
    plain, upright = (only_record(frame_with(side), upright=one)[1] for one in (False, True))
    pixels = pixels_of(view_sample(upright, CropChange(), 256)[0])
    right, down = pixels[list(KNUCKLES)].mean(axis=0) - pixels[WRIST]
    assert abs(right) < 0.03 * -down
    turn, rest = Rotation.align_vectors(upright["joints_m"], plain["joints_m"])
    assert rest < 1e-5
    np.testing.assert_allclose(turn.as_rotvec()[:2], 0.0, atol=1e-5)
    assert turn.magnitude() > 0.1


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
    for name in ("half_slope", "joints_m", "center_m"):
        np.testing.assert_allclose(left[name], right[name], atol=1e-5, err_msg=name)
    assert np.abs(left["image"].astype(int) - right["image"]).mean() < 0.5


@pytest.mark.parametrize("side", HandSide)
def test_points_have_the_distances_that_the_hand_and_the_ball_have_there(side: HandSide) -> None:
    frame = frame_with(side)
    sample, axes = view_sample(only_record(frame)[1], CHANGE, 256)
    points = point_sample(only_record(frame)[1], axes, OPTIONS.unit_m, 40, None)
    places = points["points"] * OPTIONS.unit_m + sample["joints_m"][0]
    to_ball = np.linalg.norm(places - sample["center_m"], axis=1) - RADIUS_M
    found = points["object_distances"] * OPTIONS.unit_m
    np.testing.assert_allclose(found, to_ball, atol=4e-4)
    of_hand = slice(0, 80)
    assert (points["hand_distances"][of_hand] < 0).sum() == 40
    # a point deep in the hand is near a bone; one is no farther from it than a palm is thick
    inside = places[of_hand][points["hand_distances"][of_hand] < -0.01]
    gaps = np.linalg.norm(inside[:, None] - sample["joints_m"][None], axis=2).min(axis=1)
    assert gaps.max() < 0.05


def test_what_is_learned_keeps_its_shape_and_only_turns(right: AnnotatedFrame) -> None:
    record = only_record(right)[1]
    true = joints_of(right)
    for change in (CropChange(), CHANGE):
        sample, _ = view_sample(record, change, 256)
        turn, rest = Rotation.align_vectors(sample["joints_m"], true)
        assert rest < 1e-4
        np.testing.assert_allclose(turn.apply(BALL_M), sample["center_m"], atol=1e-5)


def test_turning_the_crop_turns_joints_center_and_points_alike(record: Record) -> None:
    oracle = Rotation.from_euler("z", 0.5)
    (still, axes), (turned, turned_axes) = (
        view_sample(record, CropChange(turn_rad=turn), 256) for turn in (0.0, 0.5)
    )
    for name in ("joints_m", "center_m"):
        np.testing.assert_allclose(turned[name], oracle.apply(still[name]), atol=1e-6)
    one, other = (
        point_sample(record, chosen, OPTIONS.unit_m, 40, None) for chosen in (axes, turned_axes)
    )
    np.testing.assert_allclose(other["points"], oracle.apply(one["points"]), atol=1e-6)
    np.testing.assert_array_equal(other["hand_distances"], one["hand_distances"])


@pytest.mark.parametrize("rule", CropRule)
def test_the_crop_just_shows_what_it_is_cut_around(right: AnnotatedFrame, rule: CropRule) -> None:
    _, record = only_record(right, crop_around=rule, crop_enlargement=1.0)
    sample, _ = view_sample(record, CropChange(), 256)
    ball = right.truth.objects[0].vertices_m + BALL_M
    far_corners = np.linalg.inv(CAMERA.matrix) @ [[0.0, CAMERA.width], [0.0, CAMERA.height], [1, 1]]
    framed = {
        CropRule.HAND: joints_of(right),
        CropRule.HAND_AND_OBJECT: np.concatenate([joints_of(right), ball]),
        CropRule.IMAGE: far_corners.T,
    }[rule]
    turn, _ = Rotation.align_vectors(sample["joints_m"], joints_of(right))
    seen = turn.apply(framed) @ sample["camera"].T
    pixels = seen[:, :2] / seen[:, 2:]
    assert np.abs(pixels - 128).max() == pytest.approx(128, abs=0.05)


def test_hands_that_hold_nothing_or_can_hardly_be_seen_give_no_record() -> None:
    for lacking in ({"held": False}, {"visible_share": 0.05}, {"vertices_m": None}):
        assert not list(grasp_records(frame_with(HandSide.RIGHT, **lacking), OPTIONS))


def test_another_model_s_mesh_is_refused_by_name() -> None:
    frame = frame_with(HandSide.RIGHT, topology="mano_right")
    with pytest.raises(InvalidValueError, match="mano_right"):
        list(grasp_records(frame, OPTIONS))


def test_points_of_each_kind_are_drawn_anew_and_follow_the_seed(record: Record) -> None:
    first, again, other = (
        point_sample(record, np.eye(3), 1.0, 40, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first["points"], again["points"])
    assert (first["points"] != other["points"]).any()
    signs = [part < 0 for part in np.split(first["hand_distances"], 4)[:2]]
    signs += [part < 0 for part in np.split(first["object_distances"], 4)[2:]]
    assert [sign.mean() for sign in signs] == [1.0, 0.0, 1.0, 0.0]


def test_virtual_views_are_unit_vectors_all_over_the_half_sphere() -> None:
    views = view_directions(4000, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(views, axis=1), 1.0, atol=1e-6)
    assert views[:, 2].min() >= 0.0
    np.testing.assert_allclose(views.mean(axis=0), [0.0, 0.0, 0.5], atol=0.03)
