"""The contract of a detector, and the group it is found in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.hands import HandDetection
from hand_object_recon.core.plugins import PluginCard, PluginGroup


class Detector(ABC):
    """Finds hands in a frame.

    Frames of one recording are given in the order they were taken, so a detector may track.
    """

    card: ClassVar[PluginCard]

    def __init__(self, config: PipelineConfig) -> None:
        self.config = config

    @abstractmethod
    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        """Return every hand of ``frame``, the most certain first; an empty list if none."""

    def warm_up(self) -> None:  # noqa: B027 - optional
        """Do once what makes a first frame slow: load lazily, allocate, compile."""

    def change_settings(self, config: PipelineConfig) -> None:
        """Use a configuration that differs in run-time settings only, from the next frame on."""
        self.config = config

    def reset(self) -> None:  # noqa: B027 - a detector without memory has nothing to forget
        """Forget earlier frames, as at the start of another recording."""

    def close(self) -> None:  # noqa: B027 - optional
        """Free models and memory; the detector is not used afterwards."""

    def options(self) -> dict[str, Any]:
        """Settings given for this plugin under ``plugin_options``."""
        return self.config.plugin_options.get(self.card.name, {})


DETECTORS: PluginGroup[Detector] = PluginGroup(
    base=Detector,  # type: ignore[type-abstract]
    kind="detector",
    entry_point_group="hand_object_recon.detectors",
    built_in={
        "mediapipe_hands": "hand_object_recon.detectors.mediapipe_hands:MediapipeHandsDetector",
    },
)
