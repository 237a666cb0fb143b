"""Checkpoints: written whole or not at all, and read without running anything in them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import torch

from hand_object_recon.core.errors import InvalidValueError

CHECKPOINT_FILE: Final = "checkpoint.pt"


def save_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Replace the folder's checkpoint; an interruption leaves the old one."""
    partial = folder / f"{CHECKPOINT_FILE}.partial"
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / CHECKPOINT_FILE)


def load_checkpoint(folder: Path) -> dict[str, Any]:
    """The folder's checkpoint.

    Raises
    ------
    InvalidValueError
        There is none, or it is damaged.
    """
    path = folder / CHECKPOINT_FILE
    if not path.exists():
        raise InvalidValueError(f"there is nothing to resume: {path} does not exist")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise InvalidValueError(f"checkpoint {path} cannot be read: {error}") from None
    if not isinstance(state, dict):
        raise InvalidValueError(f"checkpoint {path} holds no training state")
    return state
