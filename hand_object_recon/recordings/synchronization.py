"""Pairing of colour and depth images by their stamps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pair_stamps(
    color_ns: NDArray[np.int64], depth_ns: NDArray[np.int64], slop_ns: int
) -> NDArray[np.intp]:
    """(P, 2) indices of colour and depth stamps that belong together, in colour-stamp order.

    Each stamp is used at most once, the closest stamps find each other first, no pair is
    farther apart than ``slop_ns``, and a later colour image never gets an earlier depth image.
    Neither input needs to be sorted.
    """
    color_order = np.argsort(color_ns, kind="stable")
    depth_order = np.argsort(depth_ns, kind="stable")
    color_used, depth_used = _closest_first(color_ns[color_order], depth_ns[depth_order], slop_ns)
    # Joining the chosen stamps in order undoes crossings, and never widens the widest pair.
    return np.stack(
        [color_order[np.flatnonzero(color_used)], depth_order[np.flatnonzero(depth_used)]], axis=1
    )


def _closest_first(
    color_ns: NDArray[np.int64], depth_ns: NDArray[np.int64], slop_ns: int
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    color_used = np.zeros(len(color_ns), dtype=bool)
    depth_used = np.zeros(len(depth_ns), dtype=bool)
    for color, depth in _candidates_by_distance(color_ns, depth_ns, slop_ns):
        if not (color_used[color] or depth_used[depth]):
            color_used[color] = depth_used[depth] = True
    return color_used, depth_used


def _candidates_by_distance(
    color_ns: NDArray[np.int64], depth_ns: NDArray[np.int64], slop_ns: int
) -> Iterator[Any]:
    first = np.searchsorted(depth_ns, color_ns - slop_ns, side="left")
    counts = np.searchsorted(depth_ns, color_ns + slop_ns, side="right") - first
    color = np.repeat(np.arange(len(color_ns)), counts)
    within = np.arange(len(color)) - np.repeat(np.cumsum(counts) - counts, counts)
    depth = np.repeat(first, counts) + within
    order = np.argsort(np.abs(color_ns[color] - depth_ns[depth]), kind="stable")
    return zip(color[order].tolist(), depth[order].tolist(), strict=True)
