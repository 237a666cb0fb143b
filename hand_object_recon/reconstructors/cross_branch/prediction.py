"""What the network sees and what it answers.

B hands, all right ones (left ones are mirrored before). S is the edge of the crop in pixels, V the
number of vertices of a hand, O the 642 of the object's sphere. Metres are about the wrist, in the
axes of the crop's camera.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor


class View(NamedTuple):
    """A crop.

    images (B, 3, S, S)
        Red, green and blue normalised as for ImageNet.
    depth_m (B, S, S)
        Measured depth along the crop camera's axis, metres; 0 where there is none.
    """

    images: Tensor
    depth_m: Tensor


class HandPrediction(NamedTuple):
    """joints_m (B, 21, 3), vertices_m (B, V, 3); what the hand layer made them of: orientation
    (B, 3, 3) of the wrist, components (B, 30) of the pose, shape (B, 10)."""

    joints_m: Tensor
    vertices_m: Tensor
    orientation: Tensor
    components: Tensor
    shape: Tensor


class ObjectPrediction(NamedTuple):
    """vertices_m (B, O, 3) = scale_m * canonical + translation_m.

    canonical (B, O, 3) is the mesh about its own middle, 1 its largest radius; scale_m (B,) and
    translation_m (B, 3). is_held (B,) is the logit of there being an object, None where the network
    cannot tell.
    """

    vertices_m: Tensor
    canonical: Tensor
    scale_m: Tensor
    translation_m: Tensor
    is_held: Tensor | None = None


class Prediction(NamedTuple):
    """relative_depth (B, S, S) as ``depth_channel`` counts it, the estimate; None where it is not
    estimated. hand and object are None where the stage has no such branch."""

    relative_depth: Tensor | None
    hand: HandPrediction | None
    object: ObjectPrediction | None
