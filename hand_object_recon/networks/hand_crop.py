"""The square crop of a hand that image networks see, and the way back from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import KNUCKLES, WRIST

FloatArray = NDArray[np.floating[Any]]
Image = NDArray[np.uint8]

BOX_MARGIN: Final = 1.2
"""Detectors' boxes leave a tenth of the hand free on each side, as joints' boxes do not."""

LEAST_EDGE_PX: Final = 24.0
"""Of a crop, in pixels of the image: a smaller one shows too little, in training and afterwards."""


@dataclass(frozen=True)
class HandCrop:
    """A square of an image, turned and mirrored on the way into the crop.

    center_px (x, y) and edge_px of the square; angle_rad turns what is in the crop clockwise as
    one sees it; is_mirrored swaps left and right, after which a left hand looks like a right
    one.
    """

    center_px: tuple[float, float]
    edge_px: float
    angle_rad: float = 0.0
    is_mirrored: bool = False

    def __post_init__(self) -> None:
        if not self.edge_px > 0:
            raise InvalidValueError(f"crop edge_px is {self.edge_px}; it must be above 0")

    @classmethod
    def around(
        cls, points_px: FloatArray, image_size: tuple[int, int], enlargement: float = 1.5
    ) -> HandCrop:
        """H2ONet's rule: the tight box of (N, 2) points grown by ``enlargement`` along each
        axis, cut to the image of (width, height), then made square about its middle."""
        low, high = points_px.min(axis=0), points_px.max(axis=0)
        middle, half = (low + high) / 2, enlargement * (high - low) / 2
        last = np.subtract(image_size, 1)
        low, high = np.clip(middle - half, 0, last), np.clip(middle + half, 0, last)
        center = (low + high) / 2
        edge = max(float((high - low).max()), 1.0)
        return cls((float(center[0]), float(center[1])), edge)

    @classmethod
    def upright(
        cls, keypoints_px: FloatArray, enlargement: float = 1.5, *, is_mirrored: bool = False
    ) -> HandCrop:
        """The square about a hand of (21, 2) keypoints that shows the knuckles above the wrist.

        Its edge is the longer side of the box about the turned points, times ``enlargement``.
        Hands differ less between such crops than between those that stand as the image does:
        how a hand is turned about the viewing axis need not be learned.
        """
        sign = -1.0 if is_mirrored else 1.0
        points = keypoints_px * np.array([sign, 1.0])
        right, down = points[list(KNUCKLES)].mean(axis=0) - points[WRIST]
        angle = float(np.arctan2(-right, -down))
        cosine, sine = np.cos(angle), np.sin(angle)
        turn = np.array([[cosine, -sine], [sine, cosine]])
        turned = points @ turn.T
        low, high = turned.min(axis=0), turned.max(axis=0)
        x, y = ((low + high) / 2 @ turn).tolist()
        edge = max(enlargement * float((high - low).max()), 1.0)
        return cls((sign * x, y), edge, angle, is_mirrored)

    def to_crop(self, size: int) -> FloatArray:
        """(2, 3) affine map from image pixels to pixels of a crop with edges of ``size``."""
        scale = size / self.edge_px
        cosine, sine = scale * np.cos(self.angle_rad), scale * np.sin(self.angle_rad)
        linear = np.array([[cosine, -sine], [sine, cosine]])
        if self.is_mirrored:
            linear = linear @ np.diag([-1.0, 1.0])
        # Pixel centres lie at whole numbers: a crop's middle is at (size - 1) / 2.
        shift = (size - 1) / 2 - linear @ np.array(self.center_px)
        return np.concatenate([linear, shift[:, None]], axis=1)

    def cut(self, image: Image, size: int) -> Image:
        """(size, size, C) crop; black beyond the image."""
        cut = cv2.warpAffine(image, self.to_crop(size), (size, size), flags=cv2.INTER_LINEAR)
        return np.asarray(cut, dtype=np.uint8)

    def points_to_crop(self, points_px: FloatArray) -> FloatArray:
        """(N, 2) image pixels to shares of the crop's edge, 0 to 1 inside."""
        matrix = self.to_crop(1)
        return np.asarray(points_px @ matrix[:, :2].T + matrix[:, 2] + 0.5)

    def points_to_image(self, shares: FloatArray) -> FloatArray:
        """(N, 2) shares of the crop's edge to image pixels."""
        matrix = self.to_crop(1)
        return np.asarray((shares - 0.5 - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T)
