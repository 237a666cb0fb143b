"""Where a hand is in metres: taken from the aligned depth, with what is left over reported."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandDetection, HandEstimate, HandTopology
from hand_object_recon.geometry.depth_placement import (
    LEAST_READINGS,
    offset_onto_depth,
    offset_onto_keypoints,
    surface_gaps,
)

FloatArray = NDArray[np.floating[Any]]


class MetricPlacement:
    """Puts hands where the depth camera saw them.

    Estimates already in metres in the camera frame stay where they are; root-relative ones are
    moved so that their joints project onto the keypoints and their visible surface meets the
    measured depth. The distance that most of the surface agrees on counts, so what is in front of
    the hand or beside it does not draw it along. Where no depth is measured, the hand's size and
    its keypoints place it.

    Either way the residual is worked out: the median distance along the view between the visible
    surface and the depth.
    """

    def __init__(self, topologies: tuple[HandTopology, ...], *, is_metric: bool) -> None:
        self._faces = {topology.name: topology.faces for topology in topologies}
        self._is_metric = is_metric

    def knows(self, topology: str) -> bool:
        """Whether a mesh of that name can be placed."""
        return topology in self._faces

    def place(
        self,
        frame: RgbdFrame,
        hand: HandEstimate,
        detection: HandDetection,
        keypoints_px: FloatArray | None = None,
    ) -> HandEstimate | None:
        """The hand with its residual, NaN where no depth was measured on it.

        None when it is not metric, and has no keypoints or such that put it behind the camera.
        keypoints_px: (21, 2) joints as the
        method saw them, instead of the detector's.
        """
        faces = self._faces[hand.topology]
        if not self._is_metric:
            pixels = detection.keypoints_px if keypoints_px is None else keypoints_px
            if pixels is None:
                return None
            by_size = offset_onto_keypoints(hand.joints_m, pixels, frame.camera)
            if not (hand.joints_m[:, 2] + by_size[2] > 0.0).all():
                return None
            hand = hand.moved(
                offset_onto_depth(frame, hand.joints_m, hand.vertices_m, faces, by_size)
            )
        gaps = surface_gaps(frame, hand.vertices_m, faces)
        residual = float(np.median(np.abs(gaps))) if len(gaps) >= LEAST_READINGS else np.nan
        return replace(hand, placement_residual_m=residual)
