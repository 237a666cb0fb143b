"""What of a frame the network sees of each hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import TrackedHand
from hand_object_recon.networks import grasp_views
from hand_object_recon.networks.grasp_views import HandView
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.reconstructors.gsdf.conventions import IMAGE_SIZE
from hand_object_recon.reconstructors.gsdf.options import GSDFOptions


class CropBatch(NamedTuple):
    """images (B, 1, 3, S, S), normalised; cameras (B, 1, 3, 3) in pixels of a crop of 256; whose
    they are, and when they were taken."""

    images: Tensor
    cameras: Tensor
    hands: tuple[TrackedHand, ...]
    stamp_ns: int


def view_of_hand(frame: RgbdFrame, hand: TrackedHand, options: GSDFOptions) -> HandView:
    """The view of a hand, cut by the rule its network was trained with."""
    return grasp_views.view_of_hand(
        hand,
        frame.camera,
        options.crop_around,
        options.crop_enlargement,
        is_upright=options.upright,
    )


def crop_batch(frame: RgbdFrame, views: Sequence[HandView], image_size: int) -> CropBatch:
    """All hands of a frame as the network sees them."""
    crops = np.stack([view.crop.cut(frame.rgb, frame.camera, image_size) for view in views])
    cameras = np.stack([view.crop.intrinsics(IMAGE_SIZE).matrix for view in views])
    images = normalised(torch.from_numpy(crops).permute(0, 3, 1, 2))
    hands = tuple(view.hand for view in views)
    return CropBatch(
        images[:, None], torch.from_numpy(cameras).float()[:, None], hands, frame.stamp_ns
    )
