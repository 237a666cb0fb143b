"""A stretch of a recording, every n-th frame of it, read without the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.recordings.bag import Bag
from hand_object_recon.recordings.frame_selection import FrameSelection
from hand_object_recon.recordings.image_decoding import decode_color
from hand_object_recon.recordings.reader import RgbdRecording

MS = 10**6
STAMPS_NS = np.arange(100, 1100, 100) * MS  # ten frames, a tenth of a second apart


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (FrameSelection(), list(range(10))),
        (FrameSelection(start_s=0.25), list(range(3, 10))),
        (FrameSelection(start_s=0.9), [9]),
        (FrameSelection(duration_s=0.3), [0, 1, 2]),
        (FrameSelection(start_s=0.15, duration_s=0.5, every=2), [2, 4, 6]),
        (FrameSelection(every=100), [0]),
        (FrameSelection(start_s=0.5, duration_s=1000), list(range(5, 10))),
    ],
)
def test_positions_are_those_a_loop_finds(selection: FrameSelection, expected: list[int]) -> None:
    assert selection.positions(STAMPS_NS).tolist() == expected


def test_a_start_behind_the_end_tells_the_length() -> None:
    with pytest.raises(InvalidValueError, match=r"span 0\.900 s"):
        FrameSelection(start_s=0.91).positions(STAMPS_NS)


@pytest.mark.parametrize("storage", ["MCAP", "SQLITE3"])
@pytest.mark.parametrize("positions", [[3, 4, 5], [0], [9], [1, 4, 7], []])
def test_selected_frames_are_those_of_a_whole_pass(
    write_bag: Any, rgbd_items: Any, storage: str, positions: list[int]
) -> None:
    path = write_bag(rgbd_items(range(100, 1100, 100)), storage=storage)
    with RgbdRecording(path) as recording:
        whole = list(recording.frames())
        chosen = list(recording.frames(np.array(positions, dtype=np.intp)))
        assert [frame.stamp_ns for frame in whole] == recording.stamps_ns.tolist()
    assert [frame.stamp_ns for frame in chosen] == [whole[i].stamp_ns for i in positions]
    for frame, position in zip(chosen, positions, strict=True):
        same = whole[position]
        assert isinstance(frame, RgbdFrame)
        assert isinstance(same, RgbdFrame)
        np.testing.assert_array_equal(frame.rgb, same.rgb)
        np.testing.assert_array_equal(frame.depth_m, same.depth_m)


def test_what_is_left_out_is_neither_decoded_nor_asked_of_the_storage(
    write_bag: Any, rgbd_items: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_bag(rgbd_items(range(100, 1100, 100)))
    decoded: list[str] = []
    asked: list[tuple[int, int]] = []
    messages = Bag.messages

    def counted(*arguments: Any) -> Any:
        decoded.append("colour")
        return decode_color(*arguments)

    def watched(self: Bag, topics: Any, start_ns: Any = None, stop_ns: Any = None) -> Any:
        asked.append((start_ns, stop_ns))
        return messages(self, topics, start_ns, stop_ns)

    with RgbdRecording(path) as recording:
        monkeypatch.setattr("hand_object_recon.recordings.reader.decode_color", counted)
        monkeypatch.setattr(Bag, "messages", watched)
        list(recording.frames(np.array([4, 6], dtype=np.intp)))
    assert len(decoded) == 2
    assert asked == [(500 * MS, 700 * MS + 1)]


def test_indexing_tells_how_far_it_is(write_bag: Any, rgbd_items: Any) -> None:
    told: list[tuple[int, int]] = []
    path = write_bag(rgbd_items(range(1, 101)))
    with RgbdRecording(path, on_indexed=lambda done, total: told.append((done, total))):
        pass
    assert told == [(50, 201), (100, 201), (150, 201), (200, 201)]
