"""Still images: one file, or many frames on one sheet to look at them side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError


def save_image(path: Path, rgb: NDArray[np.uint8], *, png_compression: int = 1) -> None:
    """Write (H, W, 3) uint8 RGB; the file name's ending (.png, .jpg) chooses the format.

    png_compression
        1 is quick, 9 makes the smallest file.

    Raises
    ------
    InvalidValueError
        The ending is not that of an image format.
    """
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    try:
        written, data = cv2.imencode(
            path.suffix, bgr, [cv2.IMWRITE_PNG_COMPRESSION, png_compression]
        )
    except cv2.error:
        written = False
    if not written:
        raise InvalidValueError(f"image file {path} ends in {path.suffix!r}; use .png or .jpg")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.tobytes())


def contact_sheet(images: Sequence[NDArray[np.uint8]], columns: int = 4) -> NDArray[np.uint8]:
    """Images of one size (H, W, 3) uint8 in reading order on a grid; missing ones stay black.

    Raises
    ------
    InvalidValueError
        There is no image, ``columns`` is not positive, or the sizes differ.
    """
    if not images or columns < 1:
        raise InvalidValueError(
            f"contact sheet of {len(images)} images in {columns} columns; both must be at least 1"
        )
    sizes = {image.shape for image in images}
    if len(sizes) > 1:
        raise InvalidValueError(f"contact sheet images differ in size: {sorted(sizes)}")
    height, width, channels = images[0].shape
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    sheet = np.zeros((rows * height, columns * width, channels), dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height, left : left + width] = image
    return sheet
