"""The points of batches: those of their items, or chosen on masks that the network finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import torch

from hand_object_recon.networks.trainable import Batch
from hand_object_recon.reconstructors.pdfnet.conventions import OURS
from hand_object_recon.reconstructors.pdfnet.detected_sides import (
    cells_of_joints,
    seen_by_sides,
)
from hand_object_recon.reconstructors.pdfnet.hand_points import choose_points
from hand_object_recon.reconstructors.pdfnet.options import PDFNetOptions
from hand_object_recon.reconstructors.pdfnet.prediction import HandPoints, Seen

_LEAST_DEPTH_M: Final = 0.05


def points_of(batch: Batch) -> HandPoints | None:
    """Those of the items, chosen on true masks; None for networks that read none."""
    if "cloud_m" not in batch:
        return None
    return HandPoints(batch["cloud_m"], batch["pixels"], batch["is_enough"])


def as_in_use(seen: Seen, batch: Batch, options: PDFNetOptions) -> Seen:
    """What is seen, with what a detector would tell about true hands."""
    if not options.sides_by_detector:
        return seen
    rays = batch["joints_m"] @ batch["camera"][:, None].mT
    joints_px = rays[..., :2] / rays[..., 2:].clamp_min(_LEAST_DEPTH_M)
    size = options.image_size
    return seen_by_sides(seen, cells_of_joints(joints_px, batch["is_present"], size))


def points_by_masks(
    batch: Batch, options: PDFNetOptions, random: np.random.Generator
) -> Callable[[Seen], HandPoints]:
    """How points of a batch are chosen on the masks that are seen."""

    def choose(seen: Seen) -> HandPoints:
        shares = OURS.mask_shares(seen.mask_logits.detach())
        arrays = (
            values.float().cpu().numpy() for values in (batch["depth_m"], shares, batch["camera"])
        )
        chosen = [
            choose_points(
                depth_m,
                masks,
                camera,
                options.points,
                choice=options.point_choice,
                generator=random,
            )
            for depth_m, masks, camera in zip(*arrays, strict=True)
        ]
        columns = zip(*chosen, strict=True)
        device = seen.mask_logits.device
        return HandPoints(*(torch.from_numpy(np.stack(column)).to(device) for column in columns))

    return choose
