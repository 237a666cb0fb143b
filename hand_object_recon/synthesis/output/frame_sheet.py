"""Many frames on one picture, colour over depth, to look at."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.annotation import AnnotatedFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.output.metadata import cannot_write
from hand_object_recon.synthesis.output.samples import FRAMES_PER_TAKE, SampleSource
from hand_object_recon.synthesis.output.settings import SampleSettings
from hand_object_recon.visualization.depth_colors import depth_colors
from hand_object_recon.visualization.images import contact_sheet, save_image

SHEET_FRAMES: Final = 36
_COLUMNS: Final = 6
_FRAME_OF_TAKE: Final = 3
_NEAREST_M: Final = 0.05
_AROUND_M: Final = 0.35


def write_frame_sheet(path: Path, settings: SampleSettings) -> None:
    """Write one frame each of 36 takes to an image file (.png, .jpg).

    Raises
    ------
    InvalidValueError
        The ending is not that of an image format, the file cannot be written, or a setting is
        wrong.
    """
    if settings.image_size_px is None:
        raise InvalidValueError("a sheet needs frames of one size; give --size")
    source = SampleSource(settings)
    frames = (
        source.sample(take * FRAMES_PER_TAKE + _FRAME_OF_TAKE) for take in range(SHEET_FRAMES)
    )
    try:
        save_image(path, frame_sheet(frames))
    except OSError as error:
        raise cannot_write(path, error) from None


def frame_sheet(frames: Iterable[AnnotatedFrame]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB; the depth's colours span 35 cm around each frame's hand."""
    return contact_sheet([_cell(one) for one in frames], _COLUMNS)


def _cell(annotated: AnnotatedFrame) -> NDArray[np.uint8]:
    frame = annotated.frame
    middle = _middle_m(annotated)
    depth = depth_colors(frame.depth_m, max(middle - _AROUND_M, _NEAREST_M), middle + _AROUND_M)
    return np.vstack([frame.rgb, depth])


def _middle_m(annotated: AnnotatedFrame) -> float:
    if annotated.truth.hands:
        return float(annotated.truth.hands[0].joints_m[:, 2].mean())
    return float(np.nanmedian(annotated.frame.depth_m))
