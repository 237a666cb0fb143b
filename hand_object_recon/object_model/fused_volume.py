"""A body's signed distances, fused from the depth of many views."""

from __future__ import annotations

from copy import copy
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.validation import require_range, require_rigid_transform
from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.object_surface import CompletionRule, ObjectSurface
from hand_object_recon.object_model.object_view import ObjectView, ViewLabel, intrinsics_array
from hand_object_recon.object_model.seen_surface import SeenSurface, seen_surface
from hand_object_recon.object_model.symmetry import SymmetryMemory

MOST_VOXELS_A_SIDE: Final = 128
TRUNCATION_VOXELS: Final = 4

_LEAST_POINTS: Final = 30
_LEAST_DEPTH_M: Final = 0.1
_BLOCK_VOXELS: Final = 0.5
_MARGIN_VOXELS: Final = TRUNCATION_VOXELS + 2
_SLACK_VOXELS: Final = 4
_STRAY_SHARE: Final = 0.01
_VIEWS_BETWEEN_CROPS: Final = 10
_WORTH_CROPPING: Final = 0.75
_SETTLED_SHARE: Final = 0.06

FloatArray = NDArray[np.floating[Any]]
Float32Array = NDArray[np.float32]
IntArray = NDArray[np.int64]


class FusedVolume:
    """Truncated signed distances on voxels in an object's own frame, which grow with what is seen.

    Each view moves the voxels it tells of towards what it measured: running averages whose weight
    is capped, so that what is contradicted long enough goes. ``OBJECT`` pixels give distances
    along the surface's normal; before them, before what lies behind ``FREE`` pixels and before
    ``OCCLUDER`` pixels the object is not; of the rest a view says nothing.

    distance
        (nx, ny, nz) float32 metres, positive outside, levelling off at ``truncation_m``; NaN where
        nothing was observed.
    weight
        (nx, ny, nz) float32, 1 for a reading of a surface face on at 0.5 m; 0 never observed.
    color, texture
        (nx, ny, nz, 3) and (nx, ny, nz) float32 red, green, blue and grey levels 0 to 255 near
        the seen surface, NaN elsewhere.
    origin_m
        (3,) float64 centre of voxel (0, 0, 0).
    symmetries
        What was found when the body's surface was last made.
    """

    def __init__(self, voxel_m: float = 0.0025, max_size_m: float = 0.30) -> None:
        """Nothing seen yet.

        max_size_m
            Largest extent; what sticks out farther is left out. Voxels are no finer than a 128th
            of it, so that memory stays bounded (60 MB).
        """
        require_range("volume voxel_m", voxel_m, 1e-4, 0.05)
        require_range("volume max_size_m", max_size_m, 0.01, 2.0)
        self.voxel_m = max(voxel_m, max_size_m / MOST_VOXELS_A_SIDE)
        self.truncation_m = TRUNCATION_VOXELS * self.voxel_m
        self.view_count = 0
        self.symmetries = SymmetryMemory()
        self._max_size_m = max_size_m
        self._first: IntArray = np.zeros(3, dtype=np.int64)
        self._is_empty = True
        self._allocate((2, 2, 2))

    @property
    def origin_m(self) -> NDArray[np.float64]:
        return np.asarray(self._first * self.voxel_m, dtype=np.float64)

    @property
    def grid(self) -> DistanceGrid:
        """The volume as it is now; it shows later views too until the volume grows."""
        return DistanceGrid(self.distance, self.origin_m, self.voxel_m)

    def integrate(self, view: ObjectView, camera_from_object: NDArray[np.float64]) -> None:
        """Bring the volume up to date with a view from a pose (4, 4), camera from object.

        The first views are passed over until one shows 30 points of the surface or more.
        """
        from hand_object_recon.object_model.integration_kernels import (
            carve_hand,
            integrate,
            pixel_readings,
        )

        pose = np.array(require_rigid_transform("camera_from_object", camera_from_object))
        self._make_room(view, pose)
        if self._is_empty:
            return
        intrinsics = intrinsics_array(view.camera)
        stride = self._pixel_stride(view.camera, pose)
        readings = pixel_readings(
            np.require(view.depth_m, requirements=["C", "W"]),
            np.require(view.label, requirements=["C", "W"]),
            _distance_from_others(view.label, stride),
            intrinsics,
            stride,
        )
        integrate(
            self.distance,
            self.weight,
            self.color,
            self.texture,
            self.origin_m,
            self.voxel_m,
            self.truncation_m,
            readings,
            stride,
            np.require(view.rgb, requirements=["C", "W"]),
            intrinsics,
            pose,
        )
        if view.hand_near_m is not None and view.hand_far_m is not None:
            carve_hand(
                self.distance,
                self.weight,
                self.origin_m,
                self.voxel_m,
                self.truncation_m,
                np.require(view.hand_near_m, requirements=["C", "W"]),
                np.require(view.hand_far_m, requirements=["C", "W"]),
                intrinsics,
                pose,
            )
        self.view_count += 1
        if self.view_count % _VIEWS_BETWEEN_CROPS == 0:
            self._crop()

    def copy(self) -> FusedVolume:
        """The volume as it is now, to make its surface beside the views that come meanwhile.

        Both remember the same symmetries, so that these are not looked for with each surface.
        """
        copied = copy(self)
        copied.distance, copied.weight = self.distance.copy(), self.weight.copy()
        copied.color, copied.texture = self.color.copy(), self.texture.copy()
        return copied

    def seen_surface(self) -> SeenSurface:
        """Oriented points on what was seen of the surface so far, in the object's frame."""
        return seen_surface(self.grid, self.texture)

    def settled(self) -> FusedVolume:
        """A copy in which surface that few readings speak for counts as never observed.

        Few is 6 % of the median weight of all seen voxels: what a finger leaves that was taken
        for the object in a single view.
        """
        copied = self.copy()
        is_surface = ~np.isnan(self.texture)
        if is_surface.any():
            least = _SETTLED_SHARE * float(np.median(self.weight[is_surface]))
            is_doubtful = (self.weight < least) & (is_surface | (self.distance < 0.0))
            for array in (copied.distance, copied.color, copied.texture):
                array[is_doubtful] = np.nan
            copied.weight[is_doubtful] = 0.0
        return copied

    def surface(
        self, rule: CompletionRule = CompletionRule.AUTO, max_faces: int = 2000
    ) -> ObjectSurface | None:
        """The body's watertight surface with at most ``max_faces``, its unseen side closed.

        None as long as too little was seen to make a body of.
        """
        from hand_object_recon.object_model.surface_making import make_surface

        return make_surface(self.settled(), rule, max_faces)

    def _pixel_stride(self, camera: CameraIntrinsics, camera_from_object: FloatArray) -> int:
        """Width in pixels of the blocks that are read as one: about half a voxel."""
        middle = self.origin_m + 0.5 * self.voxel_m * np.array(self.distance.shape)
        depth = float(camera_from_object[2, :3] @ middle + camera_from_object[2, 3])
        voxel_px = camera.fx * self.voxel_m / max(depth, _LEAST_DEPTH_M)
        return max(1, round(_BLOCK_VOXELS * voxel_px))

    def _make_room(self, view: ObjectView, camera_from_object: NDArray[np.float64]) -> None:
        """Grow to hold what a view shows and the room its unseen side is closed in."""
        if len(view.points_m) < _LEAST_POINTS:
            return
        rotation, shift = camera_from_object[:3, :3], camera_from_object[:3, 3]
        seen = SeenSurface((view.points_m - shift) @ rotation, view.normals @ rotation)
        if self._is_empty:
            first, last = self._needed(seen)
            self._move(first, np.minimum(last, first + self._most_voxels - 1))
        elif not self._holds(seen):
            first, last = self._needed(seen)
            self._move(*self._grown(first - _SLACK_VOXELS, last + _SLACK_VOXELS))

    def _holds(self, seen: SeenSurface) -> bool:
        """Whether the voxels reach past all that is seen, strays aside, by the truncation."""
        low, high = seen.box(_STRAY_SHARE)
        reach = self.truncation_m
        last_m = self._last * self.voxel_m
        return bool((low - reach >= self.origin_m).all() and (high + reach <= last_m).all())

    def _crop(self) -> None:
        """Let go of voxels that neither hold the body nor what may be its unseen side."""
        seen = self.seen_surface()
        if len(seen.points_m) < _LEAST_POINTS:
            return
        first, last = self._needed(seen)
        first = np.maximum(first - _SLACK_VOXELS, self._first)
        last = np.minimum(last + _SLACK_VOXELS, self._last)
        if (last - first + 1).prod() < _WORTH_CROPPING * self.distance.size:
            self._move(first, last)

    def _needed(self, seen: SeenSurface) -> tuple[IntArray, IntArray]:
        """Numbers of the first and last voxel (3,) of a box around a body that was seen so far."""
        low, high = seen.box(_STRAY_SHARE)
        beyond = seen.closing_shift_m()
        low, high = np.minimum(low, low + beyond), np.maximum(high, high + beyond)
        first = np.floor(low / self.voxel_m).astype(np.int64) - _MARGIN_VOXELS
        return first, np.ceil(high / self.voxel_m).astype(np.int64) + _MARGIN_VOXELS

    def _grown(self, first: IntArray, last: IntArray) -> tuple[IntArray, IntArray]:
        """The box of now and that from ``first`` to ``last``, as far as it may grow."""
        span = self._most_voxels - 1
        grown_first = np.maximum(np.minimum(first, self._first), self._last - span)
        grown_last = np.minimum(np.maximum(last, self._last), grown_first + span)
        return grown_first, grown_last

    @property
    def _last(self) -> IntArray:
        return self._first + self.distance.shape - 1

    @property
    def _most_voxels(self) -> int:
        return int(np.ceil(self._max_size_m / self.voxel_m)) + 2 * _MARGIN_VOXELS

    def _move(self, first: IntArray, last: IntArray) -> None:
        """Hold the voxels from ``first`` to ``last``; what they have in common is kept."""
        old_first, old_last = self._first, self._last
        old = (self.distance, self.weight, self.color, self.texture)
        self._first, self._is_empty = first, False
        self._allocate(tuple((last - first + 1).tolist()))
        low, high = np.maximum(first, old_first), np.minimum(last, old_last) + 1
        if (low >= high).any():
            return
        here = tuple(slice(*ends) for ends in zip(low - first, high - first, strict=True))
        there = tuple(slice(*ends) for ends in zip(low - old_first, high - old_first, strict=True))
        new = (self.distance, self.weight, self.color, self.texture)
        for array, source in zip(new, old, strict=True):
            array[here] = source[there]

    def _allocate(self, shape: tuple[int, ...]) -> None:
        self.distance = np.full(shape, np.nan, dtype=np.float32)
        self.weight = np.zeros(shape, dtype=np.float32)
        self.color = np.full((*shape, 3), np.nan, dtype=np.float32)
        self.texture = np.full(shape, np.nan, dtype=np.float32)


def _distance_from_others(label: NDArray[np.uint8], stride: int) -> Float32Array:
    """(h / stride, w / stride) distance in blocks, by the pixel in the middle of each, to the
    nearest that is not ``FREE``."""
    height, width = label.shape[0] // stride, label.shape[1] // stride
    middles = label[stride // 2 :: stride, stride // 2 :: stride][:height, :width]
    is_free = (middles == ViewLabel.FREE).astype(np.uint8)
    return np.asarray(cv2.distanceTransform(is_free, cv2.DIST_L2, 3), dtype=np.float32)
