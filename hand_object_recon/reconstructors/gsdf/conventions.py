"""Numbers of the method, and where its paper and its released code part."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from hand_object_recon.hand_model.inverse_kinematics.swing import PAPER_KNUCKLES, RELEASED_KNUCKLES

IMAGE_SIZE: Final = 256
"""Edge of the crop in the pixels that cameras count in; the image itself may have fewer."""

MAP_SIZE: Final = 16
"""Edge in cells of the feature maps that query points are projected into."""


class Source(str, Enum):
    """Who is followed where the two differ."""

    PAPER = "paper"
    CODE = "code"


@dataclass(frozen=True)
class Conventions:
    """What a network's weights only fit with.

    half_depth_m
        How far the heat-maps reach before and behind the wrist.
    unit_m
        Metres of one unit of query coordinates: the cube from -1 to 1 about the wrist is twice as
        wide. Distances are in the same unit. The authors give 2 / unit_m as ``recon_scale``.
    kinematics
        The paper takes the palm from three knuckles; the code from five, and leaves a hand at
        rest whose knuckles ask for a mirrored palm.
    features
        The paper lists the wrist's axes last among the object's features, the code third.
    """

    half_depth_m: float = 0.28
    unit_m: float = 2.0 / 6.2
    kinematics: Source = Source.PAPER
    features: Source = Source.PAPER

    @property
    def knuckles(self) -> tuple[int, ...]:
        return RELEASED_KNUCKLES if self.kinematics is Source.CODE else PAPER_KNUCKLES
