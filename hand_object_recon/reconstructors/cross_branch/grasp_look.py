"""What the network answers of each hand, and the same in the camera's axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.reconstructors.cross_branch.network import CrossBranchNetwork
from hand_object_recon.reconstructors.cross_branch.options import DepthSource
from hand_object_recon.reconstructors.cross_branch.prediction import Prediction, View

FloatArray = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class FoundGrasp:
    """A hand and what it holds, in metres about the wrist.

    joints_m (21, 3), vertices_m (V, 3)
        The hand's.
    orientation (3, 3), fingers_rad (15, 3), shape (10,)
        The hand model's parameters: the turn of its wrist, axis-angle of the fingers' joints.
    object_vertices_m (642, 3)
        Of the object's sphere.
    held_share
        How likely there is an object, 0 to 1; 1 where the network cannot tell.
    """

    joints_m: FloatArray
    vertices_m: FloatArray
    orientation: FloatArray
    fingers_rad: FloatArray
    shape: FloatArray
    object_vertices_m: FloatArray
    held_share: float = 1.0

    @property
    def is_finite(self) -> bool:
        """Whether all numbers of the hand are."""
        parts = (self.joints_m, self.vertices_m, self.orientation, self.fingers_rad, self.shape)
        return all(np.isfinite(part).all() for part in parts)

    def turned(self, rotation: FloatArray) -> FoundGrasp:
        """Turned about the wrist by (3, 3)."""
        return replace(
            self,
            joints_m=self.joints_m @ rotation.T,
            vertices_m=self.vertices_m @ rotation.T,
            orientation=rotation @ self.orientation,
            object_vertices_m=self.object_vertices_m @ rotation.T,
        )

    def in_camera(self, crop: CropCamera) -> FoundGrasp:
        """From the axes of a crop's camera to those of the camera that the crop is cut out of.

        The crop's right hand is the camera's left one where the crop is mirrored.
        """
        handed = np.diag([np.linalg.det(crop.axes).round(), 1.0, 1.0])
        turned = np.diag(np.linalg.det(handed) * handed)  # axial vectors mirror the other way
        return replace(
            self,
            joints_m=self.joints_m @ crop.axes,
            vertices_m=self.vertices_m @ crop.axes,
            orientation=crop.axes.T @ self.orientation @ handed,
            fingers_rad=self.fingers_rad * turned,
            object_vertices_m=self.object_vertices_m @ crop.axes,
        )


Look = Callable[[View, Sequence[DepthSource]], list[FoundGrasp]]
"""From crops and what their fourth channel holds to grasps in the axes of the crops' cameras."""


def look_of(network: CrossBranchNetwork, device: torch.device) -> Look:
    """How a network with both branches looks at all hands of a frame on a device."""
    network = network.to(device)

    def look(view: View, sources: Sequence[DepthSource]) -> list[FoundGrasp]:
        found = network(View(*(part.to(device) for part in view)), sources)
        return _by_hand(network, found)

    return look


def _by_hand(network: CrossBranchNetwork, found: Prediction) -> list[FoundGrasp]:
    assert network.hand is not None
    assert found.hand is not None
    assert found.object is not None
    hand = found.hand
    fingers_rad = network.hand.decoder.fingers_rad(hand.components).reshape(-1, 15, 3)
    parts = (
        *(hand.joints_m, hand.vertices_m, hand.orientation, fingers_rad, hand.shape),
        found.object.vertices_m,
    )
    told = found.object.is_held
    held_shares = np.ones(len(hand.shape)) if told is None else _array(told.sigmoid())
    rows = zip(*(_array(part) for part in parts), held_shares.tolist(), strict=True)
    return [FoundGrasp(*row) for row in rows]


def _array(values: Tensor) -> NDArray[np.float64]:
    return np.asarray(values.double().cpu().numpy())
