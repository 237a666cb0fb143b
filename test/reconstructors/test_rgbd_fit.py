"""rgbd_fit on rendered hands, whose truth is known exactly, and on spoilt versions of them.

The keypoints given to it are the true landmarks' projections with noise, so that these tests
need no detector; what a real one gives is scored in test/evaluation/test_replay.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pytest
import trimesh
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandEstimate,
    HandSide,
    TrackedHand,
)
from hand_object_recon.core.keypoints import KNUCKLES
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.geometry.background_planes import BackgroundPlanes
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.pose_differential import AttachedPoints, HandState
from hand_object_recon.reconstructors.rgbd_fit.crop_kernels import draw_depth
from hand_object_recon.reconstructors.rgbd_fit.fitter import HandFitter, HandObservation
from hand_object_recon.reconstructors.rgbd_fit.hand_points import hand_points
from hand_object_recon.reconstructors.rgbd_fit.landmarks import MEDIAPIPE
from hand_object_recon.reconstructors.rgbd_fit.reconstructor import RgbdFitReconstructor
from hand_object_recon.synthesis.demo_scene import DemoScene, SyntheticFrame, VisibleHand

FRAMES = 12
NOISE_PX = 2.0


@dataclass(frozen=True, eq=False)
class Shot:
    """A rendered frame, what a detector would say of one hand in it, and that hand's truth."""

    frame: RgbdFrame
    detection: HandDetection
    truth: VisibleHand


@lru_cache(maxsize=1)
def scene() -> tuple[SyntheticFrame, ...]:
    return tuple(DemoScene(FRAMES, seed=3).frames())


def shots(side: HandSide = HandSide.RIGHT, noise_px: float = NOISE_PX) -> list[Shot]:
    random = np.random.default_rng(0)
    found = []
    for synthetic in scene():
        for hand in synthetic.hands:
            if hand.model.side is side:
                found.append(shot(synthetic.frame, hand, random, noise_px))
    return found


def shot(frame: RgbdFrame, hand: VisibleHand, random: np.random.Generator, noise_px: float) -> Shot:
    landmarks = true_landmarks(hand)
    pixels = project(landmarks, frame.camera) + random.normal(0.0, noise_px, (21, 2))
    relative = landmarks - landmarks.mean(axis=0)
    detection = HandDetection(
        side=hand.model.side,
        score=0.9,
        box=BoundingBox.around(pixels, 0.1),
        keypoints_px=pixels.astype(np.float32),
        relative_keypoints_m=(0.9 * relative).astype(np.float32),
    )
    return Shot(frame, detection, hand)


def true_landmarks(hand: VisibleHand) -> NDArray[np.float64]:
    points = AttachedPoints.keypoints(hand.model, MEDIAPIPE.offsets_m)
    rest_joints = hand.model.rest_joints_m[points.joints]
    rotations = hand.posed.joint_rotations[points.joints]
    placed = np.einsum("kab,kb->ka", rotations, points.rest_m - rest_joints)
    return np.asarray(placed + hand.posed.joint_positions_m[points.joints], dtype=np.float64)


def reconstruct(
    reconstructor: RgbdFitReconstructor,
    one: Shot,
    detection: HandDetection | None = None,
    track_id: int = 1,
) -> HandEstimate:
    tracked = TrackedHand(track_id, detection or one.detection)
    (hand,) = reconstructor.reconstruct(one.frame, [tracked]).hands
    return hand


def errors_mm(estimates: Sequence[HandEstimate], truth: Sequence[Shot]) -> NDArray[np.float64]:
    gaps = [
        np.linalg.norm(estimate.joints_m - one.truth.posed.joints_m, axis=1).mean()
        for estimate, one in zip(estimates, truth, strict=True)
    ]
    return 1e3 * np.array(gaps)


def with_depth(one: Shot, depth_m: NDArray[np.float32]) -> Shot:
    return replace(one, frame=replace(one.frame, depth_m=depth_m))


@pytest.fixture
def reconstructor() -> RgbdFitReconstructor:
    return RgbdFitReconstructor(PipelineConfig())


def test_a_rendered_right_hand_is_found_within_two_millimetres(
    reconstructor: RgbdFitReconstructor,
) -> None:
    right = shots(HandSide.RIGHT)
    assert len(right) == FRAMES
    errors = errors_mm([reconstruct(reconstructor, one) for one in right], right)
    assert errors.mean() < 2.0
    assert errors.max() < 3.0


def test_a_left_hand_is_fitted_as_well_as_a_right_one(
    reconstructor: RgbdFitReconstructor,
) -> None:
    mirrored = [mirror(one) for one in shots(HandSide.RIGHT)[:4]]
    hands = [reconstruct(reconstructor, one) for one in mirrored]
    assert {hand.side for hand in hands} == {HandSide.LEFT}
    assert {hand.topology for hand in hands} == {"open_hand_left"}
    gaps = [
        np.linalg.norm(
            hand.joints_m - one.truth.posed.joints_m * np.float32([-1.0, 1.0, 1.0]), axis=1
        ).mean()
        for hand, one in zip(hands, mirrored, strict=True)
    ]
    assert 1e3 * np.mean(gaps) < 2.0


def mirror(one: Shot) -> Shot:
    """The same scene in a mirror through the camera's y-z plane: a left hand."""
    camera = one.frame.camera
    mirrored_camera = replace(camera, cx=camera.width - 1 - camera.cx)
    frame = RgbdFrame(
        rgb=np.ascontiguousarray(one.frame.rgb[:, ::-1]),
        depth_m=np.ascontiguousarray(one.frame.depth_m[:, ::-1]),
        camera=mirrored_camera,
        stamp_ns=one.frame.stamp_ns,
        frame_id=one.frame.frame_id,
    )
    assert one.detection.keypoints_px is not None
    assert one.detection.relative_keypoints_m is not None
    pixels = one.detection.keypoints_px * np.float32([-1, 1]) + np.float32([camera.width - 1, 0])
    detection = replace(
        one.detection,
        side=HandSide.LEFT,
        box=BoundingBox.around(pixels, 0.1),
        keypoints_px=pixels,
        relative_keypoints_m=one.detection.relative_keypoints_m * np.float32([-1, 1, 1]),
    )
    return Shot(frame, detection, one.truth)


def test_thirty_per_cent_holes_and_flying_pixels_hardly_change_the_result(
    reconstructor: RgbdFitReconstructor,
) -> None:
    random = np.random.default_rng(1)
    spoilt = []
    for one in shots()[:6]:
        depth = one.frame.depth_m.copy()
        chance = random.random(depth.shape)
        depth[chance < 0.3] = np.nan
        flying = chance > 0.98
        depth[flying] = random.uniform(0.2, 0.9, np.count_nonzero(flying))
        spoilt.append(with_depth(one, depth))
    errors = errors_mm([reconstruct(reconstructor, one) for one in spoilt], spoilt)
    assert errors.mean() < 2.5


def test_a_table_just_behind_the_hand_does_not_pull_it(
    reconstructor: RgbdFitReconstructor,
) -> None:
    beside_table = []
    for one in shots()[:6]:
        farthest = float(one.truth.posed.vertices_m[:, 2].max())
        depth = np.minimum(one.frame.depth_m, np.float32(farthest + 0.03))
        beside_table.append(with_depth(one, depth))
    errors = errors_mm([reconstruct(reconstructor, one) for one in beside_table], beside_table)
    assert errors.mean() < 2.5


def test_a_table_that_the_hand_nearly_touches_is_not_taken_for_it(
    reconstructor: RgbdFitReconstructor,
) -> None:
    over_table = [with_table(one) for one in shots()]
    for one in over_table:
        background = BackgroundPlanes()
        background.update(one.frame, [one.detection.box])
        assert one.detection.keypoints_px is not None
        found = hand_points(
            one.frame,
            one.detection.keypoints_px,
            one.detection.box,
            max_points=600,
            background=background,
        )
        assert found is not None
        above_m = heights_over_table_m(one, found.points_m)
        assert np.mean(above_m > 0.006) > 0.98
        assert len(above_m) > 200
    errors = errors_mm([reconstruct(reconstructor, one) for one in over_table], over_table)
    assert errors.mean() < 1.1


TABLE_NORMAL = np.array([0.0, -np.sqrt(0.5), -np.sqrt(0.5)])


def heights_over_table_m(one: Shot, points_m: NDArray[np.floating]) -> NDArray[np.float64]:
    """(N,) over a table 12 mm below the lowest part of the hand, seen at 45 degrees."""
    lowest = (one.truth.posed.vertices_m @ TABLE_NORMAL).min()
    return np.asarray(points_m @ TABLE_NORMAL - lowest + 0.012)


def with_table(one: Shot) -> Shot:
    camera = one.frame.camera
    rows, columns = np.indices(one.frame.depth_m.shape)
    rays = np.stack(
        [(columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones(rows.shape)],
        axis=-1,
    )
    falling = rays @ TABLE_NORMAL
    camera_height_m = float(heights_over_table_m(one, np.zeros(3)))
    table_m = np.where(falling < 0.0, -camera_height_m / falling, np.inf)
    return with_depth(one, np.fmin(one.frame.depth_m, table_m).astype(np.float32))


def test_a_hand_far_behind_the_points_costs_more_than_one_just_beside_them(
    reconstructor: RgbdFitReconstructor,
) -> None:
    one = shots()[0]
    hand = reconstruct(reconstructor, one)
    assert one.detection.keypoints_px is not None
    points = hand_points(one.frame, one.detection.keypoints_px, one.detection.box, 600)
    fitter = HandFitter(load_hand_model("open_hand", HandSide.RIGHT), MEDIAPIPE)
    seen = HandObservation(None, one.frame.camera, points)
    state = HandState(
        hand.wrist_pose[:3, :3],
        hand.wrist_pose[:3, 3].copy(),
        fitter.mean_angles_rad,
        np.asarray(hand.shape, np.float64),
    )
    found = fitter.fit(state, seen, 60).state

    def cost(times_as_far: float) -> float:
        moved = replace(found, wrist_m=times_as_far * found.wrist_m)
        return fitter.fit(moved, seen, 0).cost

    assert cost(1.0) < cost(1.02) < cost(4.0)


def test_wrong_landmarks_of_one_finger_do_not_carry_the_others_away(
    reconstructor: RgbdFitReconstructor,
) -> None:
    one = shots()[0]
    assert one.detection.keypoints_px is not None
    pixels = one.detection.keypoints_px.copy()
    pixels[6:9] += np.float32([60.0, -40.0])
    hand = reconstruct(reconstructor, one, replace(one.detection, keypoints_px=pixels))
    others = [joint for joint in range(21) if joint not in (6, 7, 8)]
    gaps = np.linalg.norm(hand.joints_m - one.truth.posed.joints_m, axis=1)
    assert 1e3 * gaps[others].mean() < 2.5


def test_a_wrong_past_is_left_behind_when_the_image_shows_something_else() -> None:
    first, *_, last = shots()
    jumped = RgbdFitReconstructor(PipelineConfig())
    reconstruct(jumped, first)
    fresh = RgbdFitReconstructor(PipelineConfig())
    errors = errors_mm([reconstruct(jumped, last), reconstruct(fresh, last)], [last, last])
    assert errors[0] < errors[1] + 1.5


def test_a_hand_without_a_single_depth_reading_is_left_out(
    reconstructor: RgbdFitReconstructor,
) -> None:
    one = shots()[0]
    blind = with_depth(one, np.full_like(one.frame.depth_m, np.nan))
    tracked = TrackedHand(1, blind.detection)
    assert reconstructor.reconstruct(blind.frame, [tracked]).hands == ()


def test_a_followed_box_without_keypoints_keeps_the_hand(
    reconstructor: RgbdFitReconstructor,
) -> None:
    one, two, *_ = shots()
    reconstruct(reconstructor, one)
    errors = errors_mm([reconstruct(reconstructor, two, followed(two))], [two])
    assert errors[0] < 4.0


def test_a_followed_box_of_a_hand_never_seen_before_gives_nothing(
    reconstructor: RgbdFitReconstructor,
) -> None:
    one = shots()[0]
    assert reconstructor.reconstruct(one.frame, [TrackedHand(1, followed(one))]).hands == ()


def test_the_shape_is_held_once_its_frames_are_used_up() -> None:
    config = PipelineConfig.model_validate({"rgbd_fit": {"shape_frames": 2}})
    reconstructor = RgbdFitReconstructor(config)
    shapes = [reconstruct(reconstructor, one).shape for one in shots()[:6]]
    distinct = {tuple(shape) for shape in shapes}
    assert np.array_equal(shapes[-1], shapes[-2])
    assert len(distinct) <= 3


def test_a_hand_that_comes_back_has_the_shape_that_was_learned(
    reconstructor: RgbdFitReconstructor,
) -> None:
    for one in shots()[:6]:
        reconstruct(reconstructor, one)
    nothing_to_learn = without_fingers(shots()[6])
    learned = reconstruct(reconstructor, nothing_to_learn).shape
    assert np.abs(learned).max() > 0.01
    reconstructor.forget(1)
    again = reconstruct(reconstructor, nothing_to_learn, track_id=2).shape
    assert np.array_equal(again, learned)
    reconstructor.reset()
    assert not reconstruct(reconstructor, nothing_to_learn).shape.any()


def without_fingers(one: Shot) -> Shot:
    """No depth around the fingers' middle joints, so that the frame tells no shape."""
    assert one.detection.keypoints_px is not None
    depth = one.frame.depth_m.copy()
    for knuckle in KNUCKLES:
        for column, row in np.rint(one.detection.keypoints_px[knuckle + 1 : knuckle + 3]):
            rows, columns = (slice(int(middle) - 9, int(middle) + 10) for middle in (row, column))
            depth[rows, columns] = np.nan
    return with_depth(one, depth)


def test_a_hand_missed_for_several_frames_is_held_by_depth_alone(
    reconstructor: RgbdFitReconstructor,
) -> None:
    right = shots()
    for one in right[:2]:
        reconstruct(reconstructor, one)
    held = [reconstruct(reconstructor, one, followed(one)) for one in right[2:8]]
    assert errors_mm(held, right[2:8]).max() < 6.0


def test_a_missed_hand_that_went_away_is_not_made_up(
    reconstructor: RgbdFitReconstructor,
) -> None:
    one, two, *_ = shots()
    reconstruct(reconstructor, one)
    wall = np.full_like(two.frame.depth_m, 0.1 + np.nanmax(one.truth.posed.vertices_m[:, 2]))
    tracked = TrackedHand(1, followed(two))
    assert reconstructor.reconstruct(with_depth(two, wall).frame, [tracked]).hands == ()


def followed(one: Shot) -> HandDetection:
    """What is left of a detection that was missed: the box."""
    return replace(one.detection, keypoints_px=None, relative_keypoints_m=None, is_followed=True)


def test_an_expected_object_before_the_hand_does_not_pull_it() -> None:
    """A board 15 mm in front of half the fingers' side of the hand, as if held in them."""
    right = shots()[:6]
    errors = {}
    for is_expected in (False, True):
        reconstructor = RgbdFitReconstructor(PipelineConfig())
        hands = [reconstruct(reconstructor, right[0])]
        before = right[0]
        for one in right[1:]:
            if is_expected:
                reconstructor.expect_objects([board(before)])
            hands.append(reconstruct(reconstructor, covered(one, board(one))))
            before = one
        errors[is_expected] = errors_mm(hands[1:], right[1:]).mean()
    assert errors[True] < 4.0
    assert errors[True] < 0.8 * errors[False]


def board(one: Shot) -> ObjectEstimate:
    joints = one.truth.posed.joints_m
    box = trimesh.creation.box([0.07, 0.07, 0.01])
    pose = np.eye(4)
    pose[:3, 3] = joints[[5, 9, 13, 17]].mean(axis=0) - [0.0, 0.0, 0.03]
    return ObjectEstimate(
        track_id=1,
        score=1.0,
        pose=pose,
        vertices_m=np.float32(box.vertices),
        faces=np.int32(box.faces),
    )


def covered(one: Shot, thing: ObjectEstimate) -> Shot:
    """The shot with the thing before it in the depth image."""
    camera = one.frame.camera
    drawn = np.full(one.frame.depth_m.shape, np.inf, dtype=np.float32)
    vertices = np.float32(thing.vertices_m + thing.pose[:3, 3])
    intrinsics = np.array([camera.fx, camera.fy, camera.cx, camera.cy])
    draw_depth(vertices, thing.faces, intrinsics, np.array([0, 0, 1]), drawn)
    drawn[np.isinf(drawn)] = np.nan
    return with_depth(one, np.fmin(one.frame.depth_m, drawn))


def test_the_same_frames_give_the_same_hands_bit_for_bit() -> None:
    def run() -> list[NDArray[np.float32]]:
        reconstructor = RgbdFitReconstructor(PipelineConfig())
        return [reconstruct(reconstructor, one).vertices_m for one in shots()[:3]]

    for first, second in zip(run(), run(), strict=True):
        assert np.array_equal(first, second)


def test_pose_and_shape_of_an_estimate_reproduce_its_mesh(
    reconstructor: RgbdFitReconstructor,
) -> None:
    from hand_object_recon.hand_model.forward import pose_hand

    hand = reconstruct(reconstructor, shots()[0])
    model = load_hand_model("open_hand", hand.side)
    at_origin = pose_hand(model, hand.pose_rad, hand.shape, np.zeros(3))
    wrist = hand.wrist_pose[:3, 3] - at_origin.joint_positions_m[0]
    assert np.abs(at_origin.vertices_m + wrist - hand.vertices_m).max() < 1e-4


def test_visible_joints_are_those_with_skin_measured_in_front_of_them(
    reconstructor: RgbdFitReconstructor,
) -> None:
    one = shots()[0]
    seen = reconstruct(reconstructor, one).joint_visibility
    assert set(np.unique(seen)) <= {0.0, 1.0}
    assert seen.mean() > 0.5
    depth = one.frame.depth_m.copy()
    depth[:, : int(one.detection.box.center[0])] = np.nan
    half = reconstruct(RgbdFitReconstructor(PipelineConfig()), with_depth(one, depth))
    assert half.joint_visibility.sum() < seen.sum()


def test_depth_points_lie_on_the_hand_and_face_the_camera() -> None:
    one = shots()[0]
    assert one.detection.keypoints_px is not None
    points = hand_points(one.frame, one.detection.keypoints_px, one.detection.box, 400)
    assert points is not None
    assert 100 < len(points.points_m) < 800
    assert np.allclose(np.linalg.norm(points.normals, axis=1), 1.0, atol=1e-4)
    assert (np.einsum("nc,nc->n", points.normals, points.points_m) < 0).mean() > 0.99
    vertices = one.truth.posed.vertices_m
    gaps = np.linalg.norm(points.points_m[:, None] - vertices[None], axis=2).min(axis=1)
    assert np.median(gaps) < 0.005
    assert (gaps < 0.02).mean() > 0.97


def test_landmarks_far_from_any_hand_give_no_hand_or_a_finite_one() -> None:
    random = np.random.default_rng(5)
    one = shots()[0]
    for scale in (1.0, 100.0, 1e4, 1e7):
        pixels = np.float32(random.normal(300.0, scale, (21, 2)))
        nonsense = replace(
            one.detection,
            box=BoundingBox.around(pixels, 0.1),
            keypoints_px=pixels,
            relative_keypoints_m=np.float32(random.normal(0.0, 1e3, (21, 3))),
        )
        tracked = TrackedHand(1, nonsense)
        reconstructor = RgbdFitReconstructor(PipelineConfig())
        for hand in reconstructor.reconstruct(one.frame, [tracked]).hands:
            assert np.isfinite(hand.vertices_m).all()
