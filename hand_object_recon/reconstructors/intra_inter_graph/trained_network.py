"""The network as it is built anew, and as a weights file has it."""

from __future__ import annotations

from pathlib import Path

from hand_object_recon.networks.trained_network import TrainedNetwork, read_trained_network
from hand_object_recon.reconstructors.intra_inter_graph.network import IntraInterGraphNetwork
from hand_object_recon.reconstructors.intra_inter_graph.options import (
    METHOD,
    IntraInterGraphOptions,
)

TrainedIntraInterGraph = TrainedNetwork[IntraInterGraphNetwork, IntraInterGraphOptions]
"""A network in evaluation mode, and what it was trained with."""


def new_network(options: IntraInterGraphOptions) -> IntraInterGraphNetwork:
    """The network that options ask for, newly initialised."""
    return IntraInterGraphNetwork(options)


def load_trained_network(path: Path) -> TrainedIntraInterGraph:
    """The network of a weights file.

    Raises
    ------
    InvalidValueError
        The file is not there, is damaged, or holds something else; or its hand model is not
        installed.
    """
    return read_trained_network(
        path, METHOD, IntraInterGraphOptions, lambda _, options: new_network(options)
    )
