"""What a cell of a hand's crop may show."""

from __future__ import annotations

from typing import Final

BACKGROUND: Final = 0
HAND: Final = 1
OCCLUDER: Final = 2
"""Something else that may hide the hand: a held object, another hand."""
