"""The network as it is built anew, and as a weights file has it."""

from __future__ import annotations

from pathlib import Path

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.networks.trained_network import TrainedNetwork, read_trained_network
from hand_object_recon.reconstructors.cross_branch.network import CrossBranchNetwork
from hand_object_recon.reconstructors.cross_branch.options import METHOD, CrossBranchOptions

TrainedCrossBranch = TrainedNetwork[CrossBranchNetwork, CrossBranchOptions]
"""A network in evaluation mode, and what it was trained with."""


def new_network(options: CrossBranchOptions) -> CrossBranchNetwork:
    """The network that options ask for, newly initialised."""
    return CrossBranchNetwork(options)


def load_trained_network(path: Path) -> TrainedCrossBranch:
    """The network of a weights file, with both branches.

    Raises
    ------
    InvalidValueError
        The file is not there, is damaged, or holds something else; or its hand model is not
        installed; or it is of a stage without one of the branches.
    """
    return read_trained_network(path, METHOD, CrossBranchOptions, _usable_network)


def _usable_network(path: Path, options: CrossBranchOptions) -> CrossBranchNetwork:
    if not (options.has_hand and options.has_object):
        raise InvalidValueError(
            f"weights file {path} is of stage {options.part.value}, which has not both branches; "
            "give one of a later stage"
        )
    return new_network(options)
