"""Shape from the lengths that no pose changes: the bones and the distances within the palm."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.inverse_kinematics.skeleton import RIGID_PAIRS, KinematicSkeleton

FloatArray = NDArray[np.floating[Any]]

SHAPE_STEPS: Final = 3
"""Corrections after which a shape of unit deviation is right to a micrometre."""


def rigid_lengths(joints_m: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lengths (..., 30) between the (..., 21, 3) joints of ``RIGID_PAIRS``, and their weights.

    The error of a length comes from both its ends, so its weight is the harmonic mean of the
    two joints' (..., 21) weights, and zero where one is missing.
    """
    first, second = RIGID_PAIRS
    ends = joints_m[..., second, :] - joints_m[..., first, :]
    product = weights[..., first] * weights[..., second]
    total = weights[..., first] + weights[..., second]
    shared = 2.0 * product / np.where(total > 0, total, 1.0)
    return np.sqrt((ends * ends).sum(axis=-1)), shared


class LengthShape:
    """Fits the shape of one hand model to rigid lengths.

    Least squares with a Gaussian prior of unit deviation; a length's variance is twice that of a
    joint's coordinate. Lengths are all but linear in shape, so their derivative is that of the
    mean hand throughout, while the lengths themselves are those of the current shape.

    vectors_m (30, 3) between the keypoints of the mean hand, shapedirs (90, 10), jacobian
    (30, 10) of the lengths, prior the weight of a squared coefficient.
    """

    def __init__(self, skeleton: KinematicSkeleton, joint_sd_m: float) -> None:
        vectors, shapedirs = skeleton.rigid_vectors()
        along = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        self.vectors_m = vectors
        self.shapedirs = shapedirs.reshape(-1, SHAPE_COUNT)
        self.jacobian: FloatArray = np.einsum("lc,lcs->ls", along, shapedirs)
        self.prior = 2.0 * joint_sd_m * joint_sd_m

    def fit(self, lengths_m: FloatArray, weights: FloatArray) -> FloatArray:
        """(10,) shape of (30,) lengths and their (30,) weights."""
        weighted = self.jacobian.T * weights
        inverse = np.linalg.inv(weighted @ self.jacobian + self.prior * np.eye(SHAPE_COUNT))
        shape = np.zeros(SHAPE_COUNT)
        for _ in range(SHAPE_STEPS):
            vectors = self.vectors_m + (self.shapedirs @ shape).reshape(-1, 3)
            missing = lengths_m - np.sqrt((vectors * vectors).sum(axis=-1))
            shape = shape + inverse @ (weighted @ missing - self.prior * shape)
        return shape
