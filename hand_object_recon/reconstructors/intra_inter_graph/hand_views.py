"""What of a frame the network sees of each hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import TrackedHand
from hand_object_recon.networks import grasp_views
from hand_object_recon.networks.grasp_crops import CropRule
from hand_object_recon.networks.grasp_views import HandView
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.stored_depth import depth_to_units, units_to_depth
from hand_object_recon.reconstructors.intra_inter_graph.options import IntraInterGraphOptions
from hand_object_recon.reconstructors.intra_inter_graph.prediction import View


def view_of_hand(frame: RgbdFrame, hand: TrackedHand, options: IntraInterGraphOptions) -> HandView:
    """The view of a hand, cut by the rule its network was trained with."""
    return grasp_views.view_of_hand(
        hand,
        frame.camera,
        CropRule.HAND,
        options.crop_enlargement,
        is_upright=options.upright,
    )


def network_view(
    frame: RgbdFrame, views: Sequence[HandView], options: IntraInterGraphOptions
) -> View:
    """All hands of a frame as samples show them.

    Depth is rounded as records keep it, and what they do not keep is not there.
    """
    camera, size = frame.camera, options.image_size
    crops = np.stack([view.crop.cut(frame.rgb, camera, size) for view in views])
    images = normalised(torch.from_numpy(crops).permute(0, 3, 1, 2))
    half_slopes = torch.tensor([view.crop.half_slope for view in views], dtype=torch.float32)
    if not options.with_depth:
        return View(images, half_slopes)
    depth_m = np.stack([view.crop.cut_depth(frame.depth_m, camera, size) for view in views])
    kept_depth_m = units_to_depth(depth_to_units(depth_m))
    return View(images, half_slopes, torch.from_numpy(kept_depth_m))
