"""What learns in one stage: the network, its optimiser and its moving average."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.networks.weights import load_weights, read_weights
from hand_object_recon.training.config import StageSettings, TrainingConfig
from hand_object_recon.training.moving_average import MovingAverage


def freeze(network: nn.Module, patterns: Iterable[str]) -> None:
    """Keep the parameters whose names match a pattern from learning.

    Raises
    ------
    ConfigError
        A pattern matches nothing, or nothing is left to learn.
    """
    for pattern in patterns:
        chosen = [value for name, value in network.named_parameters() if re.search(pattern, name)]
        if not chosen:
            raise ConfigError(f"frozen pattern {pattern!r} matches no parameter of the network")
        for parameter in chosen:
            parameter.requires_grad_(False)
    if not any(parameter.requires_grad for parameter in network.parameters()):
        raise ConfigError("frozen leaves no parameter to learn")


def learn(network: nn.Module) -> None:
    """Training mode, but for what is frozen: its norms go by what they have seen before."""
    network.train()
    for module in network.modules():
        own = list(module.parameters(recurse=False))
        if own and not any(parameter.requires_grad for parameter in own):
            module.eval()


def beginning(
    before: Mapping[str, Tensor], path: Path, method: str, settings: StageSettings
) -> dict[str, Tensor]:
    """What a stage begins with that begins with a file; ``before`` is how the last one ended.

    Of a file of another method nothing is taken but what is copied.

    Raises
    ------
    ConfigError
        A pattern or a prefix matches nothing.
    InvalidValueError
        The file is not there, is damaged, or is of another method and nothing of it is copied.
    """
    stored = read_weights(path)
    if settings.begin_copies and stored.description["method"] != method:
        copies = copied(stored.tensors, settings.begin_copies)
        return {**before, **copies}
    state = _chosen(before, load_weights(path, method).tensors, settings.begin_names)
    return with_copies(state, settings.begin_copies)


def _chosen(
    before: Mapping[str, Tensor], stored: Mapping[str, Tensor], patterns: Sequence[str]
) -> dict[str, Tensor]:
    """All that is stored, or what of it matches a pattern, and the rest as it was before."""
    if not patterns:
        return dict(stored)
    chosen: dict[str, Tensor] = {}
    for pattern in patterns:
        matching = {name: value for name, value in stored.items() if re.search(pattern, name)}
        if not matching:
            raise ConfigError(f"begin_names pattern {pattern!r} matches nothing in begin_from")
        chosen |= matching
    return {**before, **chosen}


def with_copies(state: Mapping[str, Tensor], copies: Mapping[str, str]) -> dict[str, Tensor]:
    """The state, and what it holds under a prefix under another one, too.

    Raises
    ------
    ConfigError
        Nothing has the prefix that is copied from.
    """
    return {**state, **copied(state, copies)}


def copied(state: Mapping[str, Tensor], copies: Mapping[str, str]) -> dict[str, Tensor]:
    """What has one of the prefixes that are copied from, under its new name."""
    found_again: dict[str, Tensor] = {}
    for prefix, source in copies.items():
        found = {name: value for name, value in state.items() if name.startswith(source)}
        if not found:
            raise ConfigError(f"begin_copies: no tensor's name begins with {source!r}")
        found_again |= {prefix + name.removeprefix(source): value for name, value in found.items()}
    return found_again


def begin_with(network: nn.Module, state: Mapping[str, Tensor]) -> tuple[str, ...]:
    """Take over what has the same name and shape; return the names that begin anew."""
    own = network.state_dict()
    taken = {name: value for name, value in state.items() if _fits(own.get(name), value)}
    network.load_state_dict({**own, **taken})
    return tuple(name for name in own if name not in taken)


def build_optimizer(
    network: nn.Module, config: TrainingConfig, stage: StageSettings
) -> torch.optim.Optimizer:
    """The optimiser of the parameters that learn."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(learning, lr=stage.learning_rate, weight_decay=config.weight_decay, fused=True)


def average_of(network: nn.Module, config: TrainingConfig) -> MovingAverage | None:
    """A moving average, where one is asked for."""
    return MovingAverage(network, config.ema_decay) if config.ema_decay else None


def _fits(own: Any, value: Tensor) -> bool:
    return own is not None and own.shape == value.shape
