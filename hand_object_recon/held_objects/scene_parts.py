"""The connected parts of what is near hands and neither hand, arm nor background."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.held_objects.hand_surface import HandSurface
from hand_object_recon.held_objects.pixel_kinds import PixelKind
from hand_object_recon.held_objects.scene_labels import SceneLabels
from hand_object_recon.object_model.object_view import intrinsics_array

FloatArray = NDArray[np.floating[Any]]

_GRASP_M: Final = 0.03
_AT_WRIST_M: Final = 0.04


@dataclass(frozen=True, eq=False)
class SceneParts:
    """Parts of a labelled scene, numbered from 0.

    number
        (h, w) int32 part of each pixel, -1 for none.
    measures
        (P, 10) what ``part_kernels.part_measures`` tells of each.
    """

    labels: SceneLabels
    number: NDArray[np.int32]
    measures: NDArray[np.float64]

    @property
    def count(self) -> int:
        return len(self.measures)

    def in_grasp_m2(self, hand: HandSurface) -> FloatArray:
        """(P,) area of each part where a hand would hold something."""
        return self._near(hand.grasp_places_m, _GRASP_M)

    def at_wrist_m2(self, hand: HandSurface) -> FloatArray:
        """(P,) area of each part about a hand's wrist, where a bent arm goes on."""
        return self._near(hand.forearm[None, :3], _AT_WRIST_M)

    @cached_property
    def intrinsics(self) -> NDArray[np.float64]:
        return intrinsics_array(self.labels.crop.camera)

    def _near(self, places_m: NDArray[np.float64], radius_m: float) -> FloatArray:
        from hand_object_recon.held_objects.part_kernels import areas_near

        depth = self.labels.crop.depth_m
        return areas_near(depth, self.number, self.count, self.intrinsics, places_m, radius_m)


def scene_parts(labels: SceneLabels) -> SceneParts:
    """The parts of a labelled scene's rest."""
    from hand_object_recon.held_objects.part_kernels import connected_parts, part_measures

    crop = labels.crop
    number, count = connected_parts(
        crop.depth_m, labels.kinds, int(PixelKind.REST), 1.0 / crop.camera.fx
    )
    measures = part_measures(
        crop.depth_m,
        number,
        count,
        intrinsics_array(crop.camera),
        labels.gaps_m,
        labels.likeness,
        labels.kinds,
        int(PixelKind.BACKGROUND),
    )
    return SceneParts(labels, number, measures)
