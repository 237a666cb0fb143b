"""Weights as safetensors files that say what they are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from torch import Tensor, nn

from hand_object_recon.core.errors import InvalidValueError

_DESCRIPTION: Final = "hand_object_recon"

Options = TypeVar("Options", bound=BaseModel)


@dataclass(frozen=True, eq=False)
class Weights:
    """A network's tensors by name, and what the file says of them.

    description
        ``method``, ``options`` (what the network is built with), and where it came from: data,
        steps, scores, licence.
    """

    tensors: Mapping[str, Tensor]
    description: Mapping[str, Any]


def save_weights(path: Path, weights: Weights) -> str:
    """Write a file, whole or not at all; return the SHA-256 of its content."""
    from safetensors.torch import save

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.tensors.items()}
    content = save(tensors, {_DESCRIPTION: json.dumps(weights.description)})
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    partial.replace(path)
    return hashlib.sha256(content).hexdigest()


def load_weights(path: Path, method: str) -> Weights:
    """Read a file that holds weights of a method.

    Raises
    ------
    InvalidValueError
        The file is not there, is damaged, or holds something else.
    """
    weights = read_weights(path)
    found = weights.description["method"]
    if found != method:
        raise InvalidValueError(f"weights file {path} holds {found!r}, not {method!r}")
    return weights


def read_weights(path: Path) -> Weights:
    """Read a file that holds weights of any method.

    Raises
    ------
    InvalidValueError
        The file is not there, is damaged, or was not written by ``save_weights``.
    """
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        raise InvalidValueError(f"weights file {path} does not exist")
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(_DESCRIPTION)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise InvalidValueError(f"weights file {path} cannot be read: {error}") from None
    description = json.loads(text) if text else {}
    if "method" not in description:
        raise InvalidValueError(
            f"weights file {path} holds weights of unknown origin; give one that "
            "training here wrote"
        )
    return Weights(tensors, description)


def options_of(weights: Weights, path: Path, kind: type[Options]) -> Options:
    """What the network of a file is built with.

    Raises
    ------
    InvalidValueError
        The file does not tell, or tells what this version does not know.
    """
    try:
        return kind.model_validate(weights.description["options"])
    except (KeyError, ValidationError) as error:
        raise InvalidValueError(
            f"weights file {path} does not say how its network is built: {error}"
        ) from None


def fill_for_use(network: nn.Module, weights: Weights, path: Path) -> None:
    """Give a network a file's tensors; it is not trained any more afterwards.

    Raises
    ------
    InvalidValueError
        They do not fit.
    """
    try:
        network.load_state_dict(weights.tensors)
    except RuntimeError as error:
        raise InvalidValueError(f"weights file {path} does not fit its network: {error}") from None
    network.eval().requires_grad_(False)
