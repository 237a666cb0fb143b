"""Distances between sets of points, and between points and a closed mesh.

Which point is nearest, and what is inside, is looked up without gradients; distances have them.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from hand_object_recon.geometry.nearest_point_kernels import nearest_of_sets

# Any direction that no edge of a common shape has; this one is ObMan's.
_RAY: Final = (0.4395064455, 0.617598629942, 0.652231566745)
_ASIDE: Final = (1.0, 0.0, 0.0)


def nearest_points(points: Tensor, others: Tensor) -> Tensor:
    """(B, N, 3) for each of (B, N, 3) points the nearest of (B, M, 3) others."""
    nearest = _nearest_numbers(points.detach(), others.detach())
    return others.gather(1, nearest[:, :, None].expand(-1, -1, 3))


def _nearest_numbers(points: Tensor, others: Tensor) -> Tensor:
    """(B, N) which of (B, M, 3) others is nearest to each of (B, N, 3) points."""
    if points.device.type != "cpu":
        return torch.cdist(points, others).argmin(dim=2)
    numbers = torch.empty(points.shape[:2], dtype=torch.int64)
    nearest_of_sets(points.numpy(), others.numpy(), numbers.numpy())
    return numbers


def chamfer(points: Tensor, others: Tensor) -> Tensor:
    """(B,) half the sum of the mean squared distance to the nearest, each way (Eq. 6)."""
    there, back = (
        (a - nearest_points(a, b)).square().sum(dim=2).mean(dim=1)
        for a, b in ((points, others), (others, points))
    )
    return 0.5 * (there + back)


@torch.no_grad()
def is_inside(points: Tensor, vertices: Tensor, faces: Tensor) -> Tensor:
    """(B, N) whether (B, N, 3) points are inside closed meshes of (B, V, 3) vertices.

    A ray from each point to one side crosses the surface more often one way than the other. So
    parts of a mesh may lie in each other, and it may be turned inside out.
    """
    axes = _ray_axes(points)
    inside = torch.zeros(points.shape[:2], dtype=torch.bool, device=points.device)
    for number, (one, mesh) in enumerate(zip(points @ axes.T, vertices @ axes.T, strict=True)):
        near = ((one >= mesh.amin(dim=0)) & (one <= mesh.amax(dim=0))).all(dim=1).nonzero()[:, 0]
        inside[number, near] = _crossings(one[near], mesh[faces]) != 0
    return inside


def _crossings(points: Tensor, triangles: Tensor) -> Tensor:
    """(N,) crossings of rays along z out of (N, 3) points through (F, 3, 3) triangles: those that
    leave the mesh less those that enter it."""
    x, y, z = triangles.unbind(dim=2)
    next_x, next_y = x.roll(-1, 1), y.roll(-1, 1)
    # Twice the area between a point and an edge is linear in the point; so is where the ray meets
    # the triangle's plane, as mean of the corners weighted by the areas opposite to them.
    sides = torch.stack([y - next_y, next_x - x, x * next_y - y * next_x])
    plane = (sides.roll(-1, 2) * z).sum(dim=2)
    areas = sides[2].sum(dim=1)
    at = torch.cat([points[:, :2], torch.ones_like(points[:, :1])], dim=1)
    first, second, third = (at @ side for side in sides.unbind(dim=2))
    is_above = (at @ plane - points[:, 2:] * areas) * areas.sign() > 0.0
    leaves = (first > 0.0) & (second > 0.0) & (third > 0.0)
    enters = (first < 0.0) & (second < 0.0) & (third < 0.0)
    return (leaves & is_above).sum(dim=1) - (enters & is_above).sum(dim=1)


def _ray_axes(points: Tensor) -> Tensor:
    """(3, 3) rotation that lays the ray along z."""
    ray, aside = points.new_tensor(_RAY), points.new_tensor(_ASIDE)
    ray = ray / torch.linalg.vector_norm(ray)
    first = aside - (aside @ ray) * ray
    first = first / torch.linalg.vector_norm(first)
    return torch.stack([first, torch.linalg.cross(ray, first), ray])
