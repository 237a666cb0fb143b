"""From what the network answers to estimates of hands, about their wrists in camera axes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandEstimate
from hand_object_recon.core.keypoints import WRIST
from hand_object_recon.networks.hand_estimates import HandEstimates
from hand_object_recon.networks.joint_visibility import joints_seen_by_depth
from hand_object_recon.reconstructors.h2onet.hand_views import HandView
from hand_object_recon.reconstructors.h2onet.network import HandMesh
from hand_object_recon.reconstructors.h2onet.occlusion import VISIBLE

FloatArray = NDArray[np.floating[Any]]

_JOINTS_OF_FINGER: Final = 4


def estimate_of_view(
    estimates: HandEstimates, frame: RgbdFrame, view: HandView, answer: HandMesh
) -> HandEstimate | None:
    """The hand of a view, its wrist at the origin, in the camera's axes.

    answer: what the network gave for this view alone. None where no hand has such joints.
    """
    wrist_m = answer.joints[WRIST].double().numpy()
    joints = view.points_to_camera(answer.joints.double().numpy(), wrist_m)
    if not np.isfinite(joints).all():
        return None
    vertices = view.points_to_camera(answer.vertices.double().numpy(), wrist_m)
    visibility = _visibility(frame, view, answer, joints[:, 2])
    return estimates.of_hand(view.hand, joints, vertices, visibility)


def keypoints_of(view: HandView, answer: HandMesh) -> NDArray[np.float32]:
    """(21, 2) pixels where the network saw the joints."""
    pixels = view.crop.points_to_image(answer.joints_uv.double().numpy())
    return np.asarray(pixels, dtype=np.float32)


def _visibility(
    frame: RgbdFrame, view: HandView, answer: HandMesh, joints_z_m: FloatArray
) -> NDArray[np.float32]:
    """(21,) 0 to 1: what the network thinks of fingers and hand; where it has no opinion,
    whether depth was measured about where the joint is."""
    if answer.occlusion_logits is None:
        return joints_seen_by_depth(frame, keypoints_of(view, answer), joints_z_m)
    *fingers, hand = answer.occlusion_logits.softmax(dim=0)[VISIBLE].tolist()
    return np.array([hand, *np.repeat(fingers, _JOINTS_OF_FINGER)], dtype=np.float32)
