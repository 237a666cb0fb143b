"""Proof that searching a trained network's surfaces gives what asking at every point gives."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.gsdf.dense_comparison import (
    DenseComparison,
    compare_with_dense,
    dense_values,
)
from hand_object_recon.reconstructors.gsdf.folded_field import folded_fields
from hand_object_recon.reconstructors.gsdf.network import GSDFNetwork, Scene
from hand_object_recon.reconstructors.gsdf.surface_extraction import CELLS, extract
from hand_object_recon.reconstructors.gsdf.told_wrist import record_scene
from hand_object_recon.reconstructors.gsdf.trained_network import load_trained_network

MOST_GAP_VOXELS: Final = 0.5
MOST_LOST_VOXELS: Final = 50


@dataclass(frozen=True)
class RecordComparison:
    """Of a record's hand and object.

    search_s, dense_s
        Seconds of processor time to find both surfaces' samples, and to ask the network itself at
        every point of the cube that was found (the authors ask as many more to find it).
    """

    hand: DenseComparison
    object: DenseComparison
    search_s: float
    dense_s: float

    @classmethod
    def of_json(cls, values: dict[str, Any]) -> RecordComparison:
        """Of what ``dataclasses.asdict`` made of one."""
        bodies = {name: DenseComparison(**values[name]) for name in ("hand", "object")}
        return cls(**{**values, **bodies})


class RecordProof:
    """Compares hand and object of records as a network sees them, the true wrist given."""

    def __init__(self, weights: Path, device_name: str, cells: int = CELLS) -> None:
        self._trained = load_trained_network(weights)
        self._device, self._cells = torch.device(device_name), cells

    @torch.no_grad()
    def __call__(self, record: Record) -> RecordComparison | None:
        """None where the network sees neither."""
        network, scene = self._trained.network, record_scene(self._trained, record, self._device)
        begun_s = time.process_time()
        extraction = extract(*folded_fields(network, scene, 0), self._device, self._cells)
        found_s = time.process_time()
        if extraction is None:
            return None
        dense = dense_values(_whole_network(network, scene), extraction.hand)
        dense_s = time.process_time() - found_s
        pairs = zip((extraction.hand, extraction.object), dense, strict=True)
        hand, held = (compare_with_dense(samples, values) for samples, values in pairs)
        return RecordComparison(hand, held, found_s - begun_s, dense_s)


def holds(found: Sequence[RecordComparison]) -> bool:
    """Whether surfaces are off by half a voxel at most, and no part of over 50 was lost."""
    return all(
        one.surface_gap_voxels <= MOST_GAP_VOXELS and one.largest_lost_voxels <= MOST_LOST_VOXELS
        for one in _surfaces(found)
    )


def summary(found: Sequence[RecordComparison]) -> str:
    """Two lines: the worst, and what it took."""
    surfaces = _surfaces(found)
    gap = max(one.surface_gap_voxels for one in surfaces)
    lost = max(one.largest_lost_voxels for one in surfaces)
    asked = float(np.mean([one.asked_share for one in surfaces]))
    search_s = float(np.mean([one.search_s for one in found]))
    dense_s = float(np.mean([one.dense_s for one in found]))
    return (
        f"{len(surfaces)} surfaces: worst gap {gap:.3f} voxels, largest lost part {lost} voxels, "
        f"{100.0 * asked:.1f} % of the points asked\n"
        f"processor time a record: {search_s:.2f} s to search, {dense_s:.2f} s to ask at every "
        f"point once, {dense_s / max(search_s, 1e-9):.1f} times as long"
    )


def _whole_network(network: GSDFNetwork, scene: Scene) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Both distances as the network itself works them out, nothing done beforehand."""

    def distances(points: Tensor) -> tuple[Tensor, Tensor]:
        hand, held = network.distances(scene, points[None])
        return hand[0], held[0]

    return distances


def _surfaces(found: Sequence[RecordComparison]) -> list[DenseComparison]:
    return [surface for one in found for surface in (one.hand, one.object)]
