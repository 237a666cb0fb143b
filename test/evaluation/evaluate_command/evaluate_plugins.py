"""Reconstructors that give the true hand, each with an error of its own.

A frame's number is its colour.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
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
from hand_object_recon.hand_model.hand_poser import HandPoser
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput

FloatArray = NDArray[np.floating[Any]]

MODEL = load_hand_model("open_hand", HandSide.RIGHT)
PLACE_M = np.array([-0.05, 0.02, 0.5])
HAND = HandPoser(MODEL, np.zeros(10)).pose(np.zeros(48), PLACE_M)


class OneHand(Detector):
    card: ClassVar[PluginCard] = PluginCard("one_hand", "a hand, always", "MIT")

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        return [HandDetection(HandSide.RIGHT, 1.0, BoundingBox(0, 0, 63, 47))]


class NoHand(Detector):
    card: ClassVar[PluginCard] = PluginCard("no_hand", "no hand, ever", "MIT")

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        return []


class Exact(Reconstructor):
    card: ClassVar[PluginCard] = PluginCard("exact", "the truth", "MIT", is_metric=True)

    def topologies(self) -> tuple[HandTopology, ...]:
        return (MODEL.topology,)

    def error_m(self, number: int) -> FloatArray:
        return np.zeros(3)

    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        number = round(frame.rgb.mean() / 10)
        made = [self.hand(hand, self.error_m(number)) for hand in hands]
        return ReconstructorOutput(tuple(made), self.objects())

    def hand(self, hand: TrackedHand, error_m: FloatArray) -> HandEstimate:
        return HandEstimate(
            hand.track_id,
            hand.side,
            1.0,
            HAND.joints_m + error_m,
            np.ones(21),
            HAND.vertices_m + error_m,
            MODEL.topology.name,
            np.eye(4),
            np.zeros(48, np.float32),
            np.zeros(10, np.float32),
        )

    def objects(self) -> tuple[ObjectEstimate, ...]:
        return ()


class WhereDetected(Exact):
    """The true hand, off by as many millimetres as the detection is by pixels; by a metre where its
    box does not hold the hand or it has no keypoints."""

    def hand(self, hand: TrackedHand, error_m: FloatArray) -> HandEstimate:
        true_px = 80.0 * HAND.joints_m[:, :2] / HAND.joints_m[:, 2:] + [31.5, 23.5]
        found_px, box = hand.detection.keypoints_px, hand.detection.box
        low, high = [box.x_min, box.y_min], [box.x_max, box.y_max]
        off_m = 1.0
        if found_px is not None and ((true_px > low) & (true_px < high)).all():
            off_m = 1e-3 * float(np.abs(found_px - true_px).max())
        return super().hand(hand, np.array([off_m, 0.0, 0.0]))


class Shifted(Exact):
    def error_m(self, number: int) -> FloatArray:
        return np.array([0.003, 0.0, 0.004])


class Growing(Exact):
    """One millimetre more every frame."""

    def error_m(self, number: int) -> FloatArray:
        return np.array([0.0, 0.0, 0.001 * number])


class SometimesNan(Exact):
    def error_m(self, number: int) -> FloatArray:
        return np.full(3, np.nan if number % 3 == 0 else 0.0)


class Blind(Exact):
    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        return ReconstructorOutput()


class WithObject(Exact):
    def objects(self) -> tuple[ObjectEstimate, ...]:
        pose = np.eye(4)
        pose[:3, 3] = (0.0, 0.0, 0.502)
        corners = 0.02 * np.array([[1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]], np.float32)
        faces = np.array([[0, 1, 3], [0, 2, 1], [0, 3, 2], [1, 2, 3]], np.int32)
        return (ObjectEstimate(0, 1.0, pose, corners, faces),)
