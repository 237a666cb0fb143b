"""One frame's signed distances with all that is the same for its points worked out before.

Bilinear sampling and the layers before the first activation are linear. So the encoder and the
visual part of a head's first layer, and of the layer that sees the input again, are applied to
the 256 cells of the feature map instead of to every point, and points read the result; kinematic
features are affine in the point and become three columns.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from hand_object_recon.reconstructors.gsdf.aligned_features import map_places
from hand_object_recon.reconstructors.gsdf.kinematic_features import AffineFeatures
from hand_object_recon.reconstructors.gsdf.network import GSDFNetwork, Scene, Views
from hand_object_recon.reconstructors.gsdf.sdf_head import SdfHead

_POINTS_AT_ONCE: Final = 1024  # so that what lies between layers stays in the cache


class FoldedField:
    """``GSDFNetwork.distances`` of one head and one frame: (N, 3) points to (N,) distances."""

    def __init__(
        self, network: GSDFNetwork, head: SdfHead, kinematics: AffineFeatures, scene: Scene
    ) -> None:
        """``kinematics`` and ``scene`` of a single frame."""
        self._unit_m = network.conventions.unit_m
        self._wrist_m = scene.views.wrists_m
        self._cameras = scene.views.cameras
        self._size = scene.maps.shape[2:]
        (first, first_bias), (second, second_bias), (third, third_bias), fourth = head.folded()
        width = third.shape[1] - first.shape[1]
        self._width = len(first)
        entering = torch.cat([first, third[:, width:]])
        bias = torch.cat([first_bias, third_bias])
        channels = scene.maps.shape[1]
        visual, kinematic = entering[:, :channels], entering[:, channels:]
        encoder = visual @ network.encoder.weight.detach()
        of_depth = encoder[:, channels]
        self._table = (encoder[:, :channels] @ scene.maps[0].flatten(1)).T.contiguous()
        by_point = kinematic @ kinematics.matrix[0]
        by_point[:, 2] += of_depth * self._unit_m
        of_ray = encoder[:, channels + 1 :]
        constant = (
            bias
            + visual @ network.encoder.bias.detach()
            + kinematic @ kinematics.offset[0]
            + of_depth * self._wrist_m[0, 2]
        )
        self._by_point = torch.cat([by_point, of_ray, constant[:, None]], dim=1).T.contiguous()
        self._second = (second.T.contiguous(), second_bias)
        self._third = third[:, :width].T.contiguous()
        self._fourth = (fourth[0].T.contiguous(), fourth[1])
        self._last = (head.last.weight.detach()[0], head.last.bias.detach()[0])

    def __call__(self, points: Tensor) -> Tensor:
        starts = range(0, max(len(points), 1), _POINTS_AT_ONCE)
        return torch.cat([self._of_few(points[one : one + _POINTS_AT_ONCE]) for one in starts])

    def gradients(self, points: Tensor) -> Tensor:
        """(N, 3) how the distance grows along each axis at (N, 3) points."""
        with torch.enable_grad():
            places = points.detach().clone().requires_grad_()
            (gradients,) = torch.autograd.grad(self(places).sum(), places)
        return gradients

    def _of_few(self, points: Tensor) -> Tensor:
        points_m = points * self._unit_m + self._wrist_m
        rays = functional.normalize(points_m, dim=1)
        by_point = torch.cat([points, rays, torch.ones_like(points[:, :1])], dim=1)
        numbers, shares = self._cells_seen(points_m)
        entering = functional.embedding_bag(
            numbers, self._table, per_sample_weights=shares, mode="sum"
        ).addmm_(by_point, self._by_point)
        values = functional.relu(entering[:, : self._width])
        values = torch.addmm(self._second[1], values, self._second[0]).relu_()
        values = torch.addmm(entering[:, self._width :], values, self._third).relu_()
        values = torch.addmm(self._fourth[1], values, self._fourth[0]).relu_()
        return (values @ self._last[0] + self._last[1]).tanh()

    def _cells_seen(self, points_m: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 4) numbers of the map's cells around each point's image, and their shares."""
        height, width = self._size
        size = points_m.new_tensor([width - 1, height - 1])
        places = 0.5 * (map_places(points_m[None], self._cameras)[0] + 1.0) * size
        low = places.floor().detach()
        beyond = places - low
        numbers, shares = [], []
        for right in (0, 1):
            for down in (0, 1):
                x, y = low[:, 0] + right, low[:, 1] + down
                is_cell = (x >= 0) & (x < width) & (y >= 0) & (y < height)
                share_x = beyond[:, 0] if right else 1.0 - beyond[:, 0]
                share_y = beyond[:, 1] if down else 1.0 - beyond[:, 1]
                number = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
                numbers.append(number.long())
                shares.append(torch.where(is_cell, share_x * share_y, 0.0))
        return torch.stack(numbers, dim=1), torch.stack(shares, dim=1)


def folded_fields(network: GSDFNetwork, scene: Scene, row: int) -> tuple[FoldedField, FoldedField]:
    """The fields of the hand and of the object in one of a batch's frames."""
    one = scene_row(scene, row)
    return (
        FoldedField(network, network.hand_head, one.hand, one),
        FoldedField(network, network.object_head, one.object, one),
    )


def scene_row(scene: Scene, row: int) -> Scene:
    """One frame of a batch, as a batch of one."""
    one = slice(row, row + 1)
    return Scene(
        Views(*(part[one] for part in scene.views)),
        scene.maps[one],
        scene.transforms[one],
        scene.joints_m[one],
        scene.centers_m[one],
        AffineFeatures(*(part[one] for part in scene.hand)),
        AffineFeatures(*(part[one] for part in scene.object)),
    )
