"""From hands in the camera's frame to estimates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandEstimate, TrackedHand
from hand_object_recon.geometry.projection import project
from hand_object_recon.networks.hand_estimates import HandEstimates
from hand_object_recon.networks.joint_visibility import joints_seen_by_depth
from hand_object_recon.reconstructors.intra_inter_graph.hand_look import FoundHand


def estimate_of_hand(
    estimates: HandEstimates, frame: RgbdFrame, hand: TrackedHand, found: FoundHand
) -> HandEstimate | None:
    """The estimate of a hand that is placed; None where no hand has such joints.

    Inverse kinematics of the refined joints finds its parameters: they fit the refined mesh better
    than those that the hand model had before the refinement.
    """
    pixels = project(found.joints_m, frame.camera)
    visibility = joints_seen_by_depth(frame, pixels, found.joints_m[:, 2])
    estimate = estimates.of_hand(hand, found.joints_m, found.vertices_m, visibility)
    if estimate is None:
        return None
    return replace(estimate, joint_confidence=found.confidence.astype(np.float32))
