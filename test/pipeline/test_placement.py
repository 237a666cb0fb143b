"""Hands are put where the depth camera saw them, and what is left over is reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandEstimate, HandSide
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.pipeline.placement import MetricPlacement

TOPOLOGIES = tuple(load_hand_model("open_hand", side).topology for side in HandSide)
PLACES_M = [(0.0, 0.05, 0.45), (-0.1, 0.08, 0.6), (0.12, -0.02, 0.8)]

MakeHand = Callable[..., HandEstimate]
MakeFrame = Callable[..., RgbdFrame]


def painted_depth_m(
    hand: HandEstimate, camera: CameraIntrinsics, background_m: float = 0.95
) -> NDArray[np.float32]:
    """The depth image of a mesh in front of a wall."""
    nearness = _painted(hand.vertices_m.astype(np.float64).tobytes(), hand.topology, camera)
    return np.float32(np.where(nearness > 0, 1.0 / np.maximum(nearness, 1e-3), background_m))


@lru_cache(maxsize=4)
def _painted(vertices: bytes, topology: str, camera: CameraIntrinsics) -> NDArray[np.float64]:
    """1/z of the nearest triangle, which is linear in the image; 0 where there is none."""
    inverse = np.zeros((camera.height, camera.width))
    x, y, z = np.frombuffer(vertices).reshape(-1, 3).T
    pixels = np.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], axis=1)
    for face in next(one.faces for one in TOPOLOGIES if one.name == topology):
        (ax, ay), (bx, by), (cx, cy) = pixels[face]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-9:
            continue
        columns = np.arange(max(0, np.ceil(min(ax, bx, cx))), min(camera.width, max(ax, bx, cx)))
        rows = np.arange(max(0, np.ceil(min(ay, by, cy))), min(camera.height, max(ay, by, cy)))
        u, v = np.meshgrid(columns, rows)
        second = ((u - ax) * (cy - ay) - (v - ay) * (cx - ax)) / area
        third = ((bx - ax) * (v - ay) - (by - ay) * (u - ax)) / area
        value = np.stack([1 - second - third, second, third], axis=-1) @ (1.0 / z[face])
        inside = (second >= 0) & (third >= 0) & (second + third <= 1)
        index = v[inside].astype(int), u[inside].astype(int)
        inverse[index] = np.maximum(inverse[index], value[inside])
    return inverse


def ball_depth_m(
    camera: CameraIntrinsics, behind_m: NDArray[Any], before_m: float, radius_m: float = 0.1
) -> NDArray[np.float32]:
    """The depth image of a ball whose nearest point is before a point; NaN beside it."""
    center = behind_m - [0.0, 0.0, before_m - radius_m]
    v, u = np.mgrid[: camera.height, : camera.width]
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)])
    squared = (rays * rays).sum(axis=0)
    along = np.tensordot(center, rays, 1)
    under_root = along**2 - squared * (center @ center - radius_m**2)
    root = np.sqrt(np.where(under_root > 0, under_root, np.nan))
    return np.float32((along - root) / squared)


def detection_of(hand: HandEstimate, camera: CameraIntrinsics, noise_px: float = 0.0) -> Any:
    x, y, z = hand.joints_m.astype(np.float64).T
    keypoints = np.stack([camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy], axis=1)
    keypoints += np.random.default_rng(6).normal(0.0, 1.0, keypoints.shape) * noise_px
    box = BoundingBox.around(keypoints, 0.1)
    return HandDetection(hand.side, 0.9, box, keypoints_px=np.float32(keypoints))


def root_relative(hand: HandEstimate) -> HandEstimate:
    return hand.moved(-hand.joints_m[WRIST])


def away_m(placed: HandEstimate | None, true: HandEstimate) -> float:
    """Farthest of all joints and vertices from where they are."""
    assert placed is not None
    both = zip((placed.joints_m, placed.vertices_m), (true.joints_m, true.vertices_m), strict=True)
    return float(max(np.linalg.norm(one - other, axis=1).max() for one, other in both))


@pytest.mark.parametrize("at_m", PLACES_M)
@pytest.mark.parametrize("side", list(HandSide))
def test_a_root_relative_hand_comes_back_within_half_a_millimetre(
    make_hand: MakeHand,
    make_frame: MakeFrame,
    camera: CameraIntrinsics,
    side: HandSide,
    at_m: tuple[float, float, float],
) -> None:
    pose = make_hand().pose_rad.copy()
    if side is HandSide.LEFT:  # the mirror image of the right hand in x
        pose = np.float32(pose.reshape(16, 3) * (1, -1, -1)).ravel()
    true = make_hand(at_m, side=side, pose_rad=pose)
    frame = make_frame(depth_m=painted_depth_m(true, camera))
    placement = MetricPlacement(TOPOLOGIES, is_metric=False)
    placed = placement.place(frame, root_relative(true), detection_of(true, camera))
    assert away_m(placed, true) < 0.0005
    assert placed is not None
    np.testing.assert_allclose(placed.wrist_pose[:3, 3], true.wrist_pose[:3, 3], atol=0.002)
    np.testing.assert_array_equal(placed.wrist_pose[:3, :3], true.wrist_pose[:3, :3])
    assert placed.placement_residual_m < 0.001


@pytest.mark.parametrize("background_m", [0.95, np.nan])
def test_noisy_keypoints_move_a_hand_by_a_few_millimetres_only(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics, background_m: float
) -> None:
    true = make_hand((0.0, 0.05, 0.5))
    frame = make_frame(depth_m=painted_depth_m(true, camera, background_m))
    detection = detection_of(true, camera, noise_px=4.0)
    placement = MetricPlacement(TOPOLOGIES, is_metric=False)
    placed = placement.place(frame, root_relative(true), detection)
    assert away_m(placed, true) < 0.004
    by_keypoints_alone_px = np.abs(
        np.asarray(detection.keypoints_px) - detection_of(true, camera).keypoints_px
    )
    assert by_keypoints_alone_px.mean() > 2.0


def test_where_the_root_relative_hand_starts_from_does_not_matter(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    true = make_hand()
    frame = make_frame(depth_m=painted_depth_m(true, camera))
    detection = detection_of(true, camera)
    placement = MetricPlacement(TOPOLOGIES, is_metric=False)
    for start_m in ((0.0, 0.0, 0.0), (0.3, -0.2, 0.1), (0.0, 0.0, -2.0)):
        moved = root_relative(true).moved(np.array(start_m))
        assert away_m(placement.place(frame, moved, detection), true) < 0.0005


def test_a_hand_guessed_too_large_is_put_where_the_depth_is_not_where_its_size_says(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    true = make_hand((0.04, 0.05, 0.5))
    relative = root_relative(true)
    enlarged = replace(
        relative, joints_m=1.15 * relative.joints_m, vertices_m=1.15 * relative.vertices_m
    )
    frame = make_frame(depth_m=painted_depth_m(true, camera))
    placement = MetricPlacement(TOPOLOGIES, is_metric=False)
    placed = placement.place(frame, enlarged, detection_of(true, camera))
    assert placed is not None  # by its size it would be 0.575 m away
    gap_m = np.median(placed.joints_m[:, 2]) - np.median(true.joints_m[:, 2])
    assert abs(gap_m) < 0.01
    middle_m, true_middle_m = (hand.joints_m.mean(axis=0) for hand in (placed, true))
    np.testing.assert_allclose(
        middle_m[:2] / middle_m[2], true_middle_m[:2] / true_middle_m[2], atol=1e-4
    )
    assert placed.placement_residual_m < 0.006


def test_half_a_hand_with_depth_is_placed_by_that_half(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    true = make_hand()
    depth_m = painted_depth_m(true, camera)
    depth_m[: camera.height // 2] = np.nan
    placement = MetricPlacement(TOPOLOGIES, is_metric=False)
    placed = placement.place(
        make_frame(depth_m=depth_m), root_relative(true), detection_of(true, camera)
    )
    assert away_m(placed, true) < 0.003


@pytest.mark.parametrize("offset_m", [0.0, 0.007, -0.012])
def test_the_residual_of_a_metric_hand_is_how_far_the_depth_is_off(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics, offset_m: float
) -> None:
    hand = make_hand()
    depth_m = painted_depth_m(hand, camera, np.nan) + np.float32(offset_m)
    placement = MetricPlacement(TOPOLOGIES, is_metric=True)
    placed = placement.place(make_frame(depth_m=depth_m), hand, detection_of(hand, camera))
    assert placed is not None
    assert placed.placement_residual_m == pytest.approx(abs(offset_m), abs=5e-4)


@pytest.mark.parametrize("side", list(HandSide))
def test_a_hand_that_points_elsewhere_is_turned_onto_the_depth(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics, side: HandSide
) -> None:
    true = make_hand(side=side)
    frame = make_frame(depth_m=painted_depth_m(true, camera))
    turn = Rotation.from_rotvec([0.3, 0.0, 0.1])
    middle_m = true.joints_m.mean(axis=0)
    wrist_pose = true.wrist_pose.copy()
    wrist_pose[:3, :3] = turn.as_matrix() @ wrist_pose[:3, :3]
    wrist_pose[:3, 3] = turn.apply(wrist_pose[:3, 3] - middle_m) + middle_m
    pose_rad = true.pose_rad.copy()
    pose_rad[:3] = (turn * Rotation.from_rotvec(pose_rad[:3])).as_rotvec()
    wrong = replace(
        true,
        joints_m=np.float32(turn.apply(true.joints_m - middle_m) + middle_m),
        vertices_m=np.float32(turn.apply(true.vertices_m - middle_m) + middle_m),
        wrist_pose=wrist_pose,
        pose_rad=pose_rad,
    )

    def placed(turns: bool) -> HandEstimate:
        placement = MetricPlacement(TOPOLOGIES, is_metric=False, turns=turns)
        found = placement.place(frame, root_relative(wrong), detection_of(true, camera))
        assert found is not None
        return found

    before, after = placed(turns=False), placed(turns=True)
    np.testing.assert_array_equal(before.pose_rad, wrong.pose_rad)

    def mean_m(found: HandEstimate) -> float:
        return float(np.linalg.norm(found.joints_m - true.joints_m, axis=1).mean())

    assert mean_m(after) < 0.6 * mean_m(before)
    back = after.wrist_pose[:3, :3] @ wrong.wrist_pose[:3, :3].T
    moved = (wrong.vertices_m - wrong.joints_m[WRIST]) @ back.T + after.joints_m[WRIST]
    np.testing.assert_allclose(after.vertices_m, moved, atol=1e-4)
    np.testing.assert_allclose(after.wrist_pose[:3, 3], after.joints_m[WRIST], atol=1e-4)
    expected = Rotation.from_matrix(back) * Rotation.from_rotvec(wrong.pose_rad[:3])
    gap = expected.inv() * Rotation.from_rotvec(after.pose_rad[:3])
    assert gap.magnitude() < 1e-4


def test_a_metric_hand_is_not_moved(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    hand = make_hand()
    depth_m = painted_depth_m(hand, camera) + np.float32(0.03)
    detection = detection_of(hand.moved(np.array([0.05, 0.0, 0.1])), camera)
    placement = MetricPlacement(TOPOLOGIES, is_metric=True)
    placed = placement.place(make_frame(depth_m=depth_m), hand, detection)
    assert placed is not None
    np.testing.assert_array_equal(placed.joints_m, hand.joints_m)
    np.testing.assert_array_equal(placed.vertices_m, hand.vertices_m)
    np.testing.assert_array_equal(placed.wrist_pose, hand.wrist_pose)


def test_a_metric_hand_without_keypoints_has_its_residual_all_the_same(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    hand = make_hand()
    depth_m = painted_depth_m(hand, camera) + np.float32(0.007)
    followed = replace(detection_of(hand, camera), keypoints_px=None, is_followed=True)
    placed = MetricPlacement(TOPOLOGIES, is_metric=True).place(
        make_frame(depth_m=depth_m), hand, followed
    )
    assert placed is not None
    assert placed.placement_residual_m == pytest.approx(0.007, abs=5e-4)


@pytest.mark.parametrize("depth_m", [np.nan, 1.5])
def test_without_depth_on_the_hand_the_residual_is_not_a_number(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics, depth_m: float
) -> None:
    hand = make_hand()
    placed = MetricPlacement(TOPOLOGIES, is_metric=True).place(
        make_frame(depth_m=depth_m), hand, detection_of(hand, camera)
    )
    assert placed is not None
    assert np.isnan(placed.placement_residual_m)
    np.testing.assert_array_equal(placed.joints_m, hand.joints_m)


def test_a_hand_outside_the_image_has_no_residual(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    inside = make_hand()
    hand = inside.moved(np.array([2.0, 0.0, 0.0]))
    placed = MetricPlacement(TOPOLOGIES, is_metric=True).place(
        make_frame(depth_m=0.5), hand, detection_of(inside, camera)
    )
    assert placed is not None
    assert np.isnan(placed.placement_residual_m)


def test_a_background_far_behind_does_not_count_in_the_residual(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    hand = make_hand()
    depth_m = painted_depth_m(hand, camera) + np.float32(0.007)
    mid_row = round(camera.fy * float((hand.joints_m[9] / hand.joints_m[9, 2])[1]) + camera.cy)
    depth_m[:mid_row] = 0.95  # every finger shows the background
    placed = MetricPlacement(TOPOLOGIES, is_metric=True).place(
        make_frame(depth_m=depth_m), hand, detection_of(hand, camera)
    )
    assert placed is not None
    assert placed.placement_residual_m == pytest.approx(0.007, abs=5e-4)


@pytest.mark.parametrize("covered_share", [0.3, 0.6])
@pytest.mark.parametrize("before_m", [0.02, 0.04, 0.15])
def test_what_covers_a_part_of_the_hand_does_not_draw_it_to_the_camera(
    make_hand: MakeHand,
    make_frame: MakeFrame,
    camera: CameraIntrinsics,
    covered_share: float,
    before_m: float,
) -> None:
    true = make_hand()
    pixels = detection_of(true, camera).keypoints_px
    depth_m = painted_depth_m(true, camera)
    column = int(np.quantile(pixels[:, 0], covered_share))
    ball = ball_depth_m(camera, true.joints_m.mean(axis=0), before_m)
    depth_m[:, :column] = np.fmin(depth_m, ball)[:, :column]
    placed = MetricPlacement(TOPOLOGIES, is_metric=False).place(
        make_frame(depth_m=depth_m), root_relative(true), detection_of(true, camera)
    )
    assert away_m(placed, true) < 0.004


def test_another_hand_in_front_does_not_draw_a_hand_to_it(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    true = make_hand((0.0, 0.05, 0.6))
    other = make_hand((0.05, 0.06, 0.5))
    depth_m = np.fmin(painted_depth_m(true, camera), painted_depth_m(other, camera))
    placed = MetricPlacement(TOPOLOGIES, is_metric=False).place(
        make_frame(depth_m=depth_m), root_relative(true), detection_of(true, camera)
    )
    assert away_m(placed, true) < 0.004


def test_the_method_s_own_keypoints_are_taken_before_the_detector_s(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    true = make_hand()
    frame = make_frame(depth_m=painted_depth_m(true, camera))
    aside = detection_of(true.moved(np.array([0.03, 0.0, 0.0])), camera)
    placement = MetricPlacement(TOPOLOGIES, is_metric=False)
    own = detection_of(true, camera).keypoints_px
    assert away_m(placement.place(frame, root_relative(true), aside, own), true) < 0.0005
    assert away_m(placement.place(frame, root_relative(true), aside), true) > 0.02


def test_without_depth_its_size_and_keypoints_place_a_root_relative_hand(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    true = make_hand()
    placement = MetricPlacement(TOPOLOGIES, is_metric=False)
    placed = placement.place(
        make_frame(depth_m=np.nan), root_relative(true), detection_of(true, camera)
    )
    assert away_m(placed, true) < 0.0005
    assert placed is not None
    assert np.isnan(placed.placement_residual_m)


@pytest.mark.parametrize("error_rad", [0.0, 0.15, 0.3])  # joints off by 0, 14 and 28 mm
def test_without_depth_joints_that_are_off_do_not_draw_hands_to_the_camera(
    pose_open_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics, error_rad: float
) -> None:
    random = np.random.default_rng(8)
    frame = make_frame(depth_m=np.nan)
    placement = MetricPlacement(TOPOLOGIES, is_metric=False)
    placed_far, least_squares_far = [], []
    for _ in range(300):
        pose, place_m = random_pose(random), random.uniform([-0.15, -0.1, 0.4], [0.15, 0.1, 0.9])
        true = pose_open_hand(pose, place_m)
        found = root_relative(pose_open_hand(with_errors(pose, error_rad, random), np.zeros(3)))
        detection = detection_of(true, camera)
        keypoints_px = detection.keypoints_px + random.normal(0.0, 2.0, (21, 2))
        placed = placement.place(frame, found, detection, keypoints_px)
        assert placed is not None
        far_m = true.joints_m[:, 2].mean()
        placed_far.append(placed.joints_m[:, 2].mean() / far_m - 1.0)
        fitted_m = least_squares_offset_m(found.joints_m, keypoints_px, camera)
        least_squares_far.append((found.joints_m[:, 2].mean() + fitted_m[2]) / far_m - 1.0)
    assert np.median(np.abs(placed_far)) < 0.85 * np.median(np.abs(least_squares_far))
    assert abs(np.median(placed_far)) < 0.025


def random_pose(random: np.random.Generator) -> NDArray[np.float64]:
    """(48,) a hand turned any way, its fingers somewhat bent."""
    fingers = load_hand_model("open_hand", HandSide.RIGHT).hands_mean + random.normal(0, 0.35, 45)
    return np.append(Rotation.random(random_state=random).as_rotvec(), fingers)


def with_errors(
    pose: NDArray[np.float64], error_rad: float, random: np.random.Generator
) -> NDArray[np.float64]:
    """The same with a hand that is turned, and with finger joints that are bent, another way."""
    turn = Rotation.from_rotvec(random.normal(0.0, error_rad / np.sqrt(3), 3))
    wrist = (turn * Rotation.from_rotvec(pose[:3])).as_rotvec()
    return np.append(wrist, pose[3:] + random.normal(0.0, error_rad, 45))


def least_squares_offset_m(
    joints_m: NDArray[Any], keypoints_px: NDArray[Any], camera: CameraIntrinsics
) -> NDArray[np.float64]:
    """(3,) with the least sum of squares of x - z u over all joints, u being x/z of their rays."""
    slopes = (keypoints_px - [camera.cx, camera.cy]) / [camera.fx, camera.fy]
    joints = joints_m.astype(np.float64)
    rows = np.concatenate([[[1, 0, -u], [0, 1, -v]] for u, v in slopes])
    gaps = slopes * joints[:, 2:] - joints[:, :2]
    return np.linalg.pinv(rows) @ gaps.ravel()


def test_keypoints_that_put_a_hand_behind_the_camera_do_not_place_it(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    true = make_hand()
    middle = np.array([camera.cx, camera.cy], dtype=np.float32)
    upside_down = 2 * middle - detection_of(true, camera).keypoints_px
    placed = MetricPlacement(TOPOLOGIES, is_metric=False).place(
        make_frame(), root_relative(true), detection_of(true, camera), upside_down
    )
    assert placed is None


def test_a_root_relative_hand_without_keypoints_is_not_placed(
    make_hand: MakeHand, make_frame: MakeFrame, camera: CameraIntrinsics
) -> None:
    true = make_hand()
    frame = make_frame(depth_m=painted_depth_m(true, camera))
    detection = replace(detection_of(true, camera), keypoints_px=None)
    placement = MetricPlacement(TOPOLOGIES, is_metric=False)
    assert placement.place(frame, root_relative(true), detection) is None
