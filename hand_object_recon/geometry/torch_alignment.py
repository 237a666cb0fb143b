"""Least-squares rigid alignment of batches of corresponding points, in torch."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from hand_object_recon.geometry.torch_quaternions import quaternion_to_matrix


class RigidMotion(NamedTuple):
    """``target = source @ rotation.mT + translation`` for row vectors.

    rotation (B, 3, 3), and as quaternion (B, 4) x, y, z, w; translation (B, 3).
    """

    rotation: Tensor
    quaternion: Tensor
    translation: Tensor

    def apply(self, points: Tensor) -> Tensor:
        """(B, N, 3) points, moved."""
        return points @ self.rotation.mT + self.translation[:, None]


def align_rigid(source: Tensor, target: Tensor, weights: Tensor) -> RigidMotion:
    """Rigid motions that best map (B, N, 3) ``source`` onto ``target`` under (B, N) weights.

    Where a batch entry has no weight at all the motion is the identity.
    """
    share = weights / weights.sum(dim=1, keepdim=True).clamp_min(torch.finfo(source.dtype).tiny)
    source_mean = (share[..., None] * source).sum(dim=1)
    target_mean = (share[..., None] * target).sum(dim=1)
    covariance = weighted_covariance(
        source - source_mean[:, None], target - target_mean[:, None], share
    )
    quaternion = rotation_of_covariance(covariance)
    rotation = quaternion_to_matrix(quaternion)
    translation = target_mean - (rotation @ source_mean[..., None])[..., 0]
    return RigidMotion(rotation, quaternion, translation)


def weighted_covariance(source: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """(B, 3, 3) sums of ``weight * target * source.T`` over (B, N, 3) points as they are."""
    return (weights[..., None] * target).mT @ source


def rotation_of_covariance(covariance: Tensor) -> Tensor:
    """(B, 4) quaternions of the rotations nearest to (B, 3, 3) covariances of target and source.

    The eigenvector of the largest eigenvalue of Davenport's matrix, which is a proper rotation
    whatever the covariance (Horn, "Closed-form solution of absolute orientation using unit
    quaternions", 1987, section 4A).
    """
    m = covariance.mT
    trace = m.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    twist = torch.stack(
        [m[:, 1, 2] - m[:, 2, 1], m[:, 2, 0] - m[:, 0, 2], m[:, 0, 1] - m[:, 1, 0]], dim=-1
    )
    davenport = m.new_empty(len(m), 4, 4)
    davenport[:, :3, :3] = m + m.mT - trace[:, None, None] * torch.eye(3).to(m)
    davenport[:, :3, 3] = davenport[:, 3, :3] = twist
    davenport[:, 3, 3] = trace
    quaternions: Tensor = torch.linalg.eigh(davenport).eigenvectors[:, :, 3]
    return quaternions
