"""A frame's picture with every pixel named: hands, arms, background, and what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import BoundingBox
from hand_object_recon.geometry.background_planes import BackgroundPlanes
from hand_object_recon.held_objects.hand_surface import HandSurface
from hand_object_recon.held_objects.pixel_kinds import PixelKind
from hand_object_recon.held_objects.scene_crop import SceneCrop
from hand_object_recon.object_model.object_view import intrinsics_array

_OFF_FITS_M: Final = 0.009
_OFF_ALL_FITS_M: Final = 0.012
_SURE_LIKENESS: Final = 1.0
_LEAST_LIKENESS: Final = -1.0
_ROOT_M: Final = 0.035
_ON_SKIN_M: Final = 0.004
_AT_WRIST_M: Final = 0.07
_LEAST_ARM_M2: Final = 3e-5


@dataclass(frozen=True, eq=False)
class SceneLabels:
    """What the pixels of a crop show; all arrays are (h, w).

    kinds
        uint8 of ``PixelKind``.
    gaps_m, owner
        float32 signed distance to the nearest hand, infinite where none is near, and int8 number
        of that hand in ``hands``.
    hand_near_m, hand_far_m
        float32 depth where a pixel's ray enters the posed hands, and where it leaves them again;
        NaN where it meets none.
    bins
        uint16 bin of the color.
    likeness
        float32, above 0 where the color speaks for an object, below for skin.
    """

    crop: SceneCrop
    hands: tuple[HandSurface, ...]
    kinds: NDArray[np.uint8]
    gaps_m: NDArray[np.float32]
    owner: NDArray[np.int8]
    hand_near_m: NDArray[np.float32]
    hand_far_m: NDArray[np.float32]
    bins: NDArray[np.uint16]
    likeness: NDArray[np.float32]


def label_scene(
    crop: SceneCrop,
    hands: Sequence[HandSurface],
    background: BackgroundPlanes,
    centers_m: NDArray[np.float64],
    reach_m: float,
    evidence: NDArray[np.float32],
) -> SceneLabels:
    """Name the pixels of a crop.

    What is farther than ``reach_m`` from all ``centers_m`` (C, 3) is background. evidence
    (BINS,): what each color says for an object and against skin.
    """
    from hand_object_recon.held_objects.color_kernels import color_bins
    from hand_object_recon.held_objects.pixel_kernels import classify

    farthest_m = float(centers_m[:, 2].max()) + reach_m
    bins = color_bins(crop.rgb, crop.depth_m, farthest_m)
    likeness = evidence[bins]
    gaps, owner = _gaps(crop, hands)
    near, far = _layers(crop, hands)
    kinds = classify(
        crop.depth_m,
        intrinsics_array(crop.camera),
        gaps,
        likeness,
        background.planes,
        background.reach_m(float(centers_m[:, 2].mean())),
        centers_m,
        np.array([hand.forearm for hand in hands]).reshape(-1, 6),
        reach_m,
    )
    _keep_only_arms(crop, kinds, hands)
    return SceneLabels(crop, tuple(hands), kinds, gaps, owner, near, far, bins, likeness)


def is_surely_off_skin(labels: SceneLabels, *, trust_color: bool) -> NDArray[np.bool_]:
    """(h, w) pixels that a fit that is off does not make doubtful, nor a color like skin's if it
    is to be trusted."""
    gaps, likeness = labels.gaps_m, labels.likeness
    if not trust_color:
        return np.asarray(gaps > _OFF_ALL_FITS_M)
    by_color = likeness > _SURE_LIKENESS
    near = (gaps > _OFF_FITS_M) & (likeness > _LEAST_LIKENESS)
    return np.asarray(by_color | near | np.isposinf(gaps))


def skin_bins(labels: SceneLabels) -> NDArray[np.uint16]:
    """(N,) color bins of pixels of the hands near their wrists: there fits cover nothing else."""
    bins: list[NDArray[np.uint16]] = [np.zeros(0, dtype=np.uint16)]
    camera = labels.crop.camera
    for number, hand in enumerate(labels.hands):
        x, y, z = hand.root_m.tolist()
        if z <= 0:
            continue
        column, row = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
        reach = _ROOT_M * camera.fx / z
        box = BoundingBox(column - reach, row - reach, column + reach, row + reach)
        window = box.pixel_slices(*labels.crop.shape)
        is_skin = np.abs(labels.gaps_m[window]) < _ON_SKIN_M
        is_skin &= labels.owner[window] == number
        bins.append(labels.bins[window][is_skin])
    return np.concatenate(bins)


def _gaps(
    crop: SceneCrop, hands: Sequence[HandSurface]
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    from hand_object_recon.held_objects.hand_nearness_kernels import nearest_vertices
    from hand_object_recon.held_objects.pixel_kernels import measure_gaps

    gaps = np.full(crop.shape, np.inf, dtype=np.float32)
    owner = np.full(crop.shape, -1, dtype=np.int8)
    intrinsics = intrinsics_array(crop.camera)
    for number, hand in enumerate(hands):
        vertices = np.array(hand.hand.vertices_m)
        nearest, origin = nearest_vertices(vertices)
        measure_gaps(
            crop.depth_m, intrinsics, vertices, hand.normals, nearest, origin, number, gaps, owner
        )
    return gaps, owner


def _layers(
    crop: SceneCrop, hands: Sequence[HandSurface]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    from hand_object_recon.held_objects.hand_layer_kernels import draw_layers

    near = np.full(crop.shape, np.inf, dtype=np.float32)
    far = np.full(crop.shape, np.inf, dtype=np.float32)
    intrinsics = intrinsics_array(crop.camera)
    for hand in hands:
        draw_layers(np.array(hand.hand.vertices_m), np.array(hand.faces), intrinsics, near, far)
    is_hand = np.isfinite(near) & np.isfinite(far) & (far > near)
    near[~is_hand] = np.nan
    far[~is_hand] = np.nan
    return near, far


def _keep_only_arms(
    crop: SceneCrop, kinds: NDArray[np.uint8], hands: Sequence[HandSurface]
) -> None:
    """What lies beyond a wrist is an arm only where it goes on from the wrist."""
    from hand_object_recon.held_objects.part_kernels import areas_near, connected_parts

    intrinsics = intrinsics_array(crop.camera)
    parts, count = connected_parts(crop.depth_m, kinds, int(PixelKind.ARM), 1.0 / crop.camera.fx)
    if not hands:
        return
    wrists = np.array([hand.forearm[:3] for hand in hands])
    at_wrist = areas_near(crop.depth_m, parts, count, intrinsics, wrists, _AT_WRIST_M)
    other = np.append(at_wrist < _LEAST_ARM_M2, False)
    kinds[other[parts]] = PixelKind.REST
