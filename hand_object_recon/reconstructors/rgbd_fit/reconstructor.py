"""The plugin: tracked detections in, hands in metres in the camera optical frame out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import (
    SHAPE_LENGTH,
    BoundingBox,
    HandDetection,
    HandEstimate,
    HandSide,
    HandTopology,
    TrackedHand,
)
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.geometry.background_planes import BackgroundPlanes, arm_box
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.pose_differential import HandState
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput
from hand_object_recon.reconstructors.rgbd_fit.crop_kernels import draw_depth
from hand_object_recon.reconstructors.rgbd_fit.fitter import (
    FitResult,
    HandFitter,
    HandObservation,
    MotionBelief,
)
from hand_object_recon.reconstructors.rgbd_fit.hand_points import (
    SurfaceInView,
    camera_array,
    depth_at,
    hand_points,
)
from hand_object_recon.reconstructors.rgbd_fit.hand_shape import PersonShapes
from hand_object_recon.reconstructors.rgbd_fit.initial_pose import (
    lifted_keypoints,
    reach_keypoints,
)
from hand_object_recon.reconstructors.rgbd_fit.landmarks import MEDIAPIPE
from hand_object_recon.reconstructors.rgbd_fit.track_memory import (
    TrackMemory,
    motion_belief,
    moved_surface,
    object_surfaces,
)

FloatArray = NDArray[np.floating[Any]]

_FIRST_REACH_STEPS: Final = 8
_FIRST_TRIAL_STEPS: Final = 3
_FIRST_FIT_FACTOR: Final = 2
_REACH_STEPS: Final = 1
_TRIAL_STEPS: Final = 1
_HELD_FIT_FACTOR: Final = 2
_LEAST_EXPLAINED: Final = 0.3  # of the surface that faces the camera
_LEAST_AGREEMENT: Final = 0.8  # of that part of it behind which a reading lies
_FARTHEST_HELD_M: Final = 0.05
_OTHER_HANDS_MARGIN: Final = 0.15
_WARM_UP_STEP_NS: Final = 33_000_000
_SEEN_WITHIN_M: Final = 0.025
_SKIN_TO_JOINT_M: Final = 0.008


class RgbdFitReconstructor(Reconstructor):
    """Fits the hand model to 2-D keypoints and depth points, frame by frame.

    Every frame starts from where the hand's motion leads and from the lifted keypoints, and goes
    on from whichever explains the image better, so that neither a wrong landmark nor a wrong past
    holds it. A known hand that the detector misses is fitted to depth alone. A person's hand
    shape is estimated over the first frames that show it open, then held.
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
        self._memory: dict[int, TrackMemory] = {}
        self._shapes = PersonShapes()
        self._objects: tuple[ObjectEstimate, ...] = ()
        self._background = BackgroundPlanes()

    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        self._shapes.enter(
            {hand.track_id: hand.side for hand in hands}, self.config.rgbd_fit.shape_frames
        )
        self._background.update(frame, [_arm(hand.detection) for hand in hands])
        objects = object_surfaces(self._objects, self._memory, frame.stamp_ns)
        estimates = []
        for hand in hands:
            others = self._other_hands(frame, hand, hands)
            estimates.append(self._reconstruct_one(frame, hand, [*objects, *others]))
        return ReconstructorOutput(hands=tuple(one for one in estimates if one is not None))

    def expect_objects(self, objects: Sequence[ObjectEstimate]) -> None:
        self._objects = tuple(objects)

    def warm_up(self) -> None:
        """Compile what a first frame needs: find two hands, then follow one and hold the other."""
        fitter = self._fitters[HandSide.RIGHT]
        camera = CameraIntrinsics(width=320, height=240, fx=300.0, fy=300.0, cx=160.0, cy=120.0)
        in_view = HandState(
            np.eye(3), np.array([0.1, 0.0, 0.5]), fitter.mean_angles_rad, np.zeros(SHAPE_LENGTH)
        )
        posed = fitter.fit(in_view, HandObservation(None, camera, None), 0)
        surface = SurfaceInView(posed.vertices_m, fitter.model.faces)
        pixels = np.asarray(project(fitter.landmarks_m(in_view), camera), np.float32)
        detection = HandDetection(HandSide.RIGHT, 1.0, BoundingBox.around(pixels), pixels)
        missed = replace(detection, keypoints_px=None, is_followed=True)
        for stamp_ns, second in ((0, detection), (_WARM_UP_STEP_NS, missed)):
            frame = _drawn(surface, camera, stamp_ns)
            self.reconstruct(frame, [TrackedHand(0, detection), TrackedHand(1, second)])
        self.reset()

    def topologies(self) -> tuple[HandTopology, ...]:
        return tuple(fitter.model.topology for fitter in self._fitters.values())

    def forget(self, track_id: int) -> None:
        self._memory.pop(track_id, None)
        self._shapes.forget(track_id)

    def reset(self) -> None:
        self._memory.clear()
        self._shapes = PersonShapes()
        self._objects = ()
        self._background.reset()

    def _reconstruct_one(
        self, frame: RgbdFrame, hand: TrackedHand, occluders: Sequence[SurfaceInView]
    ) -> HandEstimate | None:
        memory = self._memory.get(hand.track_id)
        if memory and not (memory.side is hand.side and memory.is_recent(frame.stamp_ns)):
            memory = None
        if memory is None:
            result = self._found(frame, hand, occluders)
        elif hand.detection.keypoints_px is None:
            result = self._held(frame, hand, memory, occluders)
        else:
            result = self._followed(frame, hand, memory, occluders)
        if result is None:
            return None
        fitter = self._fitters[hand.side]
        remembered = TrackMemory(
            side=hand.side,
            stamp_ns=frame.stamp_ns,
            state=result.state,
            surface=SurfaceInView(result.vertices_m, fitter.model.faces),
            box=hand.detection.box,
            was_detected=hand.detection.keypoints_px is not None,
            turned_rad_s=np.zeros(3),
            moved_m_s=np.zeros(3),
        )
        self._memory[hand.track_id] = remembered.motion_since(memory)
        return _estimate(fitter, frame, hand, result)

    def _found(
        self, frame: RgbdFrame, hand: TrackedHand, occluders: Sequence[SurfaceInView]
    ) -> FitResult | None:
        """Fit a hand nothing is known of yet, from its keypoints lifted with depth."""
        observation = self._observed(frame, hand.detection.keypoints_px, hand, occluders, None)
        return None if observation is None else self._afresh(frame, hand, observation)

    def _afresh(
        self, frame: RgbdFrame, hand: TrackedHand, observation: HandObservation
    ) -> FitResult | None:
        fitter, shape = self._fitters[hand.side], self._shapes.of(hand.track_id)
        rest = HandState(np.eye(3), np.zeros(3), fitter.mean_angles_rad, shape.mean)
        starts = [
            reach_keypoints(fitter, targets, rest, _FIRST_REACH_STEPS)
            for targets in lifted_keypoints(frame, hand.detection)
        ]
        start = _best_start(fitter, starts, observation, _FIRST_TRIAL_STEPS, None)
        steps = _FIRST_FIT_FACTOR * self.config.rgbd_fit.iterations
        return None if start is None else self._learned(hand, start, observation, steps, None)

    def _followed(
        self,
        frame: RgbdFrame,
        hand: TrackedHand,
        memory: TrackMemory,
        occluders: Sequence[SurfaceInView],
    ) -> FitResult | None:
        """Fit a known hand that was detected, from where its motion leads or from its keypoints,
        whichever explains the frame better."""
        fitter, shape = self._fitters[hand.side], self._shapes.of(hand.track_id)
        expected = replace(memory.leads_to(frame.stamp_ns), shape=shape.mean)
        surface = moved_surface(memory.surface, memory.state, expected)
        keypoints = hand.detection.keypoints_px
        observation = self._observed(frame, keypoints, hand, occluders, surface)
        if observation is None:
            return None
        starts = [expected]
        reach_steps = _REACH_STEPS if memory.was_detected else _FIRST_REACH_STEPS
        for targets in lifted_keypoints(frame, hand.detection)[:1]:
            starts.append(reach_keypoints(fitter, targets, expected, reach_steps))
        motion = motion_belief(expected) if memory.was_detected else None
        start = _best_start(fitter, starts, observation, _TRIAL_STEPS, motion)
        if start is None:
            return None
        steps = self.config.rgbd_fit.iterations
        result = self._learned(hand, start, observation, steps, motion)
        if _agrees(result):
            return result
        afresh = self._afresh(frame, hand, observation)
        return afresh if afresh is not None and afresh.cost < result.cost else result

    def _held(
        self,
        frame: RgbdFrame,
        hand: TrackedHand,
        memory: TrackMemory,
        occluders: Sequence[SurfaceInView],
    ) -> FitResult | None:
        """Fit a known hand that was not detected by depth alone, from where its motion or its
        followed box leads; None where what is found does not explain the depth."""
        fitter, shape = self._fitters[hand.side], self._shapes.of(hand.track_id)
        expected = replace(memory.leads_to(frame.stamp_ns), shape=shape.mean)
        shifted = replace(_moved_with_box(memory, hand, frame.camera), shape=shape.mean)
        surface = moved_surface(memory.surface, memory.state, shifted)
        pixels = project(fitter.landmarks_m(shifted), frame.camera)
        observation = self._observed(frame, pixels, hand, occluders, surface)
        if observation is None:
            return None
        blind = replace(observation, keypoints_px=None)
        motion = motion_belief(expected)
        start = _best_start(fitter, [expected, shifted], blind, _TRIAL_STEPS, motion)
        if start is None:
            return None
        steps = _HELD_FIT_FACTOR * self.config.rgbd_fit.iterations
        result = fitter.fit(start.state, blind, steps, motion)
        is_hand = _is_explained(result) and _is_near(result.state, expected, shifted)
        return result if is_hand else None

    def _learned(
        self,
        hand: TrackedHand,
        start: FitResult,
        observation: HandObservation,
        steps: int,
        motion: MotionBelief | None,
    ) -> FitResult:
        """Go on fitting, and learn the hand's shape where the frame shows it well."""
        shape, result = self._shapes.of(hand.track_id).fit(
            self._fitters[hand.side], start, observation, steps, motion
        )
        if _agrees(result):
            self._shapes.learn(hand.track_id, shape)
        return result

    def _observed(
        self,
        frame: RgbdFrame,
        keypoints_px: FloatArray | None,
        hand: TrackedHand,
        occluders: Sequence[SurfaceInView],
        expected: SurfaceInView | None,
    ) -> HandObservation | None:
        """What the frame shows of a hand at these keypoints; None where no depth was measured."""
        if keypoints_px is None or not np.isfinite(keypoints_px).all():
            return None
        most_points = self.config.rgbd_fit.max_depth_points
        box = hand.detection.box
        points = hand_points(
            frame, keypoints_px, box, most_points, occluders, expected, self._background
        )
        return None if points is None else HandObservation(keypoints_px, frame.camera, points)

    def _other_hands(
        self, frame: RgbdFrame, hand: TrackedHand, hands: Sequence[TrackedHand]
    ) -> list[SurfaceInView]:
        """The known hands whose boxes touch this one's, where they are expected."""
        box = hand.detection.box.grown(_OTHER_HANDS_MARGIN)
        surfaces = []
        for other in hands:
            memory = self._memory.get(other.track_id)
            if other is hand or memory is None:
                continue
            if box.intersection_over_union(other.detection.box) > 0.0:
                expected = memory.leads_to(frame.stamp_ns)
                surfaces.append(moved_surface(memory.surface, memory.state, expected))
        return surfaces


def _arm(detection: HandDetection) -> BoundingBox:
    keypoints = detection.keypoints_px
    return detection.box if keypoints is None else arm_box(keypoints)


def _drawn(surface: SurfaceInView, camera: CameraIntrinsics, stamp_ns: int) -> RgbdFrame:
    """A frame that shows nothing but a surface."""
    depth = np.full((camera.height, camera.width), np.inf, dtype=np.float32)
    draw_depth(surface.vertices_m, surface.faces, camera_array(camera), np.array([0, 0, 1]), depth)
    depth[np.isinf(depth)] = np.nan
    return RgbdFrame(np.zeros((*depth.shape, 3), np.uint8), depth, camera, stamp_ns, "warm_up")


def _best_start(
    fitter: HandFitter,
    starts: Sequence[HandState],
    observation: HandObservation,
    steps: int,
    motion: MotionBelief | None,
) -> FitResult | None:
    """What explains the frame best after a few steps, out of several starts."""
    trials = [fitter.fit(start, observation, steps, motion) for start in starts]
    return min(trials, key=lambda trial: trial.cost, default=None)


def _is_explained(result: FitResult) -> bool:
    return result.explained > _LEAST_EXPLAINED and _agrees(result)


def _agrees(result: FitResult) -> bool:
    """Whether the depth that could contradict a fit hardly does."""
    seen = result.explained + result.contradicted
    return result.explained > _LEAST_AGREEMENT * seen


def _is_near(found: HandState, *expected: HandState) -> bool:
    """Whether a hand is where it can have come to, not on some other surface."""
    away_m = min(float(np.linalg.norm(found.wrist_m - one.wrist_m)) for one in expected)
    return away_m < _FARTHEST_HELD_M


def _moved_with_box(memory: TrackMemory, hand: TrackedHand, camera: CameraIntrinsics) -> HandState:
    """The last state moved across the view as its box was."""
    to_side = np.subtract(hand.detection.box.center, memory.box.center)
    moved = memory.state.wrist_m.copy()
    moved[:2] += to_side / [camera.fx, camera.fy] * moved[2]
    return replace(memory.state, wrist_m=moved)


def _estimate(
    fitter: HandFitter, frame: RgbdFrame, hand: TrackedHand, result: FitResult
) -> HandEstimate:
    pose = fitter.pose_rad(result.state)
    wrist_pose = np.eye(4)
    wrist_pose[:3, :3], wrist_pose[:3, 3] = result.state.orientation, result.state.wrist_m
    return HandEstimate(
        track_id=hand.track_id,
        side=hand.side,
        score=hand.detection.score,
        joints_m=result.keypoints_m,
        joint_visibility=_visibility(frame, result.keypoints_m),
        vertices_m=result.vertices_m,
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
