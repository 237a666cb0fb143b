"""A network as a weights file has it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import BaseModel
from torch import nn

from hand_object_recon.networks.weights import fill_for_use, load_weights, options_of

Network = TypeVar("Network", bound=nn.Module)
Options = TypeVar("Options", bound=BaseModel)


@dataclass(frozen=True, eq=False)
class TrainedNetwork(Generic[Network, Options]):
    """A network in evaluation mode, and what it was trained with."""

    network: Network
    options: Options


def read_trained_network(
    path: Path, method: str, kind: type[Options], build: Callable[[Path, Options], Network]
) -> TrainedNetwork[Network, Options]:
    """The network of a weights file of a method.

    build
        Makes the network that options ask for, or refuses the file, which it is told for that.

    Raises
    ------
    InvalidValueError
        The file is not there, is damaged, or holds something else.
    """
    weights = load_weights(path, method)
    options = options_of(weights, path, kind)
    network = build(path, options)
    fill_for_use(network, weights, path)
    return TrainedNetwork(network, options)
