"""Reading authors' checkpoints: what their files have in common, whatever the method."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch

from hand_object_recon.core.errors import InvalidValueError

Rules = tuple[tuple[str, str], ...]
"""Regular expressions, and what takes the place of what they match."""

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


def our_name(key: str, rules: Rules, our_parts: tuple[str, ...], method: str) -> str:
    """The authors' name of a tensor after one rule after another.

    Raises
    ------
    InvalidValueError
        It begins with none of ``our_parts`` then: it is not one of the method's.
    """
    name = key
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    if not name.startswith(our_parts):
        raise InvalidValueError(f"checkpoint key {key!r} is not one of {method}'s")
    return name


def trunk_rules(trunk: str) -> Rules:
    """Rules from torchvision's names within a ResNet to those of ``resnet.py``; ``trunk``, a
    regular expression without groups, is how the names begin."""
    return (
        (rf"^({trunk})conv1\.", r"\1stem.0."),
        (rf"^({trunk})bn1\.", r"\1stem.1."),
        *((rf"^({trunk})layer{stage + 1}\.", rf"\1layers.{stage}.") for stage in range(4)),
        (rf"^({trunk}.*)\.bn(\d)\.", r"\1.norm\2."),
        (rf"^({trunk}.*)\.downsample\.", r"\1.shortcut."),
    )


@contextmanager
def must_fit(checkpoint: Path, method: str) -> Iterator[None]:
    """Within it a network takes up the tensors of a checkpoint.

    Raises
    ------
    InvalidValueError
        They do not fit.
    """
    try:
        yield
    except RuntimeError as error:
        raise InvalidValueError(f"checkpoint {checkpoint} does not fit {method}: {error}") from None
