"""The plugin: tracked detections in, hands in metres in the camera optical frame out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import (
    SHAPE_LENGTH,
    HandEstimate,
    HandSide,
    HandTopology,
    TrackedHand,
)
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.pose_differential import HandState
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput
from hand_object_recon.reconstructors.rgbd_fit.fitter import (
    FitResult,
    HandFitter,
    HandObservation,
)
from hand_object_recon.reconstructors.rgbd_fit.hand_points import depth_at, hand_points
from hand_object_recon.reconstructors.rgbd_fit.hand_shape import ShapeEstimate
from hand_object_recon.reconstructors.rgbd_fit.initial_pose import (
    lifted_keypoints,
    reach_keypoints,
)
from hand_object_recon.reconstructors.rgbd_fit.landmarks import MEDIAPIPE

FloatArray = NDArray[np.floating[Any]]

_FIRST_REACH_STEPS: Final = 8
_FIRST_TRIAL_STEPS: Final = 3
_FIRST_FIT_FACTOR: Final = 2
_REACH_STEPS: Final = 1
_TRIAL_STEPS: Final = 1
_HOPELESS: Final = 2.0  # times the best start's cost; no few steps make up for that
_SEEN_WITHIN_M: Final = 0.025
_SKIN_TO_JOINT_M: Final = 0.008


@dataclass(frozen=True, eq=False)
class _TrackMemory:
    """What is kept of a track: side, last state, last box centre (pixels), shape so far."""

    side: HandSide
    state: HandState
    box_center: tuple[float, float]
    shape: ShapeEstimate


class RgbdFitReconstructor(Reconstructor):
    """Fits the hand model to 2-D keypoints and depth points, frame by frame.

    Every frame starts from the last one's pose and from the lifted keypoints, and goes on from
    whichever explains the image better, so that neither a wrong landmark nor a wrong past holds
    it. The hand's shape is estimated over the first frames that show it open, then held.
    """

    card: ClassVar[PluginCard] = PluginCard(
        name="rgbd_fit",
        summary="hand model fitted to keypoints and depth, in metres; needs no training",
        licence="Apache-2.0",
        needs_depth=True,
        is_metric=True,
    )

    def __init__(self, config: PipelineConfig) -> None:
        super().__init__(config)
        models = {side: load_hand_model(config.hand_model, side) for side in HandSide}
        self._fitters = {side: HandFitter(model, MEDIAPIPE) for side, model in models.items()}
        self._memory: dict[int, _TrackMemory] = {}

    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        estimates = [self._reconstruct_one(frame, hand) for hand in hands]
        return ReconstructorOutput(hands=tuple(one for one in estimates if one is not None))

    def warm_up(self) -> None:
        camera = CameraIntrinsics(width=640, height=480, fx=600.0, fy=600.0, cx=320.0, cy=240.0)
        for fitter in self._fitters.values():
            in_view = HandState(
                np.eye(3), np.array([0.1, 0.0, 0.5]), fitter.prior.mean_rad, np.zeros(SHAPE_LENGTH)
            )
            landmarks = fitter.shaped(in_view.shape).pose(in_view).attached(fitter.landmarks)
            fitter.fit(in_view, HandObservation(project(landmarks, camera), camera, None), 1)

    def topologies(self) -> tuple[HandTopology, ...]:
        return tuple(fitter.model.topology for fitter in self._fitters.values())

    def forget(self, track_id: int) -> None:
        self._memory.pop(track_id, None)

    def reset(self) -> None:
        self._memory.clear()

    def _reconstruct_one(self, frame: RgbdFrame, hand: TrackedHand) -> HandEstimate | None:
        memory = self._memory.get(hand.track_id)
        if memory is not None and memory.side is not hand.side:
            memory = None
        fitter = self._fitters[hand.side]
        keypoints = self._keypoints(fitter, frame, hand, memory)
        if keypoints is None:
            return None
        points = hand_points(
            frame, keypoints, hand.detection.box, self.config.rgbd_fit.max_depth_points
        )
        if points is None:
            return None
        observation = HandObservation(keypoints.astype(np.float64), frame.camera, points)
        shape = memory.shape if memory else ShapeEstimate.unknown(self.config.rgbd_fit.shape_frames)
        start = self._start(frame, hand, memory, shape, observation)
        if start is None:
            return None
        steps = self.config.rgbd_fit.iterations * (1 if memory else _FIRST_FIT_FACTOR)
        shape, result = shape.fit(fitter, start, observation, steps)
        box_center = hand.detection.box.center
        self._memory[hand.track_id] = _TrackMemory(hand.side, result.state, box_center, shape)
        return _estimate(fitter, frame, hand, result)

    def _keypoints(
        self,
        fitter: HandFitter,
        frame: RgbdFrame,
        hand: TrackedHand,
        memory: _TrackMemory | None,
    ) -> FloatArray | None:
        """(21, 2) the detector's keypoints, or the last frame's moved along with the box."""
        detected = hand.detection.keypoints_px
        if detected is not None:
            return detected
        if memory is None:
            return None
        last = fitter.shaped(memory.state.shape).pose(memory.state).attached(fitter.landmarks)
        moved = np.subtract(hand.detection.box.center, memory.box_center)
        return np.asarray(project(last, frame.camera) + moved)

    def _start(
        self,
        frame: RgbdFrame,
        hand: TrackedHand,
        memory: _TrackMemory | None,
        shape: ShapeEstimate,
        observation: HandObservation,
    ) -> FitResult | None:
        """What explains the frame best after a few steps, out of several starts."""
        fitter = self._fitters[hand.side]
        lifted = lifted_keypoints(frame, hand.detection)
        if memory is None:
            rest = HandState(np.eye(3), np.zeros(3), fitter.prior.mean_rad, shape.mean)
            starts = [
                reach_keypoints(fitter, targets, rest, _FIRST_REACH_STEPS) for targets in lifted
            ]
            trial_steps = _FIRST_TRIAL_STEPS
        else:
            last = replace(memory.state, shape=shape.mean)
            starts = [last]
            starts += [reach_keypoints(fitter, one, last, _REACH_STEPS) for one in lifted[:1]]
            trial_steps = _TRIAL_STEPS
        if not starts:
            return None
        seen = [fitter.fit(start, observation, 0) for start in starts]
        worth_a_try = _HOPELESS * min(one.cost for one in seen)
        trials = [
            fitter.fit(one, observation, trial_steps) for one in seen if one.cost <= worth_a_try
        ]
        return min(trials, key=lambda trial: trial.cost)


def _estimate(
    fitter: HandFitter, frame: RgbdFrame, hand: TrackedHand, result: FitResult
) -> HandEstimate:
    posed = result.hand
    pose, _ = posed.shaped.model_parameters(result.state)
    wrist_pose = np.eye(4)
    wrist_pose[:3, :3], wrist_pose[:3, 3] = result.state.orientation, result.state.wrist_m
    return HandEstimate(
        track_id=hand.track_id,
        side=hand.side,
        score=hand.detection.score,
        joints_m=posed.keypoints_m,
        joint_visibility=_visibility(frame, posed.keypoints_m),
        vertices_m=posed.vertices_m,
        topology=fitter.model.topology.name,
        wrist_pose=wrist_pose,
        pose_rad=pose,
        shape=result.state.shape,
    )


def _visibility(frame: RgbdFrame, keypoints_m: FloatArray) -> FloatArray:
    """(21,) float32: 1 where the camera measured skin just in front of the joint, else 0."""
    pixels = project(keypoints_m, frame.camera)
    if not np.isfinite(pixels).all():
        return np.zeros(KEYPOINT_COUNT, dtype=np.float32)
    gap = keypoints_m[:, 2] - _SKIN_TO_JOINT_M - depth_at(frame.depth_m, pixels, radius=1)
    return np.asarray(np.abs(gap) < _SEEN_WITHIN_M, dtype=np.float32)
