"""Random changes of whole frames: of their view, their colors and their depth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.networks.augmentation import CropChange, draw_change
from hand_object_recon.networks.hand_crop import HandCrop
from hand_object_recon.reconstructors.pdfnet.options import PDFNetOptions

FloatArray = NDArray[np.floating[Any]]

_NO_CHANGE: Final = CropChange()
_REFERENCE_M: Final = 0.5
_HOLE_RADII: Final = (0.01, 0.05)  # shares of the image's edge
_MOST_HOLES: Final = 3


@dataclass(frozen=True)
class FrameChange:
    """One draw.

    crop
        How the view is moved, turned and scaled, and recolored.
    is_mirrored
        Left and right are swapped: the image, the hands and which is which.
    image_noise
        Standard deviation of the noise of each pixel, in shares of white.
    depth_noise_m
        That of readings at half a metre; it grows with the square of the distance.
    holes
        Discs without readings on hands.
    """

    crop: CropChange = _NO_CHANGE
    is_mirrored: bool = False
    image_noise: float = 0.0
    depth_noise_m: float = 0.0
    holes: int = 0

    def view_map(
        self, camera: FloatArray, kept_size: int, size: int
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How pixels and points are moved.

        (3, 3) map from pixels of a square image with edges of ``kept_size`` and (3, 3) camera to
        those of the network's image, and the (3, 3) orthogonal matrix from the one camera's axes
        to the other's. The network's pixels are square, as an image can only be turned with its
        hands where they are.
        """
        middle = ((kept_size - 1) / 2, (kept_size - 1) / 2)
        crop = replace(HandCrop(middle, kept_size), is_mirrored=self.is_mirrored)
        cut = np.eye(3)
        cut[:2] = self.crop.moved(crop).to_crop(size)
        axes = np.eye(3)
        axes[:2, :2] = cut[:2, :2] / np.sqrt(abs(np.linalg.det(cut[:2, :2])))
        squared = np.eye(3)
        squared[1, 1] = camera[0, 0] / camera[1, 1]
        squared[1, 2] = middle[1] * (1.0 - squared[1, 1])
        return cut @ squared, axes

    def recolored(
        self, image: NDArray[np.uint8], random: np.random.Generator | None
    ) -> NDArray[np.uint8]:
        """The (S, S, 3) image in other colors, with noise."""
        colored = self.crop.recolored(image)
        if random is None or self.image_noise == 0.0:
            return colored
        noise = random.standard_normal(image.shape, dtype=np.float32)
        noisy = colored + np.float32(255.0 * self.image_noise) * noise
        return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)

    def with_depth_faults(
        self,
        depth_m: NDArray[np.float32],
        masks: NDArray[np.bool_],
        random: np.random.Generator | None,
    ) -> NDArray[np.float32]:
        """(S, S) depth with more noise, and with holes about pixels of (2, S, S) masks."""
        if random is None:
            return depth_m
        deviation = self.depth_noise_m * (depth_m / _REFERENCE_M) ** 2
        noise = random.standard_normal(depth_m.shape, dtype=np.float32)
        faulty = np.asarray(depth_m + deviation * noise, dtype=np.float32)
        rows, columns = np.nonzero(masks.any(axis=0))
        if len(rows) == 0:
            return faulty
        down, right = np.ogrid[: len(depth_m), : len(depth_m)]
        for _ in range(self.holes):
            place = int(random.integers(len(rows)))
            radius = len(depth_m) * float(random.uniform(*_HOLE_RADII))
            faulty[np.hypot(down - rows[place], right - columns[place]) < radius] = 0.0
        return faulty


def draw_frame_change(random: np.random.Generator, options: PDFNetOptions) -> FrameChange:
    """Draw one change within the options."""
    crop = draw_change(random, options)
    has_holes = random.random() < options.hole_share
    return FrameChange(
        crop=crop,
        is_mirrored=bool(random.random() < options.mirror_share),
        image_noise=options.image_noise * float(random.random()),
        depth_noise_m=options.depth_noise_m * float(random.random()),
        holes=int(random.integers(1, _MOST_HOLES + 1)) if has_holes else 0,
    )
