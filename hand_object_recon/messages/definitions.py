"""Where the ``.msg`` files of this package are: in the checkout, or where it was installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from hand_object_recon.core.errors import DependencyError

MESSAGE_NAMES = (
    "Hand",
    "HandContact",
    "HandTopology",
    "HeldObject",
    "Reconstruction",
    "StageTime",
)
_INSTALLED = Path("share", "hand_object_recon", "msg")


def message_definitions() -> dict[str, str]:
    """Text of each of our definitions by full type name (``hand_object_recon/msg/Hand``).

    Raises
    ------
    DependencyError
        The definitions are neither in a source checkout nor in the installation.
    """
    folder = find_definitions_folder(Path(__file__).resolve())
    return {
        f"hand_object_recon/msg/{name}": (folder / f"{name}.msg").read_text(encoding="utf-8")
        for name in MESSAGE_NAMES
    }


def find_definitions_folder(module_file: Path) -> Path:
    """Folder of our ``.msg`` files, for a module of this package that lies at ``module_file``.

    A checkout has ``msg/`` beside the package; an installation has
    ``share/hand_object_recon/msg`` under its prefix, under Python's, or under one of
    ``AMENT_PREFIX_PATH``.

    Raises
    ------
    DependencyError
        No candidate folder holds all the definitions.
    """
    candidates = list(_candidates(module_file))
    for folder in candidates:
        if all((folder / f"{name}.msg").is_file() for name in MESSAGE_NAMES):
            return folder
    raise DependencyError(
        "the message definitions (msg/*.msg) are missing from this installation; looked in "
        f"{', '.join(str(folder) for folder in candidates)}; install the package again"
    )


def _candidates(module_file: Path) -> Iterator[Path]:
    package_parent = module_file.parents[2]
    yield package_parent / "msg"
    overlays = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    prefixes = [*module_file.parents[2:], Path(sys.prefix), *map(Path, filter(None, overlays))]
    for prefix in dict.fromkeys(prefixes):
        yield prefix / _INSTALLED
