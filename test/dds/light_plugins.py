"""Plugins that take next to no time, for what is about messages and not about hands."""

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
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.detectors.base import Detector
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput

NEAR_M = 0.65


class NearestBlob(Detector):
    """Whatever is near is a right hand."""

    card: ClassVar[PluginCard] = PluginCard("nearest_blob", "what is near", "Apache-2.0")

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        rows, columns = np.nonzero(frame.depth_m < NEAR_M)
        if not len(rows):
            return []
        box = BoundingBox(
            float(columns.min()), float(rows.min()), columns.max() + 1.0, rows.max() + 1.0
        )
        return [HandDetection(HandSide.RIGHT, 0.9, box)]


class StillHand(Reconstructor):
    """The same flat hand where the box is."""

    card: ClassVar[PluginCard] = PluginCard(
        "still_hand", "a hand that does not move", "Apache-2.0", is_metric=True
    )

    def __init__(self, config: PipelineConfig) -> None:
        super().__init__(config)
        model = load_hand_model(config.hand_model, HandSide.RIGHT)
        self._topology = model.topology
        self._posed = pose_hand(
            model, np.zeros(48, np.float32), np.zeros(10, np.float32), np.zeros(3, np.float32)
        )

    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        return ReconstructorOutput(tuple(self._estimate(frame, hand) for hand in hands))

    def topologies(self) -> tuple[HandTopology, ...]:
        return (self._topology,)

    def _estimate(self, frame: RgbdFrame, hand: TrackedHand) -> HandEstimate:
        box = hand.detection.box
        row, column = (int(box.y_min + box.y_max) // 2, int(box.x_min + box.x_max) // 2)
        z_m = float(frame.depth_m[row, column])
        camera = frame.camera
        at_m = np.array(
            [(column - camera.cx) * z_m / camera.fx, (row - camera.cy) * z_m / camera.fy, z_m]
        )
        return HandEstimate(
            track_id=hand.track_id,
            side=hand.side,
            score=0.9,
            joints_m=self._posed.joints_m,
            joint_visibility=np.ones(21, np.float32),
            vertices_m=self._posed.vertices_m,
            topology=self._topology.name,
            wrist_pose=self._posed.wrist_pose,
            pose_rad=np.zeros(48, np.float32),
            shape=np.zeros(10, np.float32),
        ).moved(at_m)


class OtherStillHand(StillHand):
    card: ClassVar[PluginCard] = PluginCard(
        "other_still_hand", "another name", "Apache-2.0", is_metric=True
    )
