"""The networks as they are built anew, and as a weights file has them."""

from __future__ import annotations

from pathlib import Path

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.trained_network import TrainedNetwork, read_trained_network
from hand_object_recon.reconstructors.h2onet.mesh_template import MeshTemplate
from hand_object_recon.reconstructors.h2onet.network import MultiFrameNetwork, SingleFrameNetwork
from hand_object_recon.reconstructors.h2onet.options import FRAMES, METHOD, H2ONetOptions

HandNetwork = SingleFrameNetwork | MultiFrameNetwork


TrainedH2ONet = TrainedNetwork[HandNetwork, H2ONetOptions]
"""A network in evaluation mode, and what it was trained with."""


def new_network(options: H2ONetOptions) -> HandNetwork:
    """The network that options ask for, newly initialised."""
    template = MeshTemplate.of_model(load_hand_model(options.hand_model, HandSide.RIGHT))
    if options.frames == FRAMES:
        return MultiFrameNetwork(options.width, template, fusion=options.fusion)
    return SingleFrameNetwork(options.width, template)


def load_trained_network(path: Path) -> TrainedH2ONet:
    """The network of a weights file.

    Raises
    ------
    InvalidValueError
        The file is not there, is damaged, or holds something else; or its hand model is not
        installed.
    """
    return read_trained_network(
        path, METHOD, H2ONetOptions, lambda _, options: new_network(options)
    )
