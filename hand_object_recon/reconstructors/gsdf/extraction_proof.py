"""Proof that searching a trained network's surfaces gives what asking at every point gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.networks.augmentation import CropChange
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.gsdf.dense_comparison import (
    DenseComparison,
    compare_with_dense,
)
from hand_object_recon.reconstructors.gsdf.folded_field import FoldedField, folded_fields
from hand_object_recon.reconstructors.gsdf.network import Views
from hand_object_recon.reconstructors.gsdf.samples import view_sample
from hand_object_recon.reconstructors.gsdf.surface_extraction import CELLS, extract
from hand_object_recon.reconstructors.gsdf.trained_network import (
    TrainedGSDF,
    load_trained_network,
)

MOST_GAP_VOXELS: Final = 0.5
MOST_LOST_VOXELS: Final = 50


@torch.no_grad()
def compared_records(
    weights: Path, records: Iterable[Record], device_name: str, cells: int = CELLS
) -> Iterator[tuple[DenseComparison, DenseComparison]]:
    """Of hand and object in each record in which the network sees one, the true wrist given."""
    trained, device = load_trained_network(weights), torch.device(device_name)
    for record in records:
        hand, held = _fields(trained, record, device)
        extraction = extract(hand, held, device, cells)
        if extraction is not None:
            yield (
                compare_with_dense(hand, extraction.hand),
                compare_with_dense(held, extraction.object),
            )


def holds(found: Sequence[DenseComparison]) -> bool:
    """Whether surfaces are off by half a voxel at most, and no part of over 50 was lost."""
    return all(
        one.surface_gap_voxels <= MOST_GAP_VOXELS and one.largest_lost_voxels <= MOST_LOST_VOXELS
        for one in found
    )


def summary(found: Sequence[DenseComparison]) -> str:
    """One line about the worst."""
    gap = max(one.surface_gap_voxels for one in found)
    lost = max(one.largest_lost_voxels for one in found)
    asked = float(np.mean([one.asked_share for one in found]))
    return (
        f"{len(found)} surfaces: worst gap {gap:.3f} voxels, largest lost part {lost} voxels, "
        f"{100.0 * asked:.1f} % of the points asked"
    )


def _fields(
    trained: TrainedGSDF, record: Record, device: torch.device
) -> tuple[FoldedField, FoldedField]:
    sample, _ = view_sample(record, CropChange(), trained.options.image_size)
    images = normalised(torch.from_numpy(sample["image"])[None, None]).to(device)
    camera, joints_m = (
        torch.from_numpy(sample[name])[None, None].to(device) for name in ("camera", "joints_m")
    )
    network = trained.network.to(device)
    scene = network.encode(images, Views(camera, joints_m[:, :, WRIST]))
    return folded_fields(network, scene, 0)
