"""The square picture that the network sees of a camera image, of all of it or about the hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.networks.hand_crop import HandCrop

FloatArray = NDArray[np.floating[Any]]

KEPT_EDGES: Final = 1.4
"""Of the network's square about hands: how far records reach, for room to move, turn and scale."""


@dataclass(frozen=True, eq=False)
class SquareImage:
    """A frame, or a part of it, in a square; its aspect is kept.

    rgb
        (S, S, 3) uint8, black beyond the camera's image.
    depth_m
        (S, S) float32, NaN there and where there is no reading.
    camera_matrix
        (3, 3) intrinsics of the square.
    to_square
        (2, 3) affine map from pixels of the frame to the square's.
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    camera_matrix: FloatArray
    to_square: FloatArray

    @classmethod
    def of_frame(
        cls, frame: RgbdFrame, size: int, points_px: FloatArray | None = None, edges: float = 1.0
    ) -> SquareImage:
        """The whole image; or the least square about those of (N, 2) points that are in it,
        ``edges`` times as long."""
        crop = whole_image(frame.camera)
        if points_px is not None:
            last = np.array([frame.camera.width, frame.camera.height]) - 0.5
            inside = points_px[((points_px > -0.5) & (points_px < last)).all(axis=1)]
            crop = square_around(inside, edges) if len(inside) else crop
        to_square = crop.to_crop(size)
        return cls(
            crop.cut(frame.rgb, size),
            cut_depth(frame.depth_m, crop, size),
            np.vstack([to_square, [0.0, 0.0, 1.0]]) @ frame.camera.matrix,
            to_square,
        )

    def to_frame(self, pixels: FloatArray) -> FloatArray:
        """(N, 2) pixels of the square to the frame's."""
        linear, shift = self.to_square[:, :2], self.to_square[:, 2]
        return np.asarray((pixels - shift) @ np.linalg.inv(linear).T)


def whole_image(camera: CameraIntrinsics) -> HandCrop:
    """The least square about the middle of a camera's image that shows all of it."""
    middle = (camera.width - 1) / 2, (camera.height - 1) / 2
    return HandCrop(middle, max(camera.width, camera.height))


def square_around(points_px: FloatArray, edges: float) -> HandCrop:
    """The least square about (N, 2) points, its edge ``edges`` times as long; it may reach beyond
    the image."""
    low, high = points_px.min(axis=0), points_px.max(axis=0)
    x, y = ((low + high) / 2).tolist()
    return HandCrop((x, y), max(edges * float((high - low).max()), 1.0))


def cut_depth(depth_m: NDArray[np.float32], crop: HandCrop, size: int) -> NDArray[np.float32]:
    """(size, size) readings of a crop, none of them mixed; NaN beyond the image."""
    cut = cv2.warpAffine(
        depth_m,
        crop.to_crop(size),
        (size, size),
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(np.nan,),
    )
    return np.asarray(cut, dtype=np.float32)
