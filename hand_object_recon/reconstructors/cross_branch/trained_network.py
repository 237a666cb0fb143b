"""The network as it is built anew, and as a weights file has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.networks.weights import fill_for_use, load_weights, options_of
from hand_object_recon.reconstructors.cross_branch.network import CrossBranchNetwork
from hand_object_recon.reconstructors.cross_branch.options import METHOD, CrossBranchOptions


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network in evaluation mode, and what it was trained with."""

    network: CrossBranchNetwork
    options: CrossBranchOptions


def new_network(options: CrossBranchOptions) -> CrossBranchNetwork:
    """The network that options ask for, newly initialised."""
    return CrossBranchNetwork(options)


def load_trained_network(path: Path) -> TrainedNetwork:
    """The network of a weights file, with both branches.

    Raises
    ------
    InvalidValueError
        The file is not there, is damaged, or holds something else; or its hand model is not
        installed; or it is of a stage without one of the branches.
    """
    weights = load_weights(path, METHOD)
    options = options_of(weights, path, CrossBranchOptions)
    if not (options.has_hand and options.has_object):
        raise InvalidValueError(
            f"weights file {path} is of stage {options.part.value}, which has not both branches; "
            "give one of a later stage"
        )
    network = new_network(options)
    fill_for_use(network, weights, path)
    return TrainedNetwork(network, options)
