"""Items for a data loader, in an order that a resumed training repeats exactly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset, Sampler

from hand_object_recon.networks.trainable import TrainableMethod
from hand_object_recon.training.sample_store import SampleStore

_ORDER: Final = 0
_CHANGES: Final = 1


class StoreItems(Dataset[dict[str, NDArray[Any]]]):
    """What a method gets of a store's records; an index is (epoch, record).

    Without a seed nothing is augmented. With one, what is drawn for an item depends on seed,
    epoch and record alone, not on who loads it or what was loaded before.
    """

    def __init__(self, store: SampleStore, method: TrainableMethod, seed: int | None) -> None:
        self._store, self._method, self._seed = store, method, seed

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, place: tuple[int, int]) -> dict[str, NDArray[Any]]:
        epoch, index = place
        records = self._store.with_earlier(index, self._method.earlier_s)
        random = None
        if self._seed is not None:
            random = np.random.default_rng((self._seed, _CHANGES, epoch, index))
        return self._method.item(records, random)


class BatchOrder(Sampler[list[tuple[int, int]]]):
    """Batches of one machine of several, from a step on to the last.

    Each epoch is a new random order of all records; a last batch that is not full is left out,
    unless there is no full one. Every step's batch is cut into equal shares, one for each rank.
    """

    def __init__(
        self,
        record_count: int,
        batch_size: int,
        steps: int,
        seed: int,
        *,
        first_step: int = 0,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self._count = record_count
        self._batch = min(batch_size, record_count)
        self._steps, self._seed, self._first = steps, seed, first_step
        self._rank, self._ranks = rank, ranks

    @property
    def steps_per_epoch(self) -> int:
        return self._count // self._batch

    def __len__(self) -> int:
        return self._steps - self._first

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        epoch_of_order = -1
        order: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        for step in range(self._first, self._steps):
            epoch, place = divmod(step, self.steps_per_epoch)
            if epoch != epoch_of_order:
                random = np.random.default_rng((self._seed, _ORDER, epoch))
                epoch_of_order, order = epoch, random.permutation(self._count)
            batch = order[place * self._batch : (place + 1) * self._batch]
            yield [(epoch, int(index)) for index in batch[self._rank :: self._ranks]]


def item_loader(
    items: Dataset[dict[str, NDArray[Any]]], order: Sampler[list[tuple[int, int]]], workers: int
) -> DataLoader[Any]:
    """Batches in an order.

    Its generator is its own: one draw more from torch's after a resume would shift dropout's.
    """
    if workers:
        import cv2

        # Not in the workers: they are forks, in which OpenCV would wait for threads of its own
        # that only the first process has.
        cv2.setNumThreads(1)
    return DataLoader(
        items,
        batch_sampler=order,
        num_workers=workers,
        worker_init_fn=_be_one_thread,
        generator=torch.Generator(),
    )


def _be_one_thread(_: int) -> None:
    torch.set_num_threads(1)
