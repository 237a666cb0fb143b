"""Random changes of whole frames: of their view, their colors and their depth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.networks.augmentation import CropChange, draw_change
from hand_object_recon.networks.depth_faults import DepthFaults, draw_faults
from hand_object_recon.networks.hand_crop import HandCrop
from hand_object_recon.reconstructors.pdfnet.options import PDFNetOptions

FloatArray = NDArray[np.floating[Any]]

_NO_CHANGE: Final = CropChange()
_NO_FAULTS: Final = DepthFaults()


@dataclass(frozen=True)
class FrameChange:
    """One draw.

    crop
        How the view is moved, turned and scaled, and recolored.
    is_mirrored
        Left and right are swapped: the image, the hands and which is which.
    image_noise
        Standard deviation of the noise of each pixel, in shares of white.
    depth_faults
        Noise of depth, and holes about hands.
    """

    crop: CropChange = _NO_CHANGE
    is_mirrored: bool = False
    image_noise: float = 0.0
    depth_faults: DepthFaults = _NO_FAULTS

    def view_map(
        self, camera: FloatArray, kept_size: int, size: int, kept_edges: float = 1.0
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """How pixels and points are moved; the kept square is ``kept_edges`` times as long as the
        network's.

        (3, 3) map from pixels of a square image with edges of ``kept_size`` and (3, 3) camera to
        those of the network's image, and the (3, 3) orthogonal matrix from the one camera's axes
        to the other's. The network's pixels are square, as an image can only be turned with its
        hands where they are.
        """
        middle = ((kept_size - 1) / 2, (kept_size - 1) / 2)
        crop = HandCrop(middle, kept_size / kept_edges, is_mirrored=self.is_mirrored)
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


def draw_frame_change(random: np.random.Generator, options: PDFNetOptions) -> FrameChange:
    """Draw one change within the options."""
    crop = draw_change(random, options)
    return FrameChange(
        crop=crop,
        is_mirrored=bool(random.random() < options.mirror_share),
        image_noise=options.image_noise * float(random.random()),
        depth_faults=draw_faults(random, options.depth_noise_m, options.hole_share),
    )
