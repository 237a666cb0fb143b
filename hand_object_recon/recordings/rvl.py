"""Run-length and variable-length coding of 16-bit depth.

After A. D. Wilson, "Fast Lossless Depth Image Compression", ISS 2017. The pixels are runs: how
many zeros, how many others, then the others as differences from the pixel before that is not
zero, with the sign in the lowest bit. Every number is a chain of nibbles, three bits each, lowest
first, whose highest bit says that another follows. Eight nibbles fill a 32-bit word from its
highest bits; words are little-endian.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError

_MORE = 8
_VALUE_BITS = 3
_LONGEST_CHAIN = 11
_WORD_BYTES = 4
_NIBBLES_PER_WORD = 8


class _Runs(NamedTuple):
    """Zeros and others of each run (R,), and where in the numbers a run begins (R,)."""

    zeros: NDArray[np.int64]
    others: NDArray[np.int64]
    starts: NDArray[np.int64]


def decode_rvl(data: NDArray[np.uint8], pixel_count: int) -> NDArray[np.uint16]:
    """(pixel_count,) uint16 of an RVL stream.

    Raises
    ------
    InvalidValueError
        The stream ends before the last pixel, has more pixels, or holds a number that is longer
        than the coding knows.
    """
    numbers = _read_numbers(_to_nibbles(data))
    runs = _find_runs(numbers, pixel_count)
    is_difference = np.ones(runs.starts[-1] + 2 + runs.others[-1] if len(runs.starts) else 0, bool)
    is_difference[runs.starts] = is_difference[runs.starts + 1] = False
    signed = numbers[: len(is_difference)][is_difference]
    differences = (signed >> 1) ^ -(signed & 1)
    pixels = np.zeros(pixel_count, np.uint16)
    pixels[_is_other(runs)] = np.cumsum(differences).astype(np.uint16)
    return pixels


def encode_rvl(pixels: NDArray[np.uint16]) -> bytes:
    """RVL stream of an image's pixels, row by row; a whole number of 32-bit words."""
    flat = pixels.reshape(-1)
    others = flat[flat != 0].astype(np.int64)
    differences = np.diff(others, prepend=0)
    runs = _split_runs(flat)
    numbers = np.empty(2 * len(runs.starts) + len(others), np.int64)
    is_difference = np.ones(len(numbers), bool)
    is_difference[runs.starts] = is_difference[runs.starts + 1] = False
    numbers[runs.starts] = runs.zeros
    numbers[runs.starts + 1] = runs.others
    numbers[is_difference] = (differences << 1) ^ (differences >> 63)
    return _from_nibbles(_write_numbers(numbers))


def _to_nibbles(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    whole = len(data) - len(data) % _WORD_BYTES
    highest_first = data[:whole].reshape(-1, _WORD_BYTES)[:, ::-1]
    return np.stack([highest_first >> 4, highest_first & 0xF], axis=-1).reshape(-1)


def _from_nibbles(nibbles: NDArray[np.uint8]) -> bytes:
    padded = np.pad(nibbles, (0, -len(nibbles) % _NIBBLES_PER_WORD))
    highest_first = (padded[0::2] << 4) | padded[1::2]
    return highest_first.reshape(-1, _WORD_BYTES)[:, ::-1].tobytes()


def _read_numbers(nibbles: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The numbers (N,) of a stream; a chain cut off at its end is left out."""
    ends = np.flatnonzero(nibbles < _MORE)
    starts = np.empty_like(ends)
    starts[:1] = 0
    starts[1:] = ends[:-1] + 1
    lengths = ends - starts + 1
    longest = lengths.max(initial=0)
    if longest > _LONGEST_CHAIN:
        raise InvalidValueError(
            f"the RVL stream holds a number of {longest} nibbles; it is damaged"
        )
    values = nibbles & (_MORE - 1)
    numbers = values[starts].astype(np.int64)
    chains = np.flatnonzero(lengths > 1)
    for place in range(1, longest):
        chains = chains[lengths[chains] > place]
        part = values[starts[chains] + place].astype(np.int64)
        numbers[chains] |= part << (_VALUE_BITS * place)
    return numbers


def _write_numbers(numbers: NDArray[np.int64]) -> NDArray[np.uint8]:
    lengths = np.ones(len(numbers), np.int64)
    for place in range(1, _LONGEST_CHAIN):
        lengths += numbers >= 1 << (_VALUE_BITS * place)
    starts = np.cumsum(lengths) - lengths
    nibbles = np.empty(lengths.sum(), np.uint8)
    for place in range(lengths.max(initial=0)):
        chains = np.flatnonzero(lengths > place)
        part = (numbers[chains] >> (_VALUE_BITS * place)) & (_MORE - 1)
        more = np.where(lengths[chains] > place + 1, _MORE, 0)
        nibbles[starts[chains] + place] = part | more
    return nibbles


def _find_runs(numbers: NDArray[np.int64], pixel_count: int) -> _Runs:
    sequence = numbers.data
    starts, position, found = [], 0, 0
    while found < pixel_count and position + 1 < len(sequence):
        starts.append(position)
        found += sequence[position] + sequence[position + 1]
        position += 2 + sequence[position + 1]
    if found != pixel_count or position > len(sequence):
        raise InvalidValueError(
            f"the RVL stream does not hold the {pixel_count} pixels it should; it is damaged"
        )
    at = np.array(starts, np.int64)
    return _Runs(numbers[at], numbers[at + 1], at)


def _split_runs(flat: NDArray[np.uint16]) -> _Runs:
    is_other = np.concatenate([[False], flat != 0, [False]])
    first, end = np.flatnonzero(np.diff(is_other)).reshape(-1, 2).T
    zeros = first - np.concatenate([[0], end])[:-1]
    others = end - first
    trailing = len(flat) - (int(end[-1]) if len(end) else 0)
    if trailing:
        zeros, others = np.append(zeros, trailing), np.append(others, 0)
    starts = 2 * np.arange(len(zeros)) + np.cumsum(others) - others
    return _Runs(zeros, others, starts)


def _is_other(runs: _Runs) -> NDArray[np.bool_]:
    lengths = np.stack([runs.zeros, runs.others], axis=-1).reshape(-1)
    return np.repeat(np.tile([False, True], len(runs.starts)), lengths)
