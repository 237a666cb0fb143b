"""Proof that searching a trained network's surfaces gives what asking at every point gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.gsdf.dense_comparison import (
    DenseComparison,
    compare_with_dense,
)
from hand_object_recon.reconstructors.gsdf.folded_field import folded_fields
from hand_object_recon.reconstructors.gsdf.surface_extraction import CELLS, extract
from hand_object_recon.reconstructors.gsdf.told_wrist import record_scene
from hand_object_recon.reconstructors.gsdf.trained_network import load_trained_network

MOST_GAP_VOXELS: Final = 0.5
MOST_LOST_VOXELS: Final = 50


@torch.no_grad()
def compared_records(
    weights: Path, records: Iterable[Record], device_name: str, cells: int = CELLS
) -> Iterator[tuple[DenseComparison, DenseComparison]]:
    """Of hand and object in each record in which the network sees one, the true wrist given."""
    trained, device = load_trained_network(weights), torch.device(device_name)
    for record in records:
        hand, held = folded_fields(trained.network, record_scene(trained, record, device), 0)
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
