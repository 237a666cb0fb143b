"""What a pixel of a scene can show."""

from __future__ import annotations

from enum import IntEnum


class PixelKind(IntEnum):
    """``NOTHING``: no depth. ``REST``: something near a hand that is none of the others."""

    NOTHING = 0
    BACKGROUND = 1
    HAND = 2
    ARM = 3
    REST = 4
