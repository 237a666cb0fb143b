"""What is kept of a hand between frames, and where its motion leads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import BoundingBox, HandSide
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.geometry.rotations import axis_angle_to_matrix, matrix_to_axis_angle
from hand_object_recon.hand_model.pose_differential import POSE_PARAMETERS, HandState
from hand_object_recon.reconstructors.rgbd_fit.fitter import MotionBelief
from hand_object_recon.reconstructors.rgbd_fit.hand_points import SurfaceInView

FloatArray = NDArray[np.floating[Any]]

_LONGEST_GAP_S: Final = 0.5
_LONGEST_STEP_S: Final = 0.15  # after a longer gap nothing is known of the speed
_KEPT_SPEED: Final = 0.7  # hands slow down and turn back
_TURN_SIGMA_RAD: Final = 0.15
_STEP_SIGMA_M: Final = 0.02
_ANGLE_SIGMA_RAD: Final = 0.2


@dataclass(frozen=True, eq=False)
class TrackMemory:
    """A hand when it was last fitted.

    was_detected
        False where it was fitted by depth alone.
    turned_rad_s (3,), moved_m_s (3,)
        Its motion since the fit before; zero where that is not known.
    """

    side: HandSide
    stamp_ns: int
    state: HandState
    surface: SurfaceInView
    box: BoundingBox
    was_detected: bool
    turned_rad_s: FloatArray
    moved_m_s: FloatArray

    def motion_since(self, earlier: TrackMemory | None) -> TrackMemory:
        """The same, knowing the fit before it."""
        if earlier is None:
            return self
        step_s = (self.stamp_ns - earlier.stamp_ns) * 1e-9
        if not 0.0 < step_s < _LONGEST_STEP_S:
            return self
        turned = matrix_to_axis_angle(self.state.orientation @ earlier.state.orientation.T)
        moved = self.state.wrist_m - earlier.state.wrist_m
        return replace(self, turned_rad_s=turned / step_s, moved_m_s=moved / step_s)

    def is_recent(self, stamp_ns: int) -> bool:
        """Whether the hand can still be expected about where it was."""
        return 0 < stamp_ns - self.stamp_ns < _LONGEST_GAP_S * 1e9

    def leads_to(self, stamp_ns: int) -> HandState:
        """Where the hand is expected at a later time, its fingers as they were."""
        step_s = (stamp_ns - self.stamp_ns) * 1e-9
        if not 0.0 < step_s < _LONGEST_STEP_S:
            return self.state
        share = _KEPT_SPEED * step_s
        return replace(
            self.state,
            orientation=axis_angle_to_matrix(share * self.turned_rad_s) @ self.state.orientation,
            wrist_m=self.state.wrist_m + share * self.moved_m_s,
        )


def motion_belief(expected: HandState) -> MotionBelief:
    """How surely a hand is where its motion leads after one frame."""
    information = np.empty(POSE_PARAMETERS)
    information[:3] = 1.0 / _TURN_SIGMA_RAD**2
    information[3:6] = 1.0 / _STEP_SIGMA_M**2
    information[6:] = 1.0 / _ANGLE_SIGMA_RAD**2
    return MotionBelief(expected, information)


def moved_surface(surface: SurfaceInView, start: HandState, end: HandState) -> SurfaceInView:
    """A surface that moves as a hand's wrist does."""
    rotation = end.orientation @ start.orientation.T
    moved = (surface.vertices_m - start.wrist_m) @ rotation.T + end.wrist_m
    return SurfaceInView(np.asarray(moved, np.float32), surface.faces)


def object_surfaces(
    objects: Iterable[ObjectEstimate], memories: dict[int, TrackMemory], stamp_ns: int
) -> list[SurfaceInView]:
    """Objects of the frame before where they are expected now: those that are held move with
    their hand."""
    surfaces = []
    for one in objects:
        vertices = one.vertices_m @ one.pose[:3, :3].T + one.pose[:3, 3]
        surface = SurfaceInView(np.asarray(vertices, np.float32), one.faces)
        holder = memories.get(one.held_by)
        if holder is not None:
            surface = moved_surface(surface, holder.state, holder.leads_to(stamp_ns))
        surfaces.append(surface)
    return surfaces
