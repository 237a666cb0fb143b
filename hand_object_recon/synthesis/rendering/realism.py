"""Whether a hand detector trained on photographs finds the rendered hands.

``python -m hand_object_recon.synthesis.rendering.realism --hands 500 --seed 0`` renders hands of
all skins in all rooms and prints how many are found and how far off their landmarks are.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import HandObjectReconError
from hand_object_recon.core.hands import HandDetection, HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT, MIDDLE_MCP
from hand_object_recon.detectors.base import DETECTORS, Detector
from hand_object_recon.geometry.projection import project
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.forward import HandPoser, PosedHand
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.open_hand.pose_space import pose_set_rad, to_axis_angle
from hand_object_recon.hand_model.pose_differential import AttachedPoints
from hand_object_recon.synthesis.cameras import draw_third_person_pose
from hand_object_recon.synthesis.landmark_calibration import (
    LandmarkView,
    residuals_m,
    solve_placement,
)
from hand_object_recon.synthesis.rendering.arm_bodies import arm_bodies
from hand_object_recon.synthesis.rendering.cloth import draw_cloth
from hand_object_recon.synthesis.rendering.environment import draw_environment
from hand_object_recon.synthesis.rendering.renderer import render
from hand_object_recon.synthesis.rendering.scene import Scene
from hand_object_recon.synthesis.rendering.skin import draw_skin

FloatArray = NDArray[np.floating[Any]]

_CAMERA: Final = CameraIntrinsics(640, 480, 612.0, 612.0, 319.5, 239.5)
_DISTANCE_M: Final = (0.35, 0.8)
_SHAPE_DEVIATION: Final = 0.7
_TURN_DEVIATIONS_RAD: Final = (0.4, 0.6, 0.8)  # pitch, yaw, roll from fingers up in the picture
_ELBOW_REACH_M: Final = 0.3
_NEAREST_ELBOW_M: Final = 0.2
_BARE_ARM_CHANCE: Final = 0.25
_SAME_HAND_PX: Final = 60.0


@dataclass(frozen=True, eq=False)
class RenderedHand:
    """A picture of one hand, and the true hand in it.

    keypoints_m
        (21, 3) in the camera optical frame.
    to_camera
        (21, 3, 3) from the rest frames of a right hand's joints; see ``LandmarkView``.
    """

    frame: RgbdFrame
    side: HandSide
    keypoints_m: FloatArray
    to_camera: FloatArray

    @property
    def keypoints_px(self) -> FloatArray:
        """(21, 2) pixels."""
        return project(self.keypoints_m, self.frame.camera)

    def view(self, landmarks_px: FloatArray) -> LandmarkView:
        """The hand as one in which (21, 2) landmarks were found."""
        camera = self.frame.camera
        centered = landmarks_px - np.array([camera.cx, camera.cy])
        rays = centered / np.array([camera.fx, camera.fy])
        return LandmarkView(self.keypoints_m, self.to_camera, rays)


@dataclass(frozen=True, eq=False)
class Realism:
    """How a detector did on ``rendered`` hands: the views in which it found one, and how many of
    these it gave the right side."""

    rendered: int
    views: tuple[LandmarkView, ...]
    right_side: int

    def keypoint_errors_px(self) -> FloatArray:
        """(found, 21) pixels between landmarks and keypoints."""
        return self._errors_px(np.zeros((KEYPOINT_COUNT, 3)))

    def landmark_errors_px(self) -> FloatArray:
        """(found, 21) pixels between landmarks and where the detector sees them on the hand on
        average: a detector's landmarks need not be our keypoints."""
        return self._errors_px(solve_placement(self.views).offsets_m)

    def report(self) -> str:
        """How many are found and how far off, as lines of text."""
        found = len(self.views)
        return "\n".join(
            [
                f"{self.rendered} hands rendered, {found} found ({found / self.rendered:.1%}), "
                f"{self.right_side} with the right side",
                _error_line("to the keypoints", self.keypoint_errors_px()),
                _error_line("to the landmarks' mean place", self.landmark_errors_px()),
            ]
        )

    def _errors_px(self, offsets_m: FloatArray) -> FloatArray:
        depth_m = np.stack([view.keypoints_m[:, 2] for view in self.views])
        return np.asarray(_CAMERA.fx * residuals_m(self.views, offsets_m) / depth_m)


def rendered_hands(seed: int) -> Iterator[RenderedHand]:
    """Endless pictures, 640 x 480, of left and right hands in turn, wholly in the picture.

    Poses are the model's own, palm or back more or less to the camera.
    """
    random, number = np.random.default_rng(seed), 0
    while True:
        side = HandSide.RIGHT if number % 2 == 0 else HandSide.LEFT
        hand = _draw_hand(side, number, random)
        if hand is not None:
            number += 1
            yield hand


def measure(
    detector: Detector,
    hands: Iterator[RenderedHand],
    count: int,
    on_hand: Callable[[int], None] = lambda done: None,
) -> Realism:
    """Let the detector look for ``count`` hands, each picture as if it were its first.

    A hand counts as found if the landmarks of a detection are within 60 pixels of its keypoints
    on average.

    on_hand
        Called after each hand with the number of hands done, for a progress display.
    """
    views: list[LandmarkView] = []
    right_side = 0
    for number in range(count):
        hand = next(hands)
        detector.reset()
        found = _nearest(detector.detect(hand.frame), hand)
        if found is not None:
            landmarks_px, side = found
            views.append(hand.view(landmarks_px))
            right_side += side is hand.side
        on_hand(number + 1)
    return Realism(count, tuple(views), right_side)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the configured detector and print the result."""
    options = _options(arguments)
    try:
        detector = DETECTORS.load(options.detector)(PipelineConfig())
        realism = measure(detector, rendered_hands(options.seed), options.hands, _print_progress)
        detector.close()
        print(realism.report())
    except HandObjectReconError as error:
        sys.exit(f"error: {error}")


def _nearest(
    detections: Sequence[HandDetection], hand: RenderedHand
) -> tuple[FloatArray, HandSide] | None:
    """Landmarks and side of the detection nearest to a hand, or None if none is near it."""
    best: tuple[FloatArray, HandSide] | None = None
    least_px = _SAME_HAND_PX
    for detection in detections:
        if detection.keypoints_px is not None:
            away = np.linalg.norm(detection.keypoints_px - hand.keypoints_px, axis=1)
            if away.mean() < least_px:
                best, least_px = (detection.keypoints_px, detection.side), float(away.mean())
    return best


def _error_line(name: str, errors_px: FloatArray) -> str:
    of_hands = errors_px.mean(axis=1)
    return (
        f"{name}: median {np.median(errors_px):.1f} px, mean {errors_px.mean():.1f} px; "
        f"mean of a hand's landmarks below {np.percentile(of_hands, 90):.1f} px in 90 % of hands"
    )


def _draw_hand(side: HandSide, number: int, random: np.random.Generator) -> RenderedHand | None:
    """A picture, or None where the hand is not wholly in it."""
    pose = draw_third_person_pose(random, np.zeros(3), _DISTANCE_M)
    model = load_hand_model("open_hand", side)
    posed = _draw_pose(model, pose[:3, 3], random)
    pixels = project(posed.joints_m, _CAMERA)
    if not ((pixels > 0) & (pixels < [_CAMERA.width, _CAMERA.height])).all():
        return None
    sleeve = None if random.random() < _BARE_ARM_CHANCE else draw_cloth(random)
    bodies = arm_bodies(model, posed, _elbow_m(posed), draw_skin(random), sleeve)
    scene = Scene(bodies, _CAMERA, draw_environment(random), pose)
    picture = render(scene, random)
    frame = RgbdFrame(picture.rgb, picture.depth_m, _CAMERA, number, "camera")
    mirror = 1.0 if side is HandSide.RIGHT else -1.0
    turns = posed.joint_rotations[AttachedPoints.keypoints(model).joints]
    return RenderedHand(frame, side, posed.joints_m, turns * np.array([mirror, 1.0, 1.0]))


def _draw_pose(model: HandModel, knuckle_m: FloatArray, random: np.random.Generator) -> PosedHand:
    """A hand of the model's pose set with its middle knuckle at a point of the camera frame."""
    poses_rad = pose_set_rad()
    fingers = to_axis_angle(poses_rad[random.integers(len(poses_rad))], model.joint_axes)
    orientation = matrix_to_axis_angle(_draw_orientation(model.side, random))
    pose_rad = np.concatenate([orientation, fingers.ravel()])
    poser = HandPoser(model, _SHAPE_DEVIATION * random.standard_normal(SHAPE_COUNT))
    return poser.pose(pose_rad, knuckle_m - poser.pose(pose_rad).joints_m[MIDDLE_MCP])


def _draw_orientation(side: HandSide, random: np.random.Generator) -> FloatArray:
    """(3, 3): finger tips up, the palm or the back to the camera, then turned about."""
    sign = 1.0 if side is HandSide.RIGHT else -1.0
    palm_to_camera = np.array([[0.0, 0.0, sign], [sign, 0.0, 0.0], [0.0, 1.0, 0.0]])
    pitch, yaw, roll = _TURN_DEVIATIONS_RAD * random.standard_normal(3)
    angles = (pitch, yaw + np.pi * random.integers(2), roll)
    about_x, about_y, about_z = (
        axis_angle_to_matrix(angle * axis) for angle, axis in zip(angles, np.eye(3), strict=True)
    )
    return np.asarray(about_z @ about_x @ about_y @ palm_to_camera)


def _elbow_m(posed: PosedHand) -> FloatArray:
    """(3,) straight behind the hand, and never close to the camera."""
    out_of_hand = posed.joints_m[0] - posed.joints_m[MIDDLE_MCP]
    elbow = posed.joints_m[0] + _ELBOW_REACH_M * out_of_hand / np.linalg.norm(out_of_hand)
    elbow[2] = max(elbow[2], _NEAREST_ELBOW_M)
    return np.asarray(elbow)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hands", type=int, default=500, help="hands to render")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random")
    parser.add_argument(
        "--detector",
        default=PipelineConfig().detector,
        help="detector plugin: name or package.module:Class",
    )
    return parser.parse_args(arguments)


def _print_progress(done: int) -> None:
    print(f"\r{done} hands", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
