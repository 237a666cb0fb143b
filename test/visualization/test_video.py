"""The overlay video plays anywhere and keeps the time of the stamps."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.visualization.video import OverlayVideo

START_NS = 1_700_000_000_000_000_000
COLORS = [(200, 40, 40), (40, 180, 60), (50, 60, 210)]


def image_of(color: tuple[int, int, int], width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), color, dtype=np.uint8)


def write_video(path: Path, stamps_ms: list[int], **size: int) -> None:
    with OverlayVideo(path) as video:
        for number, stamp_ms in enumerate(stamps_ms):
            image = image_of(COLORS[number % 3], **size)
            video.write(image, START_NS + stamp_ms * 1_000_000)


def decode(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        return [
            (float(frame.pts * frame.time_base), frame.to_ndarray(format="rgb24"))
            for frame in container.decode(video=0)
        ]


def test_frames_come_back_at_the_times_of_their_stamps(tmp_path: Path) -> None:
    stamps_ms = [0, 40, 80, 358, 398, 480]
    write_video(tmp_path / "v.mp4", stamps_ms)
    times = [time for time, _ in decode(tmp_path / "v.mp4")]
    np.testing.assert_allclose(times, np.array(stamps_ms) / 1000, atol=1e-4)


def test_colours_come_back_in_order(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", [0, 33, 67])
    means = [image.mean(axis=(0, 1)) for _, image in decode(tmp_path / "v.mp4")]
    np.testing.assert_allclose(means, COLORS, atol=6)


def test_it_is_h264_in_420_with_the_index_first(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    write_video(path, [0, 33])
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
    data = path.read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_odd_sizes_grow_to_even_ones(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", [0, 33], width=63, height=47)
    assert decode(tmp_path / "v.mp4")[0][1].shape == (48, 64, 3)


def test_what_was_drawn_before_an_exception_plays(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"

    def draw_two_then_fail() -> None:
        with OverlayVideo(path) as video:
            video.write(image_of(COLORS[0]), START_NS)
            video.write(image_of(COLORS[1]), START_NS + 33_000_000)
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        draw_two_then_fail()
    assert len(decode(path)) == 2


def test_without_frames_there_is_no_file(tmp_path: Path) -> None:
    with OverlayVideo(tmp_path / "v.mp4") as video:
        pass
    assert video.frame_count == 0
    assert not (tmp_path / "v.mp4").exists()


def test_stamps_that_stand_still_or_go_back_lose_no_frame(tmp_path: Path) -> None:
    write_video(tmp_path / "v.mp4", [0, 100, 100, 50, 133])
    times = [time for time, _ in decode(tmp_path / "v.mp4")]
    assert len(times) == 5
    assert (np.diff(times) > 0).all()
    assert times[-1] == pytest.approx(0.133, abs=1e-4)


def test_another_size_is_refused_with_both_sizes(tmp_path: Path) -> None:
    with OverlayVideo(tmp_path / "v.mp4") as video:
        video.write(image_of(COLORS[0]), START_NS)
        with pytest.raises(InvalidValueError, match=r"32x48.*v\.mp4.*64x48"):
            video.write(image_of(COLORS[0], width=32), START_NS + 1)


@pytest.mark.parametrize("fps", [0.0, -1.0, float("nan")])
def test_a_rate_that_is_not_positive_is_refused(tmp_path: Path, fps: float) -> None:
    with pytest.raises(InvalidValueError, match="fps"):
        OverlayVideo(tmp_path / "v.mp4", fps=fps)
