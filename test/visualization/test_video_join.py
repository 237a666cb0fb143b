"""Videos joined without encoding them again."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from hand_object_recon.visualization.video import OverlayVideo
from hand_object_recon.visualization.video_join import VideoPart, join_videos

START_NS = 10**18
STEP_NS = 40_000_000


def write_video(path: Path, numbers: range) -> VideoPart:
    """Frames of one grey each: twice their number."""
    with OverlayVideo(path) as video:
        for number in numbers:
            grey = np.full((48, 64, 3), 2 * number, np.uint8)
            video.write(grey, START_NS + number * STEP_NS)
    return VideoPart(path, START_NS + numbers[0] * STEP_NS)


def content(path: Path) -> tuple[list[float], list[float]]:
    with av.open(str(path)) as video:
        frames = list(video.decode(video=0))
    greys = [float(frame.to_ndarray(format="rgb24").mean()) for frame in frames]
    return [float(frame.time or 0.0) for frame in frames], greys


def test_frames_keep_their_order_times_and_pixels(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / f"{numbers.start}.mp4", numbers)
        for numbers in (range(0, 20), range(20, 21), range(30, 60))
    ]
    assert join_videos(parts, tmp_path / "joined.mp4") == []
    times_s, greys = content(tmp_path / "joined.mp4")
    numbers = np.array([*range(21), *range(30, 60)])
    np.testing.assert_allclose(times_s, numbers * 0.04, atol=1e-3)
    np.testing.assert_allclose(greys, 2 * numbers, atol=3)


def test_what_the_next_part_shows_again_is_left_out(tmp_path: Path) -> None:
    parts = [
        write_video(tmp_path / "a.mp4", range(0, 12)),
        write_video(tmp_path / "b.mp4", range(10, 15)),
    ]
    join_videos(parts, tmp_path / "joined.mp4")
    np.testing.assert_allclose(content(tmp_path / "joined.mp4")[0], np.arange(15) * 0.04, atol=1e-3)


def test_a_video_without_its_end_is_named(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "a.mp4", range(0, 5))
    cut = write_video(tmp_path / "b.mp4", range(5, 10))
    cut.path.write_bytes(cut.path.read_bytes()[:200])
    missing = VideoPart(tmp_path / "none.mp4", START_NS)
    assert join_videos([missing, whole, cut], tmp_path / "joined.mp4") == [missing, cut]
    assert len(content(tmp_path / "joined.mp4")[0]) == 5
    assert join_videos([cut], tmp_path / "nothing.mp4") == [cut]
    assert not (tmp_path / "nothing.mp4").exists()
