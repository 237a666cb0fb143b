"""Numbers as a reader wants them: three significant digits, a column with the same decimals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

NOT_MEASURED: Final = "–"
_SIGNIFICANT_DIGITS: Final = 3
_MOST_DECIMALS: Final = 6
_WIDEST_COLUMN: Final = 1000.0  # a larger ratio of the values has no decimals that suit them all
_THIN_SPACE: Final = "\u2009"


def column_decimals(values: Iterable[float]) -> int | None:
    """Decimals that show every value of a column well, or None if each must have its own.

    Values that are all whole are counts and have none.
    """
    sizes = sorted(abs(value) for value in values if math.isfinite(value) and value != 0.0)
    if not sizes or all(size == round(size) for size in sizes):
        return 0
    if sizes[-1] > _WIDEST_COLUMN * sizes[0]:
        return None
    return decimals_of(sizes[(len(sizes) - 1) // 2])


def decimals_of(value: float) -> int:
    """Decimals that give a value three significant digits."""
    if value == 0.0:
        return 0
    leading = math.floor(math.log10(abs(value)))
    return min(max(_SIGNIFICANT_DIGITS - 1 - leading, 0), _MOST_DECIMALS)


def number_text(value: float, decimals: int | None = None) -> str:
    """The value with these decimals, or with three significant digits; a dash for NaN."""
    if math.isnan(value):
        return NOT_MEASURED
    text = f"{value:,.{decimals_of(value) if decimals is None else decimals}f}"
    is_zero = not text.strip("-0.,")
    return (text.lstrip("-") if is_zero else text.replace("-", "−")).replace(",", _THIN_SPACE)


def count_text(count: int) -> str:
    """A count with its thousands apart."""
    return f"{count:,}".replace(",", _THIN_SPACE)
