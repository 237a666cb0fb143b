"""Colour and depth find each other as they arrive."""

from __future__ import annotations

import numpy as np
import pytest

from hand_object_recon.pipeline.live.camera_stream import CameraMessage, RgbdPair, Stream
from hand_object_recon.pipeline.live.pair_sync import PairSync
from hand_object_recon.recordings.synchronization import pair_stamps

MS = 1_000_000


def color(stamp_ms: float) -> CameraMessage:
    return CameraMessage(Stream.COLOR, b"", round(stamp_ms * MS), "camera")


def depth(stamp_ms: float) -> CameraMessage:
    return CameraMessage(Stream.DEPTH, b"", round(stamp_ms * MS), "camera")


def pairs_of(sync: PairSync, *messages: CameraMessage) -> list[tuple[float, float]]:
    found = [sync.add(message) for message in messages]
    return [(pair.color.stamp_ns / MS, pair.depth.stamp_ns / MS) for pair in found if pair]


def test_a_pair_comes_with_the_later_of_its_images_whichever_that_is() -> None:
    sync = PairSync(16 * MS, 5)
    assert sync.add(color(100)) is None
    pair = sync.add(depth(103))
    assert isinstance(pair, RgbdPair)
    assert (pair.stamp_ns, pair.depth.stamp_ns) == (100 * MS, 103 * MS)
    assert pairs_of(sync, depth(133), color(134)) == [(134, 133)]


def test_images_farther_apart_than_the_slop_stay_alone_and_the_gap_is_known() -> None:
    sync = PairSync(16 * MS, 5)
    assert sync.gap_ns is None
    assert pairs_of(sync, color(100), depth(117)) == []
    assert sync.gap_ns == 17 * MS


def test_the_closest_of_several_is_taken() -> None:
    sync = PairSync(16 * MS, 5)
    assert pairs_of(sync, color(100), color(110), depth(107)) == [(110, 107)]
    assert sync.unpaired == {Stream.COLOR: 1, Stream.DEPTH: 0}


def test_what_is_older_than_a_pair_never_comes_after_it() -> None:
    sync = PairSync(16 * MS, 5)
    assert pairs_of(sync, color(133), depth(133), color(100), depth(100)) == [(133, 133)]
    assert sync.unpaired == {Stream.COLOR: 1, Stream.DEPTH: 1}


def test_a_full_queue_drops_its_oldest_image() -> None:
    sync = PairSync(16 * MS, 3)
    late_depth = depth(0)
    assert pairs_of(sync, *(color(33 * number) for number in range(4)), late_depth) == []
    assert sync.unpaired == {Stream.COLOR: 1, Stream.DEPTH: 0}


def test_after_a_reset_earlier_stamps_are_paired_again() -> None:
    sync = PairSync(16 * MS, 5)
    assert pairs_of(sync, color(500), depth(500)) == [(500, 500)]
    sync.reset()
    assert pairs_of(sync, color(10), depth(10)) == [(10, 10)]


@pytest.mark.parametrize("seed", range(5))
def test_with_half_a_frame_of_slop_the_pairs_are_those_of_a_whole_recording(seed: int) -> None:
    random = np.random.default_rng(seed)
    times_ms = 1000 + 33.3 * np.arange(60)
    streams = [
        sorted((times_ms + random.uniform(-7, 7, 60))[random.random(60) > 0.2].tolist())
        for _ in range(2)
    ]
    messages = [color(stamp) for stamp in streams[0]] + [depth(stamp) for stamp in streams[1]]
    delays_ms = {Stream.COLOR: 12.0, Stream.DEPTH: 3.0}
    messages.sort(key=lambda message: message.stamp_ns / MS + delays_ms[message.stream])
    expected = pair_stamps(
        *(np.array([round(stamp * MS) for stamp in stream]) for stream in streams), 16 * MS
    )
    found = pairs_of(PairSync(16 * MS, 5), *messages)
    whole = [(streams[0][one], streams[1][other]) for one, other in expected.tolist()]
    np.testing.assert_allclose(found, whole, atol=1e-5)
    assert len(found) > 30
