"""What the network sees and what it answers.

B hands, all right ones (left ones are mirrored before). S is the edge of the crop in pixels, K that
of the heat-maps in cells, V the number of vertices. Metres are about the wrist, in the axes of the
crop's camera; uv are shares of the crop's edge, 0 to 1 from its left upper corner, the middle of
its first pixel at 0.5 / S.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class View(NamedTuple):
    """A crop.

    images (B, 3, S, S)
        Red, green and blue normalised as for ImageNet.
    half_slopes (B,)
        Half the crop's width at a depth of 1 (``CropCamera.half_slope``).
    depth_m (B, S, S)
        Measured depth along the crop camera's axis, metres; 0 where there is none. None for
        networks that do not see it.
    """

    images: Tensor
    half_slopes: Tensor
    depth_m: Tensor | None = None


class Hands(NamedTuple):
    """joints_m (B, 21, 3) and vertices_m (B, V, 3)."""

    joints_m: Tensor
    vertices_m: Tensor


class Prediction(NamedTuple):
    """All that is found of a batch.

    heatmaps (B, H, 21, K, K)
        Of each hourglass, the last one's last, as they are compared with Gaussians.
    heatmap_logits (B, H, 21, K, K)
        The same as the softmax takes them.
    joints_uv (B, 21, 2)
        Where the joints are in the crop.
    confidence (B, 21)
        0 to 1: the share of a joint's heat-map near where it is said to be.
    rotations (B, 16, 3, 3)
        Of the model's joints, each against its parent; the first one is the wrist's.
    pose (B, 16, R)
        What was answered for them: R is 3 (axis times angle) or 6 (two columns of the matrix).
    shape (B, 10)
    initial
        What the hand model makes of these.
    refined
        The answer; None without a refinement.
    distance_m (B,)
        How far away the wrist is along the crop camera's axis by the depth where nodes are seen;
        NaN where nothing was measured, None for networks that do not see depth.
    """

    heatmaps: Tensor
    heatmap_logits: Tensor
    joints_uv: Tensor
    confidence: Tensor
    rotations: Tensor
    pose: Tensor
    shape: Tensor
    initial: Hands
    refined: Hands | None
    distance_m: Tensor | None = None

    @property
    def hands(self) -> Hands:
        """The best there is."""
        return self.initial if self.refined is None else self.refined
