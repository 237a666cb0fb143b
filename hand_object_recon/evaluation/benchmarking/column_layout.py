"""Columns of arrays: what each row of one holds, and values put into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = Mapping[str, NDArray[Any]]
Layout = Mapping[str, tuple[tuple[int, ...], type[np.generic]]]
"""Shape and type of a row of each column, by name."""


def as_columns(values: Mapping[str, list[Any]], layout: Layout) -> dict[str, NDArray[Any]]:
    """A list of rows for each column as arrays, which have their shape without a row, too."""
    return {
        name: np.array(values[name], dtype=dtype).reshape(len(values[name]), *shape)
        for name, (shape, dtype) in layout.items()
    }
