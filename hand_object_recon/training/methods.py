"""The methods that can be trained, by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.networks.trainable import TrainableMethod

_METHODS: Final = {
    "h2onet": "hand_object_recon.reconstructors.h2onet.training:H2ONetTraining:H2ONetOptions",
    "gsdf": "hand_object_recon.reconstructors.gsdf.training:GSDFTraining:GSDFOptions",
    "cross_branch": (
        "hand_object_recon.reconstructors.cross_branch.training:"
        "CrossBranchTraining:CrossBranchOptions"
    ),
    "pdfnet": "hand_object_recon.reconstructors.pdfnet.training:PDFNetTraining:PDFNetOptions",
    "intra_inter_graph": (
        "hand_object_recon.reconstructors.intra_inter_graph.training:"
        "IntraInterGraphTraining:IntraInterGraphOptions"
    ),
}


def weights_path(named: Path) -> Path:
    """The file that a configuration names: a path, or a method's name for the weights it ships.

    Raises
    ------
    ConfigError
        The method ships none.
    """
    method = str(named)
    if method not in _METHODS:
        return named
    package = Path(str(files(_METHODS[method].partition(".training:")[0])))
    shipped = package / "weights" / f"{method}.safetensors"
    if not shipped.exists():
        raise ConfigError(f"begin_from is {method!r}, and no weights of {method} are shipped")
    return shipped


def build_method(name: str, options: Mapping[str, Any]) -> TrainableMethod:
    """The method with its options.

    Raises
    ------
    ConfigError
        There is no such method, or an option does not exist or has a wrong value.
    """
    if name not in _METHODS:
        raise ConfigError(f"method {name!r} cannot be trained; there is {', '.join(_METHODS)}")
    module_name, class_name, options_name = _METHODS[name].split(":")
    module = importlib.import_module(module_name)
    try:
        chosen = getattr(module, options_name).model_validate(dict(options))
    except ValidationError as error:
        first = error.errors()[0]
        setting = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"method option {setting!r} of {name} is {first['input']!r}: {first['msg'].lower()}"
        ) from None
    method: TrainableMethod = getattr(module, class_name)(chosen)
    return method
