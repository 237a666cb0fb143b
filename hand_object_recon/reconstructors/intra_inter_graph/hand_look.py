"""What the network answers of each hand, and the same in the camera's axes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.geometry.depth_turn import RigidMotion
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.reconstructors.intra_inter_graph.network import IntraInterGraphNetwork
from hand_object_recon.reconstructors.intra_inter_graph.prediction import Prediction, View
from hand_object_recon.reconstructors.intra_inter_graph.projection import uv_to_slopes

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class FoundHand:
    """A hand in metres about the wrist of the hand model that it began as.

    joints_m (21, 3), vertices_m (V, 3)
        The best there is: refined, where the network refines.
    slopes (21, 2)
        x/z and y/z of the rays on which the crop shows the joints.
    confidence (21,)
        0 to 1, of these.
    distance_m
        How far away the origin is along the axis of the crop's camera by depth; NaN where that was
        not measured, or is not seen by the network.
    """

    joints_m: FloatArray
    vertices_m: FloatArray
    slopes: FloatArray
    confidence: FloatArray
    distance_m: float

    @property
    def is_finite(self) -> bool:
        """Whether all numbers are, but for the distance."""
        parts = (self.joints_m, self.vertices_m, self.slopes, self.confidence)
        return all(np.isfinite(part).all() for part in parts)

    def moved(self, offset_m: FloatArray) -> FoundHand:
        """Joints and vertices moved by (3,)."""
        joints_m, vertices_m = self.joints_m + offset_m, self.vertices_m + offset_m
        return replace(self, joints_m=joints_m, vertices_m=vertices_m)

    def laid(self, motion: RigidMotion) -> FoundHand:
        """Joints and vertices moved rigidly."""
        joints_m, vertices_m = motion.of(self.joints_m), motion.of(self.vertices_m)
        return replace(self, joints_m=joints_m, vertices_m=vertices_m)

    def in_camera(self, crop: CropCamera) -> FoundHand:
        """Joints and vertices turned from the axes of a crop's camera to those of the camera that
        the crop is cut out of. The crop's right hand is its left one where the crop is mirrored."""
        joints_m, vertices_m = self.joints_m @ crop.axes, self.vertices_m @ crop.axes
        return replace(self, joints_m=joints_m, vertices_m=vertices_m)


Look = Callable[[View], list[FoundHand]]
"""From crops to hands in the axes of the crops' cameras."""


def look_of(network: IntraInterGraphNetwork, device: torch.device) -> Look:
    """How a network looks at all hands of a frame on a device."""
    network = network.to(device)

    def look(view: View) -> list[FoundHand]:
        depth_m = None if view.depth_m is None else view.depth_m.to(device)
        found = network(View(view.images.to(device), view.half_slopes.to(device), depth_m))
        return found_hands(found, view.half_slopes, view.images.shape[-1])

    return look


def found_hands(found: Prediction, half_slopes: Tensor, size: int) -> list[FoundHand]:
    """Each hand of a prediction for crops with edges of ``size`` pixels."""
    joints_m, vertices_m = found.hands
    parts = (
        *(joints_m, vertices_m),
        uv_to_slopes(found.joints_uv.cpu(), half_slopes.cpu(), size),
        found.confidence,
    )
    distances_m = torch.full(half_slopes.shape, torch.nan)
    if found.distance_m is not None:
        distances_m = found.distance_m
    rows = zip(*(_array(part) for part in parts), distances_m.tolist(), strict=True)
    return [FoundHand(*row) for row in rows]


def _array(values: Tensor) -> NDArray[np.float64]:
    return np.asarray(values.double().cpu().numpy())
