"""What goes into the network beside an image, what it sees in one, and what it answers.

The axis of hands comes after that of the batch: the left hand, then the right one. S is the
edge of the network's image in pixels, V the number of vertices of a hand.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class HandPoints(NamedTuple):
    """Points of both hands chosen from a depth image.

    cloud_m (B, 2, N, 3)
        Float32, metres in the camera's axes.
    pixels (B, 2, N)
        Int64, y * S + x of each point in the network's image.
    is_enough (B, 2)
        Bool, whether there were points to choose from. Where not, the others hold zeros.
    """

    cloud_m: Tensor
    pixels: Tensor
    is_enough: Tensor


class Pyramid(NamedTuple):
    """Image features: full (B, 3, S, S), half (B, c, S / 2, S / 2), quarter (B, C, S / 4, S / 4).

    ``full`` is None for networks that do not read it.
    """

    full: Tensor | None
    half: Tensor
    quarter: Tensor


class Seen(NamedTuple):
    """What the image alone shows.

    center_logits (B, 2, S / 4, S / 4)
        A hand's middle is in the cell.
    mask_logits (B, 2, S, S)
        A pixel shows the hand; ``Conventions.mask_shares`` says how likely.
    heatmaps (B, 42, S / 4, S / 4)
        21 keypoints of the left hand, then of the right one; None from a pruned network.
    presence_logits (B, 2)
        A hand is there; None from the authors' weights.
    box_sizes (B, 2, S / 4, S / 4), hand_parameters (B, 122, S / 4, S / 4)
        Heads of the authors' network that nothing reads; None from any other.
    """

    center_logits: Tensor
    mask_logits: Tensor
    heatmaps: Tensor | None
    presence_logits: Tensor | None
    pyramid: Pyramid
    box_sizes: Tensor | None = None
    hand_parameters: Tensor | None = None


class HandsPrediction(NamedTuple):
    """Both hands.

    vertices (B, 2, V, 3), joints (B, 2, 21, 3)
        Metres about the knuckle of the middle finger, in the camera's axes. V is 0 for a decoder
        of keypoints.
    roots_m (B, 2, 3)
        That knuckle in the camera's axes.
    centers (B, 2)
        Int64, the cell of the centre map that roots are counted from, row after row.
    nodes (B, 2, n, 3)
        Vertices of the finest graph that is convolved, None from a decoder of parameters.
    scale (B, 2), shift (B, 2, 2)
        The orthographic camera of vertices and nodes: see ``orthographic_px``. None as above.
    pose_6d (B, 2, 16, 6), shape (B, 2, 10)
        Parameters of the hand model, None from a decoder of graphs.
    """

    vertices: Tensor
    joints: Tensor
    roots_m: Tensor
    centers: Tensor
    nodes: Tensor | None = None
    scale: Tensor | None = None
    shift: Tensor | None = None
    pose_6d: Tensor | None = None
    shape: Tensor | None = None


def orthographic_px(points: Tensor, scale: Tensor, shift: Tensor, image_size: int) -> Tensor:
    """(B, 2, N, 2) pixels of (B, 2, N, 3) points about the root, seen without perspective."""
    middle = image_size / 2
    stretch = (image_size * scale)[..., None, None]
    return stretch * points[..., :2] + (middle * shift + middle)[..., None, :]
