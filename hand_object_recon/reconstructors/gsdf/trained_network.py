"""The networks as they are built anew, and as a weights file has them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.trained_network import TrainedNetwork, read_trained_network
from hand_object_recon.reconstructors.gsdf.conventions import IMAGE_SIZE, MAP_SIZE
from hand_object_recon.reconstructors.gsdf.hand_frames import rest_keypoints
from hand_object_recon.reconstructors.gsdf.network import GSDFNetwork, PoseStage
from hand_object_recon.reconstructors.gsdf.options import METHOD, GSDFOptions, Part

_PIXELS_PER_MAP_CELL: Final = IMAGE_SIZE // MAP_SIZE

TrainedGSDF = TrainedNetwork[GSDFNetwork, GSDFOptions]
"""A network in evaluation mode, and what it was trained with."""


def new_network(options: GSDFOptions) -> GSDFNetwork | PoseStage:
    """The network that options ask for, newly initialised."""
    if options.part is Part.POSE:
        return PoseStage(options.width, options.conventions, options.heatmap_doublings)
    return _whole_network(options)


def load_trained_network(path: Path) -> TrainedGSDF:
    """The network of a weights file.

    Raises
    ------
    InvalidValueError
        The file is not there, is damaged, or holds something else; or its hand model is not
        installed.
    """
    return read_trained_network(path, METHOD, GSDFOptions, _usable_network)


def _usable_network(path: Path, options: GSDFOptions) -> GSDFNetwork:
    if options.part is Part.POSE:
        raise InvalidValueError(
            f"weights file {path} holds the joints' network alone; give one of a later stage"
        )
    return _whole_network(options)


def _whole_network(options: GSDFOptions) -> GSDFNetwork:
    model = load_hand_model(options.hand_model, HandSide.RIGHT)
    return GSDFNetwork(
        rest_keypoints(model),
        options.conventions,
        options.sharing,
        features=options.feature_choice,
        width=options.width,
        doublings=options.heatmap_doublings,
        map_size=options.image_size // _PIXELS_PER_MAP_CELL,
    )
