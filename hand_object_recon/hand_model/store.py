"""Where hand models lie: those that ship with the package, and the user's imported ones."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide

ASSETS: Final = Path(__file__).parent / "assets"
FOLDER_VARIABLE: Final = "HAND_OBJECT_RECON_HAND_MODELS"
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_STORED_FILE: Final = re.compile(r"(?P<name>[a-z][a-z0-9_]*)_(left|right)\.npz")


def store_folder() -> Path:
    """Folder of imported models; it need not exist.

    HAND_OBJECT_RECON_HAND_MODELS if set, else hand_object_recon/hand_models under
    $XDG_DATA_HOME or ~/.local/share.
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    home = Path(data) if data else Path.home() / ".local" / "share"
    return home / "hand_object_recon" / "hand_models"


def built_in_names() -> tuple[str, ...]:
    """Models that ship with the package, in order of name."""
    return tuple(sorted(path.stem for path in ASSETS.glob("*.npz")))


def imported_names() -> tuple[str, ...]:
    """Models of the user's store of which at least one side is there, in order of name."""
    matches = (_STORED_FILE.fullmatch(path.name) for path in store_folder().glob("*.npz"))
    return tuple(sorted({match["name"] for match in matches if match} - set(built_in_names())))


def stored_file(name: str, side: HandSide) -> Path:
    """Where one side of an imported model lies, or would lie."""
    return store_folder() / f"{name}_{side}.npz"


def model_file(name: str, side: HandSide) -> Path:
    """File a side of a model is read from: its own, or the other side's, whose mirror it is.

    Raises
    ------
    InvalidValueError
        No model of that name is installed; the message lists those that are.
    """
    if name in built_in_names():
        return ASSETS / f"{name}.npz"
    other = HandSide.LEFT if side is HandSide.RIGHT else HandSide.RIGHT
    if _NAME.fullmatch(name):
        for path in (stored_file(name, side), stored_file(name, other)):
            if path.is_file():
                return path
    known = ", ".join((*built_in_names(), *imported_names()))
    raise InvalidValueError(
        f"hand model {name!r} is not installed; known are {known}; "
        "hand-object-recon hand-model import adds one"
    )


def require_free_name(name: str) -> str:
    """Return ``name`` if an imported model may have it."""
    if not _NAME.fullmatch(name):
        raise InvalidValueError(
            f"hand model name {name!r} must be small letters, digits and _, a letter first"
        )
    if name in built_in_names():
        raise InvalidValueError(
            f"hand model {name!r} ships with the package and cannot be replaced; "
            "choose another --name"
        )
    return name
