"""Weights as they leave a training, with a card that says what they are."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from hand_object_recon import __version__
from hand_object_recon.networks.weights import Weights, read_weights, save_weights
from hand_object_recon.training.config import DataSettings, TrainingConfig
from hand_object_recon.training.methods import weights_path
from hand_object_recon.training.stage import Stage

_OWN_DATA_LICENCE: Final = "Apache-2.0"
_OTHER_DATA_LICENCE: Final = "bound by the licences of the data and of the hand model"


def export_weights(
    path: Path, config: TrainingConfig, stage: Stage, scores: Mapping[str, float]
) -> None:
    """Write the weights and, beside them, ``NAME.card.md``."""
    description = {
        "method": config.method,
        "options": stage.method.options.model_dump(mode="json"),
        "stage": stage.settings.name,
        "steps": stage.step,
        "batch_size": config.batch_size,
        "seed": config.seed,
        "data": _source(config.data),
        "validation": dict(scores),
        "version": __version__,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "licence": weights_licence(config),
    }
    tensors = _as_precise_as(config.export_precision, stage.scored.state_dict())
    digest = save_weights(path, Weights(tensors, description))
    card = path.with_suffix(".card.md")
    card.write_text(_card(path.name, digest, description, stage), encoding="utf-8")


def weights_licence(config: TrainingConfig) -> str:
    """Ours alone where every sample is of our own making, from the first weights on."""
    named = [stage.begin_from for stage in config.stages if stage.begin_from is not None]
    beginnings = map(weights_path, named)
    synthetic = config.data.synthetic
    is_ours = synthetic is not None and synthetic.tracks is None  # tracked motions are others'
    are_all_ours = is_ours and all(_is_own(path) for path in beginnings)
    return _OWN_DATA_LICENCE if are_all_ours else _OTHER_DATA_LICENCE


def _as_precise_as(precision: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    kind = torch.float16 if precision == "float16" else torch.float32
    return {
        name: tensor.to(kind) if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }


def _source(data: DataSettings) -> dict[str, Any]:
    """What samples were made of; where they lay says something only if it was nothing else."""
    places = {"build_workers"}
    if data.synthetic is not None or data.shards is not None:
        places |= {"store", "validation_store"}
    return data.model_dump(mode="json", exclude=places)


def _is_own(weights: Path) -> bool:
    return read_weights(weights).description.get("licence") == _OWN_DATA_LICENCE


def _card(name: str, digest: str, description: Mapping[str, Any], stage: Stage) -> str:
    options = ", ".join(f"{key} {value}" for key, value in description["options"].items())
    scores = "\n".join(
        f"| {key} | {value:.4g} |" for key, value in description["validation"].items()
    )
    data = description["data"]
    source = data["synthetic"] or data["shards"] or data.get("store")
    return (
        f"# {name}\n\n"
        f"Weights of {description['method']} ({options}).\n\n"
        f"- SHA-256: {digest}\n"
        f"- stage {description['stage']}, step {stage.step} of {stage.steps}, batches of "
        f"{description['batch_size']}, seed {description['seed']}\n"
        f"- data: {source}\n"
        f"- made with version {description['version']} on {description['date']}\n"
        f"- licence: {description['licence']}\n\n"
        f"| validation | mean |\n|---|---|\n{scores}\n"
    )
