"""Whether colour and depth cover the same time, in words for the user."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

_NANOSECONDS_PER_MILLISECOND = 10**6
_NANOSECONDS_PER_SECOND = 10**9
_WORTH_SAYING_S = 0.5
_GAP_S = 1.0
_GAP_PERIODS = 5.0

Stamps = NDArray[np.int64]


def coverage_warnings(color_ns: Stamps, depth_ns: Stamps) -> tuple[str, ...]:
    """What of the recording is lost because one stream begins late, ends early or has gaps."""
    return (
        *_uncovered_ends(np.sort(color_ns), np.sort(depth_ns)),
        *_gaps("colour", np.sort(color_ns)),
        *_gaps("depth", np.sort(depth_ns)),
    )


def distance_text(color_ns: Stamps, depth_ns: Stamps) -> str:
    """How far unpaired streams are apart, in brackets; empty where one holds no image."""
    if not (len(color_ns) and len(depth_ns)):
        return ""
    if color_ns.max() < depth_ns.min():
        return f" (colour ends {_span(color_ns.max(), depth_ns.min())} before depth begins)"
    if depth_ns.max() < color_ns.min():
        return f" (depth ends {_span(depth_ns.max(), color_ns.min())} before colour begins)"
    nearest_ms = _nearest_ns(color_ns, depth_ns) / _NANOSECONDS_PER_MILLISECOND
    return f" (the nearest two are {nearest_ms:.1f} ms apart)"


def _uncovered_ends(color_ns: Stamps, depth_ns: Stamps) -> Iterator[str]:
    late_s = (depth_ns[0] - color_ns[0]) / _NANOSECONDS_PER_SECOND
    early_s = (color_ns[-1] - depth_ns[-1]) / _NANOSECONDS_PER_SECOND
    consequence = "frames without a partner are left out"
    if abs(late_s) > _WORTH_SAYING_S:
        first, second = ("depth", "colour") if late_s > 0 else ("colour", "depth")
        yield f"{first} begins {abs(late_s):.1f} s after {second}; {consequence}"
    if abs(early_s) > _WORTH_SAYING_S:
        first, second = ("depth", "colour") if early_s > 0 else ("colour", "depth")
        yield f"{first} ends {abs(early_s):.1f} s before {second}; {consequence}"


def _gaps(name: str, stamps_ns: Stamps) -> Iterator[str]:
    steps_s = np.diff(stamps_ns) / _NANOSECONDS_PER_SECOND
    if not len(steps_s):
        return
    is_gap = steps_s > max(_GAP_S, _GAP_PERIODS * float(np.median(steps_s)))
    if not is_gap.any():
        return
    longest = int(np.argmax(steps_s))
    at_s = (stamps_ns[longest] - stamps_ns[0]) / _NANOSECONDS_PER_SECOND
    count = np.count_nonzero(is_gap)
    what = "a gap of" if count == 1 else f"{count} gaps, the longest of"
    yield f"{name} has {what} {steps_s[longest]:.1f} s, {at_s:.1f} s after its first image"


def _span(end_ns: np.int64, begin_ns: np.int64) -> str:
    seconds = float(begin_ns - end_ns) / _NANOSECONDS_PER_SECOND
    return f"{seconds:.1f} s" if seconds >= 1 else f"{1e3 * seconds:.1f} ms"


def _nearest_ns(color_ns: Stamps, depth_ns: Stamps) -> float:
    ordered = np.sort(depth_ns)
    after = np.searchsorted(ordered, color_ns).clip(1, max(len(ordered) - 1, 1))
    neighbours = ordered[np.stack([after - 1, np.minimum(after, len(ordered) - 1)])]
    return float(np.abs(neighbours - color_ns).min())
