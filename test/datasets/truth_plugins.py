"""A detector and a reconstructor that know a data set's truth, and give it 5 mm aside."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from hand_object_recon.core.annotation import HandAnnotation
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
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.registry import open_dataset
from hand_object_recon.detectors.base import Detector
from hand_object_recon.geometry.projection import project
from hand_object_recon.hand_model.forward import pose_hand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput

FOLDER: Final = "TRUTH_PLUGINS_FOLDER"
SPLIT: Final = "TRUTH_PLUGINS_SPLIT"
"""Name of the data set and its split with a space between."""

ASIDE_M: Final = np.array([0.003, 0.0, 0.004])


@lru_cache(maxsize=1)
def true_hands() -> dict[int, tuple[HandAnnotation, ...]]:
    name, split = os.environ.get(SPLIT, "dexycb s0_train").split()
    dataset = open_dataset(DatasetChoice(name=name, path=Path(os.environ[FOLDER]), split=split))
    frames = (dataset[index] for index in range(len(dataset)))
    return {frame.frame.stamp_ns: frame.truth.hands for frame in frames}


class Knowing(Detector):
    card: ClassVar[PluginCard] = PluginCard("knowing", "the true box", "MIT")

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        return [
            HandDetection(hand.side, 1.0, BoundingBox.around(project(hand.joints_m, frame.camera)))
            for hand in true_hands()[frame.stamp_ns]
        ]


class Aside(Reconstructor):
    card: ClassVar[PluginCard] = PluginCard("aside", "5 mm off", "MIT", is_metric=True)

    def topologies(self) -> tuple[HandTopology, ...]:
        return tuple(load_hand_model("open_hand", side).topology for side in HandSide)

    def reconstruct(self, frame: RgbdFrame, hands: Sequence[TrackedHand]) -> ReconstructorOutput:
        truth = {hand.side: hand for hand in true_hands()[frame.stamp_ns]}
        return ReconstructorOutput(
            tuple(_beside(truth[track.side], track.track_id) for track in hands)
        )


def _beside(hand: HandAnnotation, track_id: int) -> HandEstimate:
    model = load_hand_model("open_hand", hand.side)
    flat = pose_hand(model, np.zeros(48), np.zeros(10), hand.joints_m[0])
    return HandEstimate(
        track_id,
        hand.side,
        1.0,
        (hand.joints_m + ASIDE_M).astype(np.float32),
        np.ones(21, np.float32),
        flat.vertices_m,
        model.topology.name,
        np.eye(4),
        np.zeros(48, np.float32),
        np.zeros(10, np.float32),
    )
