"""What a trained network makes of records, told where the wrist is as in the paper."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.geometry.closed_body import Body
from hand_object_recon.networks.augmentation import CropChange
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.networks.trainable import Record
from hand_object_recon.reconstructors.gsdf.folded_field import folded_fields
from hand_object_recon.reconstructors.gsdf.network import Scene, Views
from hand_object_recon.reconstructors.gsdf.samples import TrueGrasp, true_grasps, view_sample
from hand_object_recon.reconstructors.gsdf.surface_extraction import (
    CELLS,
    Surface,
    extract,
    surface_of,
)
from hand_object_recon.reconstructors.gsdf.trained_network import TrainedGSDF, load_trained_network

FloatArray = NDArray[np.floating[Any]]


class FoundGrasp(NamedTuple):
    """joints_m (21, 3) and center_m (3,) about the wrist in the record's axes; bodies as
    ``samples.TrueGrasp``, None where the network shows none."""

    joints_m: FloatArray
    center_m: FloatArray
    hand: Body | None
    held: Body | None


def told_grasps(
    weights: Path, frames: Iterable[AnnotatedFrame], cells: int, device_name: str
) -> Iterator[tuple[TrueGrasp, FoundGrasp]]:
    """Each grasp of annotated frames, and what weights make of it.

    Raises
    ------
    InvalidValueError
        The file is not there, is damaged, or holds something else.
    """
    trained, device = load_trained_network(weights), torch.device(device_name)
    for frame in frames:
        for true in true_grasps(frame, trained.options):
            yield true, found_grasp(trained, true.record, device, cells)


@torch.no_grad()
def record_scene(trained: TrainedGSDF, record: Record, device: torch.device) -> Scene:
    """The scene of a record of a single frame."""
    sample, _ = view_sample(record, CropChange(), trained.options.image_size)
    images = normalised(torch.from_numpy(sample["image"])[None, None]).to(device)
    camera, joints_m = (
        torch.from_numpy(sample[name])[None, None].to(device) for name in ("camera", "joints_m")
    )
    return trained.network.to(device).encode(images, Views(camera, joints_m[:, :, WRIST]))


@torch.no_grad()
def found_grasp(
    trained: TrainedGSDF, record: Record, device: torch.device, cells: int = CELLS
) -> FoundGrasp:
    """What the network makes of a record, its surfaces on a lattice of so many cells."""
    scene = record_scene(trained, record, device)
    extraction = extract(*folded_fields(trained.network, scene, 0), device, cells)
    unit_m, wrist_m = trained.options.unit_m, scene.views.wrists_m[0].cpu().numpy()
    surfaces = (
        (None, None)
        if extraction is None
        else (surface_of(extraction.hand), surface_of(extraction.object))
    )
    hand, held = (_body(surface, unit_m) for surface in surfaces)
    joints_m, center_m = (part[0].cpu().numpy() for part in (scene.joints_m, scene.centers_m))
    return FoundGrasp(joints_m - wrist_m, center_m - wrist_m, hand, held)


def _body(surface: Surface | None, unit_m: float) -> Body | None:
    if surface is None:
        return None
    return Body(unit_m * surface.vertices.astype(np.float64), surface.faces)
