"""Where compiled kernels are kept: a folder for each state of their source.

Numba looks at the file a kernel stands in, not at those of the kernels it calls, so it would
take an old one for good when only those changed. A hash of all modules with kernels is part of
the folder's name instead.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Final

import numba

_PACKAGE: Final = Path(__file__).resolve().parent.parent
_MARK: Final = b"geometry.compiled import"
_DIGITS: Final = 16


def use_cache_of_this_source() -> None:
    """Keep compiled kernels under the user's cache folder, unless ``NUMBA_CACHE_DIR`` says where.

    Where that cannot be written they are compiled anew at each start.
    """
    if not os.environ.get("NUMBA_CACHE_DIR"):
        numba.config.CACHE_DIR = str(_cache_root() / source_digest(_PACKAGE))  # type: ignore[attr-defined]


def source_digest(package: Path) -> str:
    """A hash of every module below a folder that has compiled functions."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        if _MARK in content:
            digest.update(str(path.relative_to(package)).encode())
            digest.update(content)
    return digest.hexdigest()[:_DIGITS]


def _cache_root() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "hand_object_recon" / "kernels"
