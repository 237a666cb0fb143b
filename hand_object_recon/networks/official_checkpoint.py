"""Reading authors' checkpoints: what their files have in common, whatever the method."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import torch

from hand_object_recon.core.errors import InvalidValueError

_PARALLEL: Final = "module."


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """What an authors' file holds; nothing in it is run.

    Raises
    ------
    InvalidValueError
        The file is missing, damaged, or holds no weights.
    """
    if not path.exists():
        raise InvalidValueError(f"checkpoint {path} does not exist; give the authors' file")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many kinds for a damaged file
        raise InvalidValueError(f"checkpoint {path} cannot be read: {error}") from None
    if not isinstance(content, Mapping):
        raise InvalidValueError(f"checkpoint {path} holds no weights")
    return content


def state_within(checkpoint: Mapping[str, Any], wrapper: str) -> dict[str, Any]:
    """The state dict of a checkpoint, wrapped under a key or not, trained on one GPU or several.

    Raises
    ------
    InvalidValueError
        What stands under ``wrapper`` is no mapping.
    """
    inner = checkpoint.get(wrapper, checkpoint)
    if not isinstance(inner, Mapping):
        raise InvalidValueError(f"checkpoint's {wrapper!r} is {type(inner).__name__}, no mapping")
    return {key.removeprefix(_PARALLEL): value for key, value in inner.items()}


def renamed(key: str, rules: Iterable[tuple[str, str]]) -> str:
    """A name after one regular expression after another was replaced in it."""
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return key
