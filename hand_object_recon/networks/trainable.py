"""The contract between a method and the training engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import Tensor, nn

from hand_object_recon.core.annotation import AnnotatedFrame

Record = Mapping[str, NDArray[Any]]
"""What is kept of one hand, or of one frame, for training: arrays by name.

The same names, shapes and types in every record of a method. ``(H, W, 3) uint8`` arrays are
photographs and may be kept with loss (JPEG); everything else is kept exactly, ``(H, W)`` arrays of
uint8 or uint16 (masks, depth) packed (PNG).
"""

Batch = Mapping[str, Tensor]


class TrainableMethod(ABC):
    """How a method is trained: what it keeps of a frame, its network, losses and scores.

    options
        What it was built with; kept with its weights.
    earlier_s
        How long before the current record those lie that the method sees with it, newest
        first; empty for a method of single frames.
    record_extras
        Those of ``record_settings`` that, if on, only add something to a record: a store that has
        it is taken where it is not asked for.
    """

    name: ClassVar[str]
    options: BaseModel
    earlier_s: tuple[float, ...] = ()
    record_extras: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def build_network(self) -> nn.Module:
        """The network, newly initialised by torch's generator."""

    def record_settings(self) -> dict[str, Any]:
        """Options that records depend on: a store made with others is not taken."""
        return {}

    @abstractmethod
    def records(self, annotated: AnnotatedFrame) -> Iterator[tuple[int, Record]]:
        """A record of each hand (or frame) worth training on, with a number that is the same
        for the same hand throughout a sequence."""

    @abstractmethod
    def item(
        self, records: Sequence[Record], random: np.random.Generator | None
    ) -> dict[str, NDArray[Any]]:
        """What the network gets of a record and the earlier ones (the current first).

        Augmented by ``random``; as it is where that is None.
        """

    @abstractmethod
    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """Weighted terms by name, each a number; their sum is minimised.

        ``network`` may be wrapped for several machines: call it, do not reach into it.
        """

    @abstractmethod
    def scores(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """(B,) errors of each item by name, the unit in the name; the first one chooses the
        best weights."""

    @abstractmethod
    def picture(self, network: nn.Module, batch: Batch) -> NDArray[np.uint8]:
        """(H, W, 3) what the network makes of a few items, for a person to look at."""
