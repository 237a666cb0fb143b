"""What of a frame the network sees of each hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import TrackedHand
from hand_object_recon.networks import grasp_views
from hand_object_recon.networks.grasp_views import HandView
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.stored_depth import depth_to_units, units_to_depth
from hand_object_recon.reconstructors.cross_branch.options import CrossBranchOptions
from hand_object_recon.reconstructors.cross_branch.prediction import View


def view_of_hand(frame: RgbdFrame, hand: TrackedHand, options: CrossBranchOptions) -> HandView:
    """The view of a hand, cut by the rule its network was trained with."""
    return grasp_views.view_of_hand(
        hand,
        frame.camera,
        options.crop_around,
        options.crop_enlargement,
        is_upright=options.upright,
    )


def network_view(frame: RgbdFrame, views: Sequence[HandView], image_size: int) -> View:
    """All hands of a frame as samples show them, with edges of ``image_size``.

    Depth is rounded as records keep it, and what they do not keep is not there.
    """
    camera = frame.camera
    crops = np.stack([view.crop.cut(frame.rgb, camera, image_size) for view in views])
    depth_m = np.stack([view.crop.cut_depth(frame.depth_m, camera, image_size) for view in views])
    kept_depth_m = units_to_depth(depth_to_units(depth_m))
    images = normalised(torch.from_numpy(crops).permute(0, 3, 1, 2))
    return View(images, torch.from_numpy(kept_depth_m))
