"""Colour and depth find each other by their stamps."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hand_object_recon.recordings.synchronization import pair_stamps

stamps = st.lists(st.integers(0, 400), max_size=25)


def pairs(color: list[int], depth: list[int], slop: int) -> list[tuple[int, int]]:
    """Stamps, instead of indices, of the pairs."""
    found = pair_stamps(np.array(color, np.int64), np.array(depth, np.int64), slop)
    return [(color[i], depth[j]) for i, j in found.tolist()]


def test_equal_stamps_pair() -> None:
    assert pairs([0, 33, 66], [0, 33, 66], 0) == [(0, 0), (33, 33), (66, 66)]


def test_jitter_within_the_slop_pairs() -> None:
    assert pairs([0, 33, 66], [4, 30, 71], 5) == [(0, 4), (33, 30), (66, 71)]


def test_the_slop_itself_still_pairs_and_more_does_not() -> None:
    assert pairs([0, 100], [16, 117], 16) == [(0, 16)]


def test_a_dropped_image_leaves_its_partner_alone() -> None:
    assert pairs([0, 33, 66, 99], [0, 66, 99], 16) == [(0, 0), (66, 66), (99, 99)]
    assert pairs([0, 66], [0, 33, 66, 99], 16) == [(0, 0), (66, 66)]


def test_of_unequal_rates_the_closest_pair() -> None:
    color = list(range(0, 200, 10))
    depth = [3, 36, 69, 102]
    assert pairs(color, depth, 16) == [(0, 3), (40, 36), (70, 69), (100, 102)]


def test_an_image_that_lost_its_closest_partner_takes_the_next() -> None:
    assert pairs([0, 10], [6, 12], 8) == [(0, 6), (10, 12)]


def test_a_stamp_is_used_once() -> None:
    assert pairs([0, 1, 2], [1], 5) == [(1, 1)]


def test_unsorted_stamps_come_out_in_order() -> None:
    assert pairs([66, 0, 33], [33, 66, 0], 5) == [(0, 0), (33, 33), (66, 66)]


def test_nothing_pairs_with_nothing() -> None:
    assert pairs([], [1, 2], 5) == pairs([1, 2], [], 5) == []


def test_real_stamps_do_not_overflow_or_lose_nanoseconds() -> None:
    now = 1_700_000_000_000_000_000
    assert pairs([now + 1], [now], 1) == [(now + 1, now)]
    assert pairs([now + 2], [now], 1) == []


@given(stamps, stamps, st.integers(0, 60))
def test_every_pairing_is_one_to_one_in_order_within_slop_and_leaves_no_match_over(
    color: list[int], depth: list[int], slop: int
) -> None:
    found = pair_stamps(np.array(color, np.int64), np.array(depth, np.int64), slop)
    color_used, depth_used = found[:, 0].tolist(), found[:, 1].tolist()
    assert len(set(color_used)) == len(set(depth_used)) == len(found)
    paired = [(color[i], depth[j]) for i, j in found.tolist()]
    assert [pair[0] for pair in paired] == sorted(pair[0] for pair in paired)
    assert [pair[1] for pair in paired] == sorted(pair[1] for pair in paired)
    assert all(abs(one - other) <= slop for one, other in paired)
    left_color = [stamp for i, stamp in enumerate(color) if i not in color_used]
    left_depth = [stamp for j, stamp in enumerate(depth) if j not in depth_used]
    assert not any(abs(one - other) <= slop for one in left_color for other in left_depth)
