"""The sides a hand model is looked at from."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide

_AWAY: Final = {
    "palm": (0.0, 1.0, 0.0),
    "back": (0.0, -1.0, 0.0),
    "thumb side": (0.0, 0.0, -1.0),
    "little finger side": (0.0, 0.0, 1.0),
}


def hand_view_rotation(side: HandSide, seen_from: str) -> NDArray[np.float64]:
    """(3, 3) from the rest frame to a camera that sees the fingers point upwards.

    seen_from
        palm, back, thumb side or little finger side.
    """
    down = np.array([1.0 if side is HandSide.RIGHT else -1.0, 0.0, 0.0])
    forward = np.array(_AWAY[seen_from])
    return np.stack([np.cross(down, forward), down, forward])
