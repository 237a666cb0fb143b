"""Rows of three: arrays here, flat sequences in our messages."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError


def flat(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """The array's numbers one after the other."""
    return array.reshape(-1).astype(dtype, copy=False)


def in_threes(name: str, numbers: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    """(N, 3) rows of numbers that lie one after the other.

    Raises
    ------
    InvalidValueError
        They are not three each; ``name`` says what they are.
    """
    if len(numbers) % 3:
        raise InvalidValueError(f"{name} are {len(numbers)} numbers; they must be three each")
    return numbers.reshape(-1, 3).astype(dtype, copy=False)
