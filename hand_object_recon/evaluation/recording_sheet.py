"""Frames of a recording on one picture: colour, and beside it depth in false colours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import RecordingError
from hand_object_recon.recordings.reader import RgbdRecording
from hand_object_recon.visualization.depth_colors import depth_colors
from hand_object_recon.visualization.images import contact_sheet, save_image
from hand_object_recon.visualization.palette import TEXT_BACKING_COLOR, TEXT_COLOR

_FRAMES: Final = 8
_COLUMNS: Final = 2
_WIDTH_PX: Final = 400
_LABEL_PX: Final = 22
_PERCENTILES: Final = (1, 99)
_SMALLEST_RANGE_M: Final = 0.01


def write_recording_sheet(path: Path, out: Path, config: PipelineConfig | None = None) -> None:
    """Write eight frames spread over a recording to ``out`` (.png, .jpg).

    One range of depth for all of them, so that a colour means the same distance throughout.

    Raises
    ------
    RecordingError
        The recording cannot be used, or no frame for the sheet could be decoded.
    InvalidValueError
        ``out`` does not end in an image format.
    """
    config = config or PipelineConfig()
    with RgbdRecording(path, config.recording, config.depth) as recording:
        wanted = set(np.linspace(0, recording.frame_count - 1, _FRAMES).round().astype(int))
        numbered = [
            (number, frame)
            for number, frame in enumerate(recording.frames())
            if number in wanted and isinstance(frame, RgbdFrame)
        ]
    if not numbered:
        raise RecordingError(f"recording {path}: none of its frames for the sheet can be decoded")
    near_m, far_m = _depth_range([frame for _, frame in numbered])
    start_ns = numbered[0][1].stamp_ns
    cells = [
        _cell(
            frame,
            f"frame {number}, {(frame.stamp_ns - start_ns) / 1e9:.2f} s, "
            f"depth {near_m:.2f} (red) to {far_m:.2f} m (blue)",
            (near_m, far_m),
        )
        for number, frame in numbered
    ]
    save_image(out, contact_sheet(cells, _COLUMNS))


def _depth_range(frames: Sequence[RgbdFrame]) -> tuple[float, float]:
    readings = np.concatenate([frame.depth_m[np.isfinite(frame.depth_m)] for frame in frames])
    if not len(readings):
        return 0.0, 1.0
    near_m, far_m = (float(value) for value in np.percentile(readings, _PERCENTILES))
    return near_m, max(far_m, near_m + _SMALLEST_RANGE_M)


def _cell(frame: RgbdFrame, label: str, range_m: tuple[float, float]) -> NDArray[np.uint8]:
    """Colour and depth side by side, the label below."""
    size = (_WIDTH_PX, round(_WIDTH_PX * frame.camera.height / frame.camera.width))
    depth = cv2.resize(frame.depth_m, size, interpolation=cv2.INTER_NEAREST)
    pictures = [
        cv2.resize(frame.rgb, size, interpolation=cv2.INTER_AREA),
        depth_colors(np.asarray(depth, dtype=np.float32), *range_m),
    ]
    strip = np.full((_LABEL_PX, 2 * _WIDTH_PX, 3), TEXT_BACKING_COLOR, dtype=np.uint8)
    place = (6, _LABEL_PX - 6)
    cv2.putText(strip, label, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, TEXT_COLOR, 1, cv2.LINE_AA)
    return np.asarray(np.concatenate([np.concatenate(pictures, axis=1), strip]), dtype=np.uint8)
