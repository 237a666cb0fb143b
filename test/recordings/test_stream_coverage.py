"""What the user is told where colour and depth do not cover the same time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.recordings.reader import RgbdRecording
from hand_object_recon.recordings.stream_coverage import coverage_warnings

MS = 10**6


def stamps_ns(*ranges_ms: range) -> Any:
    return np.concatenate([np.array(stamps, dtype=np.int64) for stamps in ranges_ms]) * MS


WHOLE = stamps_ns(range(0, 10_000, 100))


@pytest.mark.parametrize(
    ("color", "depth", "said"),
    [
        (WHOLE, WHOLE, []),
        (WHOLE, WHOLE[3:-3], []),
        (WHOLE, stamps_ns(range(0, 4000, 100)), ["depth ends 6.0 s before colour"]),
        (WHOLE, stamps_ns(range(2000, 10_000, 100)), ["depth begins 2.0 s after colour"]),
        (stamps_ns(range(0, 8000, 100)), WHOLE, ["colour ends 2.0 s before depth"]),
        (
            WHOLE,
            stamps_ns(range(0, 2000, 100), range(3500, 5000, 100), range(8000, 10_000, 100)),
            ["depth has 2 gaps, the longest of 3.1 s, 4.9 s after its first image"],
        ),
        (stamps_ns(range(0, 60_000, 2000)), stamps_ns(range(0, 60_000, 2000)), []),
    ],
)
def test_ends_and_gaps_are_said(color: Any, depth: Any, said: list[str]) -> None:
    warnings = coverage_warnings(color, depth)
    assert len(warnings) == len(said)
    assert all(text in warning for text, warning in zip(said, warnings, strict=True))


def test_depth_that_stops_half_way_is_used_up_to_there(write_bag: Any, rgbd_items: Any) -> None:
    path = write_bag(rgbd_items(range(100, 4100, 100), range(100, 2100, 100)))
    with RgbdRecording(path) as recording:
        assert len(list(recording.frames())) == recording.frame_count == 20
        assert recording.unpaired_color == 20
        (warning,) = recording.warnings
    assert "depth ends 2.0 s before colour" in warning


@pytest.mark.parametrize(
    ("depth_ms", "said"),
    [
        (range(12_000, 13_000, 100), "colour ends 11.0 s before depth begins"),
        (range(10, 60, 10), "depth ends 50.0 ms before colour begins"),
    ],
)
def test_streams_that_do_not_overlap_are_refused_with_their_distance(
    write_bag: Any, rgbd_items: Any, depth_ms: range, said: str
) -> None:
    path = write_bag(rgbd_items(range(100, 1100, 100), depth_ms))
    with pytest.raises(RecordingError, match=said):
        RgbdRecording(path)
