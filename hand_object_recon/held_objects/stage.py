"""The pipeline's stage that finds, models and tracks what hands hold."""

from __future__ import annotations

from collections.abc import Sequence

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import HeldObjectSettings
from hand_object_recon.core.hands import HandEstimate, HandTopology
from hand_object_recon.core.objects import ObjectEstimate


class HeldObjects:
    """Keeps the objects of one camera from frame to frame."""

    def __init__(self, settings: HeldObjectSettings, topologies: Sequence[HandTopology]) -> None:
        self._settings = settings
        self._topologies = topologies

    def update(self, frame: RgbdFrame, hands: Sequence[HandEstimate]) -> tuple[ObjectEstimate, ...]:
        """Objects that the hands of a frame hold, or held within the last seconds."""
        return ()

    def warm_up(self) -> None:
        """Compile what is compiled on first use."""

    def change_settings(self, settings: HeldObjectSettings) -> None:
        """Use other run-time settings from the next frame on."""
        self._settings = settings

    def reset(self) -> None:
        """Forget every object."""
