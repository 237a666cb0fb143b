"""Scores of a network on the validation store, and a picture of what it makes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader

from hand_object_recon.networks.trainable import Batch, TrainableMethod
from hand_object_recon.training.items import StoreItems
from hand_object_recon.training.sample_store import SampleStore


@torch.no_grad()
def mean_scores(
    method: TrainableMethod,
    network: nn.Module,
    store: SampleStore,
    samples: int,
    batch_size: int,
    device: torch.device,
) -> dict[str, float]:
    """Mean of each score over so many records, spread evenly over the store.

    A record for which a score is NaN has nothing that it counts, and is left out of its mean.
    """
    with _evaluating(network):
        batches = [
            method.scores(network, batch)
            for batch in _batches(method, store, samples, batch_size, device)
        ]
    return {
        name: float(torch.cat([scores[name].float().cpu() for scores in batches]).nanmean())
        for name in batches[0]
    }


@torch.no_grad()
def prediction_picture(
    method: TrainableMethod,
    network: nn.Module,
    store: SampleStore,
    samples: int,
    device: torch.device,
) -> NDArray[np.uint8]:
    """What the network makes of a few records spread over the store."""
    with _evaluating(network):
        batch = next(_batches(method, store, samples, samples, device))
        return method.picture(network, batch)


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """The network in evaluation mode for as long as the context lasts."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training


def _batches(
    method: TrainableMethod,
    store: SampleStore,
    samples: int,
    batch_size: int,
    device: torch.device,
) -> Iterator[Batch]:
    indices = np.unique(np.linspace(0, len(store) - 1, min(samples, len(store))).astype(int))
    places = [(0, int(index)) for index in indices]
    batches = [places[start : start + batch_size] for start in range(0, len(places), batch_size)]
    loader: DataLoader[Any] = DataLoader(
        StoreItems(store, method, None),
        batch_sampler=batches,
    )
    for batch in loader:
        yield {name: value.to(device) for name, value in batch.items()}
