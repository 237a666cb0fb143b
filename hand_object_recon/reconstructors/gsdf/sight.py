"""What the network makes of a frame's hands before and after it is known how far they are.

Heat-maps and feature maps need the image alone. Joints follow from them for any distance, so the
trunks run once for all hands of a frame, and what depends on the wrist is worked out when it is
placed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.networks.frame_memory import FrameMemory
from hand_object_recon.reconstructors.gsdf.folded_field import folded_fields, scene_row
from hand_object_recon.reconstructors.gsdf.hand_views import CropBatch
from hand_object_recon.reconstructors.gsdf.network import GSDFNetwork, Scene, Seen, Views, Visual
from hand_object_recon.reconstructors.gsdf.relative_joints import RelativeJoints

FloatArray = NDArray[np.floating[Any]]

_PROVISIONAL_M: Final = 2.0  # farther than heat-maps reach to either side


class SignedField(Protocol):
    """Signed distances to a body in query units, below zero inside."""

    def __call__(self, points: Tensor) -> Tensor:
        """(N,) of (N, 3) points."""

    def gradients(self, points: Tensor) -> Tensor:
        """(N, 3) how the distance grows along each axis."""


class BodyFields(NamedTuple):
    """Of a hand and of what it holds, about its wrist in the axes of its crop's camera."""

    hand: SignedField
    object: SignedField


class Sight(Protocol):
    """All hands of a frame."""

    @property
    def joints(self) -> Sequence[RelativeJoints]:
        """Of each hand, in the axes of its crop's camera."""

    def fields(self, row: int, wrist_m: FloatArray, joints_m: FloatArray) -> BodyFields:
        """The bodies of one hand whose wrist is put at (3,) and whose joints at (21, 3)."""


Look = Callable[[CropBatch], Sight]
"""From the crops of a frame to what is seen in them."""


class NetworkSight:
    """What a ``GSDFNetwork`` sees: ``seen`` of crops with (B, 1, 3, 3) cameras."""

    def __init__(self, network: GSDFNetwork, seen: Seen, cameras: Tensor) -> None:
        wrists = cameras.new_tensor([0.0, 0.0, _PROVISIONAL_M])
        views = Views(cameras, wrists.expand(*cameras.shape[:2], 3))
        self._network = network
        self._scene = network.placed(seen, views)
        self._joints = [
            RelativeJoints.of_joints(joints_m, _PROVISIONAL_M)
            for joints_m in self._scene.joints_m.double().cpu().numpy()
        ]

    @property
    def joints(self) -> Sequence[RelativeJoints]:
        return self._joints

    def fields(self, row: int, wrist_m: FloatArray, joints_m: FloatArray) -> BodyFields:
        wrists, joints = (
            self._scene.joints_m.new_tensor(part)[None] for part in (wrist_m, joints_m)
        )
        scene = _placed_at(self._network, scene_row(self._scene, row), wrists, joints)
        return BodyFields(*folded_fields(self._network, scene, 0))


def look_of(network: GSDFNetwork, device: torch.device, earlier: FrameMemory[Tensor]) -> Look:
    """How a network on a device looks at crops.

    A network for videos remembers its maps of frames in ``earlier``, and each hand's are helped by
    those of its earlier frames.
    """

    def look(batch: CropBatch) -> Sight:
        seen = network.look(batch.images[:, 0].to(device))
        if network.video is not None:
            is_video = network.features.visual is Visual.VIDEO
            frames = _with_earlier(seen.maps, batch, earlier) if is_video else seen.maps[:, None]
            seen = seen._replace(maps=network.video(frames)[:, 0])
        return NetworkSight(network, seen, batch.cameras.to(device))

    return look


def _with_earlier(maps: Tensor, batch: CropBatch, earlier: FrameMemory[Tensor]) -> Tensor:
    """(B, F, C, H, W) maps of each hand's frames, the current one first."""
    frames = []
    for row, hand in enumerate(batch.hands):
        current = maps[row].clone()  # alone, or what is remembered keeps the whole batch alive
        frames.append(
            torch.stack([current, *earlier.earlier_frames(hand, batch.stamp_ns, current)])
        )
    return torch.stack(frames)


def _placed_at(network: GSDFNetwork, scene: Scene, wrists_m: Tensor, joints_m: Tensor) -> Scene:
    """A scene with (B, 3) wrists and (B, 21, 3) joints elsewhere; the objects' centres move along
    their rays with the wrists."""
    farther_m = wrists_m[:, 2] - scene.views.wrists_m[:, 2]
    centers_m = _along_rays(scene.centers_m, farther_m)
    return network.scene(Views(scene.views.cameras, wrists_m), scene.maps, joints_m, centers_m)


def _along_rays(points_m: Tensor, farther_m: Tensor) -> Tensor:
    """(..., 3) points moved along their rays to where z is greater by (...)."""
    z = points_m[..., 2:]
    return points_m * (1.0 + farther_m[..., None] / z)
