"""Which annotated hands are worth learning from, and the crops that show them."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import HandAnnotation
from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.hands import HandSide
from hand_object_recon.networks.crop_camera import CropCamera
from hand_object_recon.networks.hand_crop import LEAST_EDGE_PX

FloatArray = NDArray[np.floating[Any]]

_LEAST_VISIBLE_SHARE: Final = 0.1


def can_be_seen(hand: HandAnnotation) -> bool:
    """Whether a tenth of the hand is visible, or nobody says how much is."""
    return hand.visible_share is None or hand.visible_share >= _LEAST_VISIBLE_SHARE


def crop_around(
    hand: HandAnnotation,
    rays: FloatArray,
    camera: CameraIntrinsics,
    enlargement: float,
    *,
    is_upright: bool,
) -> CropCamera | None:
    """The crop that shows (N, 3) rays or points before the camera.

    Its edge is ``enlargement`` times the least; left hands are mirrored into right ones, and
    upright ones rolled until the knuckles are above the wrist. None where it has fewer than
    ``LEAST_EDGE_PX`` along its edge.
    """
    crop = CropCamera.around(rays, enlargement, is_mirrored=hand.side is HandSide.LEFT)
    if crop.edge_px(camera) < LEAST_EDGE_PX:
        return None
    return crop.upright(hand.joints_m) if is_upright else crop
