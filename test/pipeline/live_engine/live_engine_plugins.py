"""Plugins that do what a test tells them to, and note what is done with them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
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
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput

TRIANGLE = HandTopology("triangle", 3, np.int32([[0, 1, 2]]))
calls: list[str] = []
may_detect = threading.Event()
may_detect.set()
may_reconstruct = threading.Event()
may_reconstruct.set()
detecting = threading.Semaphore(0)
reconstructing = threading.Semaphore(0)
at_work: set[str] = set()
is_failing = False


def require_nobody_at_work() -> None:
    if at_work:
        calls.append(f"disturbed {at_work}")


class OneHand(Detector):
    card: ClassVar[PluginCard] = PluginCard(
        name="one_hand", summary="Finds a hand everywhere.", licence="Apache-2.0"
    )

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        at_work.add("detector")
        detecting.release()
        assert may_detect.wait(5.0)
        at_work.discard("detector")
        if is_failing:
            raise RuntimeError("out of order")
        box = BoundingBox(20.0, 20.0, 40.0, 40.0)
        return [HandDetection(HandSide.RIGHT, 0.5, box)]

    def change_settings(self, config: PipelineConfig) -> None:
        require_nobody_at_work()

    def reset(self) -> None:
        require_nobody_at_work()
        calls.append("reset")

    def close(self) -> None:
        require_nobody_at_work()
        calls.append("close detector")


class Known(Reconstructor):
    card: ClassVar[PluginCard] = PluginCard(
        name="known", summary="Knows.", licence="MIT", is_metric=True
    )

    def warm_up(self) -> None:
        calls.append(f"warm up {self.card.name} in {threading.current_thread().name}")

    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        at_work.add("reconstructor")
        reconstructing.release()
        assert may_reconstruct.wait(5.0)
        at_work.discard("reconstructor")
        points = np.zeros((21, 3), np.float32) + np.float32([0, 0, self.config.rgbd_fit.iterations])
        return ReconstructorOutput(
            tuple(
                HandEstimate(
                    hand.track_id,
                    hand.side,
                    hand.detection.score,
                    points,
                    np.ones(21, np.float32),
                    points[:3],
                    "triangle",
                    np.eye(4),
                    np.zeros(48, np.float32),
                    np.zeros(10, np.float32),
                )
                for hand in hands
            )
        )

    def topologies(self) -> tuple[HandTopology, ...]:
        return (TRIANGLE,)

    def close(self) -> None:
        calls.append(f"close {self.card.name}")


class Other(Known):
    card: ClassVar[PluginCard] = replace(Known.card, name="other", licence="CC0-1.0")


class Defective(Known):
    card: ClassVar[PluginCard] = replace(Known.card, name="defective")

    def warm_up(self) -> None:
        raise MemoryError("no room")


class Unclosable(Known):
    card: ClassVar[PluginCard] = replace(Known.card, name="unclosable")

    def close(self) -> None:
        raise OSError("stuck")
