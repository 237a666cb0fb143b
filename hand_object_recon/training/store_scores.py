"""Scores of weights files on a store of samples: ``python -m ... WEIGHTS... --store DIR``."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import cv2
import torch

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.networks.weights import fill_for_use, read_weights
from hand_object_recon.training.methods import build_method
from hand_object_recon.training.sample_store import META_FILE, SampleStore, read_meta
from hand_object_recon.training.scoring import mean_scores, prediction_picture

_BATCH = 16
_PICTURED = 8


def main() -> None:
    """Print the mean scores of each weights file."""
    parser = argparse.ArgumentParser(description="Score weights on a store of samples.")
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--store", type=Path, required=True, help="as training made it")
    parser.add_argument("--samples", type=int, default=512, help="records, spread over the store")
    parser.add_argument("--picture", type=Path, help="folder for a picture of predictions each")
    chosen = parser.parse_args()
    for path in chosen.weights:
        scores = store_scores(path, chosen.store, chosen.samples, chosen.picture)
        print(path, json.dumps({name: round(score, 3) for name, score in scores.items()}))


def store_of(folder: Path, method: str) -> SampleStore:
    """The finished store of a method's samples in a folder.

    Raises
    ------
    InvalidValueError
        There is none, or it is another method's.
    """
    if not (folder / META_FILE).exists():
        raise InvalidValueError(f"{folder} is no finished store of samples: it has no {META_FILE}")
    identity: dict[str, Any] = read_meta(folder)["identity"]
    if identity["method"] != method:
        raise InvalidValueError(
            f"the store {folder} holds samples of {identity['method']!r}, the weights are of "
            f"{method!r}; name a store of {method!r}"
        )
    return SampleStore(folder)


def store_scores(
    weights: Path, store: Path, samples: int, pictures: Path | None = None
) -> dict[str, float]:
    """Mean scores of a weights file on records spread evenly over a store.

    Raises
    ------
    InvalidValueError
        The file or the store is not there, or the store is another method's.
    """
    found = read_weights(weights)
    name, options = found.description["method"], found.description["options"]
    records = store_of(store, name)
    method = build_method(name, options)
    network = method.build_network()
    fill_for_use(network, found, weights)
    device = torch.device("cpu")
    if pictures is not None:
        picture = prediction_picture(method, network, records, _PICTURED, device)
        pictures.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(pictures / f"{weights.stem}.png"), picture[..., ::-1])
    return mean_scores(method, network, records, samples, _BATCH, device)


if __name__ == "__main__":
    main()
