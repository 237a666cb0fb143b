"""What is measured of a connected part of a depth image."""

from __future__ import annotations

from enum import IntEnum


class PartColumn(IntEnum):
    """Columns of ``part_kernels.part_measures``; areas in square metres.

    ``AREA``, of it ``CLEAR_AREA`` clear of hands, ``CONTACT_AREA`` near one, ``RIM_AREA`` at the
    picture's rim. ``LIKENESS``: mean object likeness. ``X``, ``Y``, ``Z``: middle, metres.
    ``BORDER``: length in pixels. ``FASTENED``: share of the border across which background goes
    on without a jump.
    """

    AREA = 0
    CLEAR_AREA = 1
    CONTACT_AREA = 2
    RIM_AREA = 3
    LIKENESS = 4
    X = 5
    Y = 6
    Z = 7
    BORDER = 8
    FASTENED = 9
