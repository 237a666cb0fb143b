"""Which fingers are hidden, and fingers fused over frames by how well each frame shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hand_object_recon.networks.mesh_layers import SpiralConvolution
from hand_object_recon.reconstructors.h2onet.mesh_template import MeshTemplate
from hand_object_recon.reconstructors.h2onet.orientation import start_relu_layer

VISIBLE: Final = 0
"""Class of a finger, or of the whole hand, that can be seen; 1 is a hidden one."""

FRAMES: Final = 3


@dataclass(frozen=True)
class OcclusionJoints:
    """Which of the 21 joints tell about each finger (thumb first), and about the palm."""

    fingers: Sequence[Sequence[int]]
    palm: Sequence[int]


OWN_JOINTS: Final = OcclusionJoints(
    fingers=((1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11, 12), (13, 14, 15, 16), (17, 18, 19, 20)),
    palm=(0, 5, 9, 13, 17),
)
"""Each finger's own joints in the order of ``core.keypoints``."""

OFFICIAL_JOINTS: Final = OcclusionJoints(
    fingers=((13, 14, 15, 16), (1, 2, 3, 17), (4, 5, 6, 18), (10, 11, 12, 19), (7, 8, 9, 20)),
    palm=(0, 1, 4, 10, 7),
)
"""The authors' lists: numbered as MANO orders joints, though the features are not."""


class Fusion(str, Enum):
    """What earlier frames help with, from row iii to row vi of the paper's table 5."""

    EVEN = "even"
    """Vertices take as much from each frame; orientation comes from the current one."""
    FINGERS = "fingers"
    """Fingers take their features from the frames that show them."""
    FINGERS_AND_ORIENTATION = "fingers_and_orientation"
    """And the orientation is corrected by the newest frame that shows any finger."""


class OcclusionNetwork(nn.Module):
    """(B, 21, 2w) joint features to (B, 2, 6) logits: five fingers, then the whole hand."""

    def __init__(self, width: int, joints: OcclusionJoints) -> None:
        super().__init__()
        self._joints = joints
        half, full, double = width // 2, width, 2 * width
        self.joint_layer = nn.Sequential(
            nn.Conv1d(double, full, 1),
            nn.BatchNorm1d(full),
            nn.ReLU(),
            nn.Conv1d(full, half, 1),
            nn.BatchNorm1d(half),
            nn.ReLU(),
        )
        self.finger_layer = nn.Sequential(
            *_rectified(20 * half, 4 * width), *_rectified(4 * width, double)
        )
        self.finger_heads = nn.ModuleList(_head(double, full, half) for _ in range(5))
        self.hand_head = _head(5 * half + double, double, full)
        self.apply(start_relu_layer)

    def forward(self, joints: Tensor) -> Tensor:
        fingers = [joint for finger in self._joints.fingers for joint in finger]
        mapped = self.joint_layer(joints[:, fingers].transpose(1, 2)).unflatten(2, (5, 4))
        together = self.finger_layer(mapped.transpose(1, 2).flatten(1))
        palm = self.joint_layer(joints[:, list(self._joints.palm)].transpose(1, 2)).flatten(1)
        logits = [head(together) for head in self.finger_heads]
        logits.append(self.hand_head(torch.cat([together, palm], dim=1)))
        return torch.stack(logits, dim=-1)


class FingerFusion(nn.Module):
    """Offsets of the current frame's vertices from the features of three frames (section 3.3).

    is_even: each frame counts a third, whatever it shows.
    """

    def __init__(self, width: int, template: MeshTemplate, *, is_even: bool = False) -> None:
        super().__init__()
        channels = width // 4
        fingers = torch.full((template.vertex_count,), 5)
        for number, vertices in enumerate(template.finger_vertices):
            fingers[torch.from_numpy(vertices.astype("int64"))] = number
        self.register_buffer("finger_of_vertex", fingers, persistent=False)
        self.finger_of_vertex: Tensor
        steps = ((2 * channels, 2 * channels), (2 * channels, channels), (channels, channels))
        self.convolve = nn.ModuleList(
            SpiralConvolution(before, after, template.spirals[0]) for before, after in steps
        )
        self.head = SpiralConvolution(channels, 3, template.spirals[0])
        self.apply(start_relu_layer)
        self._is_even = is_even

    def forward(self, vertices: Tensor, occlusion_logits: Tensor) -> Tensor:
        """(B, V, 3) from vertices (3, B, V, w / 4) and occlusion_logits (3, B, 2, 6)."""
        visible = torch.softmax(occlusion_logits, dim=2)[:, :, VISIBLE, :5]
        if self._is_even:
            visible = torch.ones_like(visible)
        palm = torch.ones_like(visible[..., :1])
        of_vertex = torch.cat([visible, palm], dim=2)[..., self.finger_of_vertex]
        weights = torch.softmax(of_vertex, dim=0)
        fused = (weights[..., None] * vertices).sum(dim=0)
        features = torch.cat([fused, vertices[0]], dim=2)
        for convolve in self.convolve:
            features = functional.relu(convolve(features))
        result: Tensor = self.head(features)
        return result


def _rectified(channels_in: int, channels_out: int) -> tuple[nn.Module, ...]:
    return nn.Linear(channels_in, channels_out), nn.BatchNorm1d(channels_out), nn.ReLU()


def _head(channels: int, middle: int, last: int) -> nn.Sequential:
    return nn.Sequential(
        *_rectified(channels, middle), *_rectified(middle, last), nn.Linear(last, 2)
    )
