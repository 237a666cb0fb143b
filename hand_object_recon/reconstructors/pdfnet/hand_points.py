"""Which points of the depth image the network reads of each hand."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.geometry.farthest_points import farthest_points
from hand_object_recon.reconstructors.pdfnet.options import PointChoice

FloatArray = NDArray[np.floating[Any]]

LEAST_POINTS: Final = 10
"""Of depth on a hand, so that the network may read them."""

_MASK_ABOVE: Final = 0.5
_NEAREST_M, _FARTHEST_M = 0.2, 2.5
_HALF_DEPTH_M: Final = 0.08  # of a hand, about its middle


class ChosenPoints(NamedTuple):
    """N points of each hand of one image, the left hand's first.

    cloud_m
        (2, N, 3) float32 metres in camera axes; zeros where there are too few.
    pixels
        (2, N) int64, their places y * S + x in the network's image; zeros where there are too few.
    is_enough
        (2,) bool, whether the hand has at least ``LEAST_POINTS`` readings.
    """

    cloud_m: NDArray[np.float32]
    pixels: NDArray[np.int64]
    is_enough: NDArray[np.bool_]


def choose_points(
    depth_m: FloatArray,
    masks: NDArray[Any],
    camera_matrix: FloatArray,
    count: int,
    *,
    choice: PointChoice = PointChoice.FARTHEST,
    generator: np.random.Generator | None = None,
) -> ChosenPoints:
    """``count`` points of each hand, the same ones again where there are fewer.

    They are those on a hand's mask that are at most 8 cm nearer or farther than the median of all
    there. The authors take the mean, which background in a mask draws along. However few of the
    first points are read, they are spread over the whole hand.

    depth_m
        (S, S) metres along the optical axis; NaN or 0 where the sensor saw nothing.
    masks
        (2, S, S) how likely a pixel shows the left and the right hand, or whether it does.
    camera_matrix
        (3, 3) intrinsics of the network's image.
    choice
        Random points, as in the authors' code, need the ``generator``.
    """
    if not np.issubdtype(depth_m.dtype, np.floating):
        raise InvalidValueError(f"depth_m is {depth_m.dtype}; give metres as float32")
    is_reading = (depth_m > _NEAREST_M) & (depth_m < _FARTHEST_M)
    chosen = ChosenPoints(
        np.zeros((len(masks), count, 3), np.float32),
        np.zeros((len(masks), count), np.int64),
        np.zeros(len(masks), np.bool_),
    )
    for hand, mask in enumerate(masks):
        pixels = np.flatnonzero(is_reading & (mask > _MASK_ABOVE))
        if len(pixels):
            depths = depth_m.ravel()[pixels]
            pixels = pixels[np.abs(depths - np.median(depths)) < _HALF_DEPTH_M]
        if len(pixels) < LEAST_POINTS:
            continue
        cloud_m = _back_projected(depth_m, pixels, camera_matrix)
        order = np.resize(_order(cloud_m, count, choice, generator), count)
        chosen.cloud_m[hand] = cloud_m[order]
        chosen.pixels[hand] = pixels[order]
        chosen.is_enough[hand] = True
    return chosen


def _back_projected(
    depth_m: FloatArray, pixels: NDArray[np.intp], camera_matrix: FloatArray
) -> NDArray[np.float32]:
    """(M, 3) points of the camera that flat pixels show."""
    row, column = np.divmod(pixels, depth_m.shape[1])
    z_m = depth_m.ravel()[pixels]
    x_m = (column - camera_matrix[0, 2]) / camera_matrix[0, 0] * z_m
    y_m = (row - camera_matrix[1, 2]) / camera_matrix[1, 1] * z_m
    return np.stack([x_m, y_m, z_m], axis=1).astype(np.float32)


def _order(
    cloud_m: NDArray[np.float32],
    count: int,
    choice: PointChoice,
    generator: np.random.Generator | None,
) -> NDArray[np.int64]:
    """Numbers of at most ``count`` of the points, in the order in which they are read."""
    if choice == PointChoice.FARTHEST:
        return farthest_points(cloud_m, min(count, len(cloud_m)))
    if generator is None:
        raise InvalidValueError("generator is None; points chosen at random need one")
    return generator.permutation(len(cloud_m))[:count]
