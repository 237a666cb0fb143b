"""The points of batches: those of their items, or chosen on masks that the network finds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from hand_object_recon.networks.trainable import Batch
from hand_object_recon.reconstructors.pdfnet.conventions import OURS
from hand_object_recon.reconstructors.pdfnet.hand_points import choose_points
from hand_object_recon.reconstructors.pdfnet.options import PDFNetOptions
from hand_object_recon.reconstructors.pdfnet.prediction import HandPoints, Seen


def points_of(batch: Batch) -> HandPoints | None:
    """Those of the items, chosen on true masks; None for networks that read none."""
    if "cloud_m" not in batch:
        return None
    return HandPoints(batch["cloud_m"], batch["pixels"], batch["is_enough"])


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
