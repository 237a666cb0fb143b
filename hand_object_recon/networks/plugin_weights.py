"""Which weights a plugin runs with: a user's file, the authors' checkpoint, or what is shipped."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hand_object_recon.core.errors import ConfigError


class OfficialFiles(NamedTuple):
    """One of the authors' checkpoints, and a clone of their repository that goes with it."""

    checkpoint: Path
    repository: Path


def weights_file(weights: str, shipped: Path, method: str) -> Path:
    """The file that the setting ``weights`` of a method names; the shipped one where it is empty.

    Raises
    ------
    ConfigError
        It is empty, and none is shipped.
    """
    if weights:
        return Path(weights).expanduser()
    if not shipped.exists():
        raise ConfigError(
            f"{method} has no weights: set {method}.weights to a .safetensors file; "
            f"'hand-object-recon train config/train/{method}_lite_synthetic.yaml --out "
            f"out/{method}' makes one (docs/training.md)"
        )
    return shipped


def official_files(weights: str, repository: str, method: str) -> OfficialFiles:
    """What the settings ``weights`` and ``official_repository`` of a method name.

    Raises
    ------
    ConfigError
        No weights are named.
    """
    if not weights:
        raise ConfigError(
            f"{method}.official_repository is {repository!r} and {method}.weights is empty; set "
            f"{method}.weights to one of the authors' checkpoints"
        )
    return OfficialFiles(Path(weights).expanduser(), Path(repository).expanduser())


def require_hand_model(of_weights: str, hand_model: str, method: str) -> None:
    """Hold weights to the pipeline's hand model.

    Raises
    ------
    ConfigError
        They are for another one.
    """
    if of_weights != hand_model:
        raise ConfigError(
            f"the weights of {method} are for the hand model {of_weights!r}, and hand_model is "
            f"{hand_model!r}; set hand_model to {of_weights!r}, or {method}.weights to other "
            "weights"
        )
