"""Numbers of the method, and where its released code parts from a program without its slips."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from torch import Tensor

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import MIDDLE_MCP

SIDES: Final = (HandSide.LEFT, HandSide.RIGHT)
"""The hands along the axis of hands, everywhere."""

HANDS: Final = len(SIDES)

ROOT_KEYPOINT: Final = MIDDLE_MCP
"""Where the origin of a hand's vertices and joints lies."""

CELL_PX: Final = 4
"""Edge of a cell of the centre maps and heat-maps, in pixels of the network's image."""

ROOT_DEPTH_M: Final = 0.4
ROOT_STEP: Final = 0.01
"""A root lies ``ROOT_DEPTH_M`` deep at its centre's cell when the network answers zero; what it
answers counts in centimetres of depth and hundredths of a pixel."""

ROOT_REACH_M: Final = 0.1
"""What an answer of one counts where roots are counted from the middle of the hand's points."""


@dataclass(frozen=True)
class Conventions:
    """What a network's weights only fit with. The defaults are ours, ``OFFICIAL`` the authors'.

    is_blue_first
        Images have blue, green and red, normalised by what ImageNet says of red, green and blue.
    peaks_of_logits
        Non-maximum suppression multiplies raw logits by zero. Where all peaks are negative, the
        first cell that is none wins, and the centre feature is read there; roots are still
        counted from the true peak.
    masks_are_shares
        What a mask map holds is learned to be 0 or 1 as it is, with no sigmoid after it.
    computes_unread
        Heads that nothing reads, and centre features of all cells instead of the two that are
        read. Hands are the same without.
    """

    is_blue_first: bool = False
    peaks_of_logits: bool = False
    masks_are_shares: bool = False
    computes_unread: bool = False

    def mask_shares(self, mask_logits: Tensor) -> Tensor:
        """How likely each pixel of a mask map is the hand's; above 0.5 it is."""
        return mask_logits if self.masks_are_shares else mask_logits.sigmoid()


OURS: Final = Conventions()
OFFICIAL: Final = Conventions(
    is_blue_first=True, peaks_of_logits=True, masks_are_shares=True, computes_unread=True
)
