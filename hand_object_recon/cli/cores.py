"""How many processes are worth starting."""

from __future__ import annotations

import os


def available_cores() -> int:
    """Cores this process may use, which a container or a batch system may have limited."""
    return len(os.sched_getaffinity(0))
