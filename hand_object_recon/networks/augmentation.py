"""Random changes of crops that learned methods are trained with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from hand_object_recon.networks.hand_crop import HandCrop

_MOST_DEVIATIONS: Final = 2.0


class AugmentationOptions(BaseModel):
    """How far crops are changed at random; a part of a method's options.

    shift
        Largest way of the crop's middle along each axis, in its edges.
    scale
        Largest relative change of size.
    turn_deg, turn_share
        Standard deviation of the turn, at most twice that, and how often one is made.
    color
        Largest relative change of each channel.
    occluder_share
        How often a patch of another color hides a part.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    shift: float = Field(0.0, ge=0.0, le=0.3)
    scale: float = Field(0.0, ge=0.0, lt=0.7)
    turn_deg: float = Field(30.0, ge=0.0, le=90.0)
    turn_share: float = Field(0.6, ge=0.0, le=1.0)
    color: float = Field(0.2, ge=0.0, lt=1.0)
    occluder_share: float = Field(0.0, ge=0.0, le=1.0)


@dataclass(frozen=True)
class CropChange:
    """One draw of an augmentation, the same for all frames of a sample.

    occluder: middle, width and height in the crop's edges; occluder_color red, green and blue.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    scale: float = 1.0
    turn_rad: float = 0.0
    colors: tuple[float, float, float] = (1.0, 1.0, 1.0)
    occluder: tuple[float, float, float, float] | None = None
    occluder_color: tuple[int, int, int] = (0, 0, 0)

    def moved(self, crop: HandCrop) -> HandCrop:
        """The crop shifted by shares of its edge, scaled and turned."""
        x, y = np.add(crop.center_px, crop.edge_px * np.array(self.shift)).tolist()
        edge = crop.edge_px * self.scale
        return replace(
            crop, center_px=(x, y), edge_px=edge, angle_rad=crop.angle_rad + self.turn_rad
        )

    def recolored(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The (H, W, 3) crop in other colors, its occluder drawn."""
        changed = cv2.multiply(image, np.array([*self.colors, 0.0]))
        if self.occluder is not None:
            height, width = changed.shape[:2]
            x, y, wide, high = np.multiply(self.occluder, (width, height, width, height))
            rows = slice(max(int(y - high / 2), 0), int(y + high / 2))
            columns = slice(max(int(x - wide / 2), 0), int(x + wide / 2))
            changed[rows, columns] = self.occluder_color
        return np.asarray(changed, dtype=np.uint8)


def draw_change(random: np.random.Generator, limits: AugmentationOptions) -> CropChange:
    """Draw one change within limits."""
    right, down = (limits.shift * random.uniform(-1.0, 1.0, 2)).tolist()
    scale = 1.0 + limits.scale * float(np.clip(random.standard_normal(), -1.0, 1.0))
    turn = float(np.clip(random.standard_normal(), -_MOST_DEVIATIONS, _MOST_DEVIATIONS))
    is_turned = random.random() < limits.turn_share
    red, green, blue = (1.0 + limits.color * random.uniform(-1.0, 1.0, 3)).tolist()
    is_hidden = random.random() < limits.occluder_share
    x, y, width, height = random.uniform([0.1, 0.1, 0.1, 0.1], [0.9, 0.9, 0.4, 0.4]).tolist()
    return CropChange(
        shift=(right, down),
        scale=scale,
        turn_rad=is_turned * turn * float(np.deg2rad(limits.turn_deg)),
        colors=(red, green, blue),
        occluder=(x, y, width, height) if is_hidden else None,
        occluder_color=tuple(random.integers(0, 256, 3).tolist()),
    )
