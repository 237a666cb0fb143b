"""Compilation of numeric loops to machine code (Numba), for what is run on every frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from hand_object_recon.geometry.kernel_cache import use_cache_of_this_source

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

use_cache_of_this_source()


def compiled(function: FunctionT) -> FunctionT:
    """The function compiled at its first call, once for the types it is called with.

    The machine code is kept on disk for the next start (``kernel_cache``). The interpreter's
    lock is let go while it runs, so that stages in other threads go on. Arguments are arrays
    and numbers.
    """
    return cast(FunctionT, numba.njit(cache=True, nogil=True, error_model="numpy")(function))
