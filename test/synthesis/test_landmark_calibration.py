"""The calibration finds where landmarks sit on the hand model, for both hands."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.detectors.base import DETECTORS
from hand_object_recon.geometry.projection import project
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.open_hand.pose_space import pose_set_rad
from hand_object_recon.hand_model.pose_differential import HandState, PosedLinearHand, ShapedHand
from hand_object_recon.synthesis.landmark_calibration import (
    FoundViews,
    LandmarkView,
    find_landmarks,
    report,
    residuals_m,
    solve_placement,
)
from hand_object_recon.synthesis.still_views import StillViews

FloatArray = NDArray[np.float64]

CAMERA = CameraIntrinsics(640, 480, 610.0, 605.0, 318.2, 243.9)
JOINT_OF_KEYPOINT = (0, 13, 14, 15, 15, 1, 2, 3, 3, 4, 5, 6, 6, 10, 11, 12, 12, 7, 8, 9, 9)
TIPS = (4, 8, 12, 16, 20)
MIRROR = np.diag([-1.0, 1.0, 1.0])


def true_offsets_m() -> FloatArray:
    return np.random.default_rng(11).normal(0.0, 0.006, (21, 3))


def random_states(count: int, seed: int = 5) -> list[HandState]:
    random = np.random.default_rng(seed)
    poses = pose_set_rad()
    return [
        HandState(
            orientation=axis_angle_to_matrix(random.normal(0.0, 1.2, 3)),
            wrist_m=random.uniform((-0.1, -0.1, 0.4), (0.1, 0.1, 0.7)),
            angles_rad=poses[random.integers(len(poses))].ravel(),
            shape=random.normal(0.0, 0.7, 10),
        )
        for _ in range(count)
    ]


def mirrored(state: HandState) -> HandState:
    """The state of the left hand that is the mirror image in x of the right hand's."""
    return HandState(
        MIRROR @ state.orientation @ MIRROR, MIRROR @ state.wrist_m, state.angles_rad, state.shape
    )


def right_hand_landmarks_m(state: HandState, offsets_m: FloatArray) -> FloatArray:
    """(21, 3) in the camera frame, joint by joint along each finger."""
    model = load_hand_model("open_hand", HandSide.RIGHT)
    rest_joints = model.joint_regressor @ (model.v_template + model.shapedirs @ state.shape)
    rest_tips = (model.v_template + model.shapedirs @ state.shape)[model.tip_vertices]
    rotations, positions = {0: state.orientation}, {0: state.wrist_m}
    for joint in range(1, 16):
        parent = joint - 1 if joint % 3 != 1 else 0
        vector = state.angles_rad.reshape(15, 3)[joint - 1] @ model.joint_axes[joint - 1]
        bone = rest_joints[joint] - rest_joints[parent]
        positions[joint] = positions[parent] + rotations[parent] @ bone
        rotations[joint] = rotations[parent] @ axis_angle_to_matrix(vector)
    landmarks = np.empty((21, 3))
    for keypoint, joint in enumerate(JOINT_OF_KEYPOINT):
        arm = rest_tips[TIPS.index(keypoint)] - rest_joints[joint] if keypoint in TIPS else 0.0
        landmarks[keypoint] = positions[joint] + rotations[joint] @ (arm + offsets_m[keypoint])
    return landmarks


def posed(model: HandModel, state: HandState) -> PosedLinearHand:
    return ShapedHand(model, state.shape).pose(state)


def right_view(state: HandState, shift_px: FloatArray | float = 0.0) -> LandmarkView:
    pixels = project(right_hand_landmarks_m(state, true_offsets_m()), CAMERA)
    hand = posed(load_hand_model("open_hand", HandSide.RIGHT), state)
    return LandmarkView.of(hand, pixels + shift_px, CAMERA)


def left_view(state: HandState) -> LandmarkView:
    """The mirror image of the right hand in ``state``, with its landmarks."""
    pixels = project(right_hand_landmarks_m(state, true_offsets_m()) @ MIRROR, CAMERA)
    hand = posed(load_hand_model("open_hand", HandSide.LEFT), mirrored(state))
    return LandmarkView.of(hand, pixels, CAMERA)


def test_exact_projections_give_the_offsets_back() -> None:
    placement = solve_placement([right_view(state) for state in random_states(40)])
    np.testing.assert_allclose(placement.offsets_m, true_offsets_m(), atol=1e-5)
    assert placement.median_error_m.max() < 1e-5


def test_a_left_hand_is_measured_in_the_frame_of_a_right_one() -> None:
    placement = solve_placement([left_view(state) for state in random_states(40)])
    np.testing.assert_allclose(placement.offsets_m, true_offsets_m(), atol=1e-5)


def test_both_hands_agree_on_one_table() -> None:
    states = random_states(40)
    views = [right_view(state) for state in states[:20]]
    views += [left_view(state) for state in states[20:]]
    placement = solve_placement(views)
    np.testing.assert_allclose(placement.offsets_m, true_offsets_m(), atol=1e-5)


def test_a_fifth_of_wrong_detections_moves_the_offsets_by_less_than_half_a_millimetre() -> None:
    random = np.random.default_rng(8)
    shifts = np.where(random.random((150, 21, 1)) < 0.2, random.normal(0, 60, (150, 21, 2)), 0.0)
    views = [
        right_view(state, shift) for state, shift in zip(random_states(150), shifts, strict=True)
    ]
    placement = solve_placement(views)
    assert np.abs(placement.offsets_m - true_offsets_m()).max() < 5e-4


def test_the_error_is_the_median_distance_across_the_image() -> None:
    random = np.random.default_rng(9)
    views = []
    for state in random_states(600):
        depth_m = right_hand_landmarks_m(state, true_offsets_m())[:, 2:]
        views.append(
            right_view(state, random.normal(0.0, 0.002, (21, 2)) / depth_m * (CAMERA.fx, CAMERA.fy))
        )
    # The median length of two normal components of deviation one is the root of 2 ln 2.
    expected = 0.002 * np.sqrt(2.0 * np.log(2.0))
    np.testing.assert_allclose(solve_placement(views).median_error_m, expected, rtol=0.12)


def test_without_offsets_the_residual_is_the_distance_across_the_image() -> None:
    (state,) = random_states(1)
    keypoints = right_hand_landmarks_m(state, np.zeros((21, 3)))
    hand = posed(load_hand_model("open_hand", HandSide.RIGHT), state)
    shifted = project(keypoints + np.array([0.003, 0.004, 0.0]), CAMERA)
    view = LandmarkView.of(hand, shifted, CAMERA)
    np.testing.assert_allclose(residuals_m([view], np.zeros((21, 3))), 0.005, atol=1e-5)


def test_a_single_view_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="1 views"):
        solve_placement([right_view(random_states(1)[0])])


def test_the_report_gives_a_table_to_paste() -> None:
    views = tuple(right_view(state) for state in random_states(30))
    text = report(FoundViews(views, found=31, rendered=32), solve_placement(views))
    scope = {"np": np, "Final": object}
    exec(text[text.index("_MEDIAPIPE_OFFSETS_MM") : text.index("Median residual")], scope)
    assert text.startswith("32 views, 31 with a hand found, 30 of them with the right side")
    np.testing.assert_allclose(scope["_MEDIAPIPE_OFFSETS_MM"], 1e3 * true_offsets_m(), atol=0.06)
    assert np.shape(scope["_MEDIAPIPE_MEDIAN_ERROR_MM"]) == (21,)


@pytest.mark.slow
def test_views_show_both_sides_inside_the_image_and_repeat_with_their_seed() -> None:
    first, again = StillViews(seed=2), StillViews(seed=2)
    views = [first.take() for _ in range(2)]
    assert [view.side for view in views] == [HandSide.RIGHT, HandSide.LEFT]
    np.testing.assert_array_equal(views[0].frame.rgb, again.take().frame.rgb)
    for view in views:
        columns, rows = np.round(project(view.hand.keypoints_m, view.frame.camera)).astype(int).T
        assert (view.frame.depth_m[rows, columns] < 1.0).mean() > 0.8


@pytest.mark.slow
def test_mediapipe_finds_most_of_the_rendered_hands() -> None:
    pytest.importorskip("mediapipe")
    detector = DETECTORS.load("mediapipe_hands")(PipelineConfig())
    seen: list[int] = []
    views = find_landmarks(detector, StillViews(seed=3), 12, seen.append)
    detector.close()
    assert seen == list(range(1, 13))
    assert views.found >= 9
    assert len(views.used) >= 8
    median_m = np.median(residuals_m(views.used, np.zeros((21, 3))))
    assert median_m < 0.015
