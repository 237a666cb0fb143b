"""Batches of hands of both sides posed by anatomical angles, with what grasping asks of them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple

import torch
from torch import Tensor

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import FINGER_NAMES, FINGERTIPS, KNUCKLES
from hand_object_recon.core.objects import HandPart
from hand_object_recon.hand_model.conventions import finger_joints
from hand_object_recon.hand_model.layer import HandLayer
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.vertex_labels import Segment, vertex_labels

MODEL_NAME: Final = "open_hand"
_LAST_JOINTS: Final = tuple(finger_joints(finger)[2] for finger in FINGER_NAMES)
_PAD_PLACE: Final = 0.62  # of the way from a finger's last joint to its tip


class HandZones(NamedTuple):
    """Vertices of the hand, of either side, by what they do in a grasp.

    segments (5, 3)
        Of each finger the vertices of its segments, from the palm outwards.
    grips
        Of each finger the palm side of what closes around things: all of it but the first
        segment's back.
    pads
        Of each finger the pad of its last segment.
    palm
        Skin of the palm with the ball of the thumb.
    """

    segments: tuple[tuple[Tensor, ...], ...]
    grips: tuple[Tensor, ...]
    pads: tuple[Tensor, ...]
    palm: Tensor


class LocalHands(NamedTuple):
    """Hands with the wrist at the origin and no global turn.

    vertices_m (B, V, 3), joints_m (B, 21, 3) in keypoint order, pad_normals (B, 5, 3) out of
    the skin of the finger pads.
    """

    vertices_m: Tensor
    joints_m: Tensor
    pad_normals: Tensor

    @property
    def pads_m(self) -> Tensor:
        """(B, 5, 3) points inside the finger ends behind the pads."""
        last = self.joints_m[:, [tip - 1 for tip in FINGERTIPS]]
        return torch.lerp(last, self.joints_m[:, list(FINGERTIPS)], _PAD_PLACE)

    @property
    def knuckles_m(self) -> Tensor:
        """(B, 3) the middle of the four knuckles."""
        return self.joints_m[:, list(KNUCKLES)].mean(dim=1)

    @property
    def middle_joints_m(self) -> Tensor:
        """(B, 3) the middle of the four fingers' second joints."""
        return self.joints_m[:, [knuckle + 1 for knuckle in KNUCKLES]].mean(dim=1)


class Hands:
    """B hands, each of its own side and shape."""

    def __init__(self, is_left: Tensor, shape: Tensor) -> None:
        """is_left (B,) bool, shape (B, 10)."""
        constants = _constants(str(shape.device))
        self.is_left, self.shape = is_left, shape
        self.zones = constants.zones
        self._layer = constants.layer.with_shape(shape)
        self._axes = constants.axes[is_left.long()]
        self._pad_directions = constants.pad_directions[is_left.long()]

    def posed(self, angles_rad: Tensor) -> LocalHands:
        """The hands with (B, 15, 3) flexion, abduction and twist."""
        batch = len(self.is_left)
        fingers = self.finger_pose(angles_rad)
        pose = torch.cat([fingers.new_zeros(batch, 3), fingers.reshape(batch, 45)], dim=1)
        out = self._layer(pose, is_left=self.is_left)
        wrist = out.joints_m[:, :1]
        turned = out.joint_rotations[:, list(_LAST_JOINTS)] @ self._pad_directions[..., None]
        return LocalHands(out.vertices_m - wrist, out.joints_m - wrist, turned[..., 0])

    def finger_pose(self, angles_rad: Tensor) -> Tensor:
        """(B, 15, 3) axis-angle vectors of the joints, as the hand model takes them."""
        return torch.einsum("bja,bjac->bjc", angles_rad, self._axes)

    def rest_wrist_m(self) -> Tensor:
        """(B, 3) where the wrist is in rest, the point a hand turns about."""
        out = self._layer(self.shape.new_zeros(len(self.shape), 48), is_left=self.is_left)
        wrist: Tensor = out.joints_m[:, 0].contiguous()
        return wrist

    def palm_normals(self) -> Tensor:
        """(B, 3) out of the palm, of a hand without a global turn."""
        return self.shape.new_tensor([0.0, -1.0, 0.0]).expand(len(self.shape), 3)


def joint_limits_rad(device: torch.device) -> tuple[Tensor, Tensor]:
    """(15, 3) least and greatest flexion, abduction and twist of each joint."""
    limits = _constants(str(device)).limits
    return limits[..., 0], limits[..., 1]


def placed(points_m: Tensor, rotation: Tensor, wrist_m: Tensor) -> Tensor:
    """(B, N, 3) points of local hands, turned by (B, 3, 3) and moved to wrists (B, 3)."""
    turned: Tensor = points_m @ rotation.transpose(1, 2)
    return turned + wrist_m[:, None]


class _Constants(NamedTuple):
    layer: HandLayer
    axes: Tensor
    limits: Tensor
    pad_directions: Tensor
    zones: HandZones


@lru_cache(maxsize=4)
def _constants(device: str) -> _Constants:
    right = load_hand_model(MODEL_NAME, HandSide.RIGHT)
    left = load_hand_model(MODEL_NAME, HandSide.LEFT)
    axes = torch.stack([torch.tensor(model.joint_axes.copy()) for model in (right, left)])
    last = [joint - 1 for joint in _LAST_JOINTS]
    pads = torch.linalg.cross(axes[:, last, 0], axes[:, last, 2])
    # Axes mirror as turns do; directions in space mirror in x alone.
    pads[1] = pads[0] * torch.tensor([-1.0, 1.0, 1.0])
    return _Constants(
        layer=HandLayer.both_sides(MODEL_NAME).to(device).requires_grad_(False),
        axes=axes.to(device),
        limits=torch.tensor(right.joint_limits_rad.copy(), device=device),
        pad_directions=torch.nn.functional.normalize(pads, dim=-1).to(device),
        zones=_zones(device),
    )


def _zones(device: str) -> HandZones:
    labels = vertex_labels(load_hand_model(MODEL_NAME, HandSide.RIGHT))
    part, segment = torch.tensor(labels.part.copy()), torch.tensor(labels.segment.copy())
    palmar = torch.tensor(labels.is_palmar.copy())
    contact_zone = torch.tensor(labels.contact_zone.copy())

    def chosen(mask: Tensor) -> Tensor:
        return mask.nonzero()[:, 0].to(device)

    fingers = range(HandPart.THUMB, HandPart.PINKY + 1)
    levels = (Segment.PROXIMAL, Segment.MIDDLE, Segment.DISTAL)
    is_ball = (part == HandPart.THUMB) & (segment == Segment.PROXIMAL)
    return HandZones(
        segments=tuple(
            tuple(chosen((part == finger) & (segment == level)) for level in levels)
            for finger in fingers
        ),
        grips=tuple(chosen((part == finger) & palmar & ~is_ball) for finger in fingers),
        pads=tuple(chosen(contact_zone == 1 + finger) for finger in fingers),
        palm=chosen(((part == HandPart.PALM) | is_ball) & palmar),
    )
