"""What of the method is chosen when it is trained."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from hand_object_recon.networks.augmentation import AugmentationOptions
from hand_object_recon.reconstructors.h2onet.losses import OrientationLoss
from hand_object_recon.reconstructors.h2onet.occlusion import Fusion

METHOD: Final = "h2onet"
FRAMES: Final = 3
"""Frames that the multi-frame network sees: the current one and two earlier ones."""


class H2ONetOptions(AugmentationOptions):
    """What of the method is chosen when it is trained, and kept with its weights.

    width
        Channels the encoder begins with: 128 in the paper.
    frames
        1 for the network of single frames, 3 for the one that earlier frames help.
    fusion
        What earlier frames help with.
    hand_model
        Whose mesh it gives.
    earlier_s
        How long before the current frame the other two lie, the nearer first.
    with_orientation
        The second stage, which supervises the turned hand as well.
    orientation_loss
        ``code`` compares rotation matrices, ``paper`` what turns one into the other.
    orientation_from
        ``camera`` is the paper's; ``ray`` takes out where in the image the crop was cut.
    upright
        Crops are turned so that the knuckles are above the wrist. Not the paper's; it needs
        detectors that give keypoints. ``turn_deg`` is then about that.
    hidden_hand_share
        A hand less visible than this counts as hidden: 0.4 in the code, 0.5 in the paper.
    """

    width: int = Field(128, ge=16, le=256, multiple_of=16)
    frames: Literal[1, 3] = 1
    fusion: Fusion = Fusion.FINGERS_AND_ORIENTATION
    hand_model: str = "open_hand"
    earlier_s: tuple[float, float] = (5 / 30, 10 / 30)
    with_orientation: bool = True
    orientation_loss: OrientationLoss = OrientationLoss.CODE
    orientation_from: Literal["camera", "ray"] = "ray"
    upright: bool = False
    hidden_hand_share: float = Field(0.4, ge=0.0, le=1.0)
    scale: float = Field(0.25, ge=0.0, lt=0.7)

    @model_validator(mode="after")
    def _earlier_frames_are_earlier(self) -> H2ONetOptions:
        nearer, farther = self.earlier_s
        if not 0.0 < nearer < farther:
            raise ValueError(f"earlier_s is {self.earlier_s}; give two rising times above 0")
        return self
