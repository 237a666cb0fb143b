"""The network as it is built anew, and as a weights file has it."""

from __future__ import annotations

from pathlib import Path

from hand_object_recon.networks.trained_network import TrainedNetwork, read_trained_network
from hand_object_recon.reconstructors.pdfnet.hand_template import HandTemplate
from hand_object_recon.reconstructors.pdfnet.network import PDFNetwork
from hand_object_recon.reconstructors.pdfnet.options import METHOD, PDFNetOptions

TrainedPDFNet = TrainedNetwork[PDFNetwork, PDFNetOptions]
"""A network in evaluation mode, and what it was trained with."""


def new_network(options: PDFNetOptions) -> PDFNetwork:
    """The network that options ask for, newly initialised."""
    return PDFNetwork(options, HandTemplate.load(options.hand_model))


def load_trained_network(path: Path) -> TrainedPDFNet:
    """The network of a weights file.

    Raises
    ------
    InvalidValueError
        The file is not there, is damaged, or holds something else; or its hand model is not
        installed.
    """
    return read_trained_network(
        path, METHOD, PDFNetOptions, lambda _, options: new_network(options)
    )
