"""A detector and a reconstructor that cost next to nothing, and misbehave where told to."""

from __future__ import annotations

import os
import signal
import weakref
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
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.detectors.base import Detector
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.hand_poser import PosedHand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput

FloatArray = NDArray[np.floating[Any]]

MODEL = load_hand_model("open_hand", HandSide.RIGHT)
alive: weakref.WeakValueDictionary[int, NDArray[np.uint8]] = weakref.WeakValueDictionary()


class OneBox(Detector):
    card: ClassVar[PluginCard] = PluginCard("one_box", "the same box in every frame", "none")

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        return [HandDetection(HandSide.RIGHT, 0.9, BoundingBox(30.0, 20.0, 60.0, 50.0))]


class StillHand(Reconstructor):
    card: ClassVar[PluginCard] = PluginCard(
        "still_hand", "the same hand in every frame", "none", is_metric=True
    )
    frames_seen: ClassVar[int] = 0
    most_alive: ClassVar[int] = 0

    def topologies(self) -> tuple[HandTopology, ...]:
        return (MODEL.topology,)

    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        StillHand.frames_seen += 1
        alive[self.frames_seen] = frame.rgb
        StillHand.most_alive = max(self.most_alive, len(alive))
        misbehave(self.frames_seen)
        pose, shape = np.zeros(48, np.float32), np.zeros(10, np.float32)
        posed = pose_hand(MODEL, pose, shape, np.float32([0.0, 0.0, 0.5]))
        return ReconstructorOutput(tuple(self.estimate(hand, posed, pose, shape) for hand in hands))

    def estimate(
        self, hand: TrackedHand, posed: PosedHand, pose: FloatArray, shape: FloatArray
    ) -> HandEstimate:
        return HandEstimate(
            track_id=hand.track_id,
            side=HandSide.RIGHT,
            score=0.9,
            joints_m=posed.joints_m,
            joint_visibility=np.ones(21, np.float32),
            vertices_m=posed.vertices_m,
            topology=MODEL.topology.name,
            wrist_pose=posed.wrist_pose,
            pose_rad=pose,
            shape=shape,
        )


def misbehave(frame_number: int) -> None:
    way, _, at = os.environ.get("LIGHT_PLUGIN", "").partition(":")
    if not way or frame_number != int(at):
        return
    if way == "raise":
        raise RuntimeError("out of memory")
    if way == "interrupt":
        os.kill(os.getpid(), signal.SIGINT)
    if way == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if way == "power_loss":
        os.killpg(0, signal.SIGKILL)
