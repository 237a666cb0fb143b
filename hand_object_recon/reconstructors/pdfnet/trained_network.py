"""The network as it is built anew, and as a weights file has it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hand_object_recon.networks.weights import fill_for_use, load_weights, options_of
from hand_object_recon.reconstructors.pdfnet.hand_template import HandTemplate
from hand_object_recon.reconstructors.pdfnet.network import PDFNetwork
from hand_object_recon.reconstructors.pdfnet.options import METHOD, PDFNetOptions


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network in evaluation mode, and what it was trained with."""

    network: PDFNetwork
    options: PDFNetOptions


def new_network(options: PDFNetOptions) -> PDFNetwork:
    """The network that options ask for, newly initialised."""
    return PDFNetwork(options, HandTemplate.load(options.hand_model))


def load_trained_network(path: Path) -> TrainedNetwork:
    """The network of a weights file.

    Raises
    ------
    InvalidValueError
        The file is not there, is damaged, or holds something else; or its hand model is not
        installed.
    """
    weights = load_weights(path, METHOD)
    options = options_of(weights, path, PDFNetOptions)
    network = new_network(options)
    fill_for_use(network, weights, path)
    return TrainedNetwork(network, options)
