"""Colours that stay apart for readers who confuse hues, in a light and in a dark page.

The hues are those of Okabe and Ito, *Color Universal Design* (2008), darker on white and lighter
on black where the originals would be faint. After the last, they begin again with dashes.
"""

from __future__ import annotations

from typing import Final

SERIES_COLORS: Final[tuple[tuple[str, str], ...]] = (
    ("#0072b2", "#56a9e4"),
    ("#d55e00", "#f08a4b"),
    ("#009e73", "#2fc79b"),
    ("#b8578f", "#e29ac4"),
    ("#b87d00", "#f0b93a"),
    ("#2f95cf", "#9ad4f7"),
    ("#5b5f6b", "#b5bac6"),
)
_DASHES: Final = ("", "7 4", "2 3", "8 3 2 3")


def series_class(number: int) -> str:
    """Style class that sets the colour of a series."""
    return f"series-{number % len(SERIES_COLORS)}"


def series_dashes(number: int) -> str:
    """Dash pattern of a line."""
    return _DASHES[number // len(SERIES_COLORS) % len(_DASHES)]
