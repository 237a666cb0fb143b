"""Plugins for the nodes' tests: a light one, one that cannot start, one that fails on frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandEstimate,
    HandSide,
    HandTopology,
    TrackedHand,
)
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.detectors.base import Detector
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput

BOX = np.float32([[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]])
FACES = np.int32([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])


class Somewhere(Detector):
    """A right hand in the middle of every image."""

    card: ClassVar[PluginCard] = PluginCard("somewhere", "a box in the middle", "Apache-2.0")

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        height, width = frame.depth_m.shape
        box = BoundingBox(0.4 * width, 0.4 * height, 0.6 * width, 0.6 * height)
        return [HandDetection(HandSide.RIGHT, 0.9, box)]


class Light(Reconstructor):
    """The same hand and object half a metre before the camera."""

    card: ClassVar[PluginCard] = PluginCard(
        "light", "a hand that does not move", "Apache-2.0", is_metric=True, gives_object=True
    )

    def __init__(self, config: PipelineConfig) -> None:
        super().__init__(config)
        model = load_hand_model(config.hand_model, HandSide.RIGHT)
        self._topology = model.topology
        pose, shape = np.zeros(48, np.float32), np.zeros(10, np.float32)
        posed = pose_hand(model, pose, shape, np.float32([0.0, 0.0, 0.5]))
        self._hand = HandEstimate(
            track_id=0,
            side=HandSide.RIGHT,
            score=0.9,
            joints_m=posed.joints_m,
            joint_visibility=np.ones(21, np.float32),
            vertices_m=posed.vertices_m,
            topology=model.topology.name,
            wrist_pose=posed.wrist_pose,
            pose_rad=pose,
            shape=shape,
        )

    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        from dataclasses import replace

        estimates = tuple(replace(self._hand, track_id=hand.track_id) for hand in hands)
        pose = np.eye(4)
        pose[2, 3] = 0.6
        return ReconstructorOutput(estimates, (ObjectEstimate(1, 0.5, pose, BOX, FACES),))

    def topologies(self) -> tuple[HandTopology, ...]:
        return (self._topology,)


class OtherLight(Light):
    card: ClassVar[PluginCard] = PluginCard(
        "other_light", "another name", "Apache-2.0", is_metric=True, gives_object=True
    )


class CannotStart(Light):
    card: ClassVar[PluginCard] = PluginCard("cannot_start", "fails", "Apache-2.0", is_metric=True)

    def warm_up(self) -> None:
        raise RuntimeError("the weights are torn")


class FailsOnFrames(Light):
    card: ClassVar[PluginCard] = PluginCard("fails", "fails", "Apache-2.0", is_metric=True)

    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        raise RuntimeError("out of memory")
