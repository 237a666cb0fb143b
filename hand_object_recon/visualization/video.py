"""An H.264 video of drawn frames that every browser plays."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import DependencyError, InvalidValueError
from hand_object_recon.core.validation import require_array

if TYPE_CHECKING:
    from av.container import OutputContainer

_TICKS_PER_SECOND = 90_000


class OverlayVideo:
    """Context manager that writes RGB images with their stamps to an MP4 file.

    The file appears with the first frame and is closed properly even when an exception passes
    through, so what was drawn until then plays. Frames keep the distances of their stamps.
    Odd widths and heights are extended by one row or column, as 4:2:0 video needs.

    fps
        Nominal rate, for players and rate control; the stamps decide when a frame shows.
    quality_crf
        x264's constant rate factor: 0 is lossless, 51 the worst.
    """

    def __init__(self, path: Path, fps: float = 30.0, quality_crf: int = 25) -> None:
        if not (np.isfinite(fps) and fps > 0):
            raise InvalidValueError(f"video fps is {fps}; it must be positive")
        self.path = path
        self.frame_count = 0
        self._fps = Fraction(fps).limit_denominator(1001)
        self._quality_crf = quality_crf
        self._container: OutputContainer | None = None
        self._stream: Any = None
        self._shape: tuple[int, int] = (0, 0)
        self._first_stamp_ns = 0
        self._last_tick = -1

    def __enter__(self) -> OverlayVideo:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, rgb: NDArray[np.uint8], stamp_ns: int) -> None:
        """Append one image (H, W, 3) uint8 RGB taken at ``stamp_ns``.

        A stamp that does not grow is shown right after the frame before it.

        Raises
        ------
        InvalidValueError
            The image is not of the first one's size.
        DependencyError
            PyAV is not installed.
        """
        rgb = require_array("video frame", rgb, (None, None, 3), np.uint8)
        if self._container is None:
            self._open(rgb, stamp_ns)
        if rgb.shape[:2] != self._shape:
            height, width = self._shape
            raise InvalidValueError(
                f"video frame is {rgb.shape[1]}x{rgb.shape[0]}; "
                f"{self.path.name} was started with {width}x{height}"
            )
        self._encode(_even_sized(rgb), self._tick(stamp_ns))

    def close(self) -> None:
        """Finish the file; without a frame there is none. Closing twice does nothing."""
        container, self._container = self._container, None
        if container is None:
            return
        try:
            container.mux(self._stream.encode(None))
        finally:
            container.close()

    def _open(self, rgb: NDArray[np.uint8], stamp_ns: int) -> None:
        av = _import_av()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        container = av.open(str(self.path), "w", format="mp4", options={"movflags": "+faststart"})
        stream = container.add_stream(
            "libx264",
            rate=self._fps,
            options={"preset": "ultrafast", "crf": str(self._quality_crf)},
        )
        even = _even_sized(rgb)
        stream.height, stream.width = even.shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, _TICKS_PER_SECOND)
        self._container, self._stream = container, stream
        self._shape = (rgb.shape[0], rgb.shape[1])
        self._first_stamp_ns = stamp_ns

    def _tick(self, stamp_ns: int) -> int:
        tick = (stamp_ns - self._first_stamp_ns) * _TICKS_PER_SECOND // 10**9
        self._last_tick = max(tick, self._last_tick + 1)
        return self._last_tick

    def _encode(self, rgb: NDArray[np.uint8], tick: int) -> None:
        assert self._container is not None
        # OpenCV makes the planes of 4:2:0 in a fifth of the time that PyAV's converter takes.
        planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
        frame = _import_av().VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = tick
        frame.time_base = Fraction(1, _TICKS_PER_SECOND)
        self._container.mux(self._stream.encode(frame))
        self.frame_count += 1


def _even_sized(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    if height % 2 or width % 2:
        rgb = np.pad(rgb, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(rgb)


def _import_av() -> Any:
    try:
        import av
    except ImportError:
        raise DependencyError(
            "writing a video needs PyAV, which is not installed: pip install av"
        ) from None
    return av
