"""One stage under way: what learns, how far it has got, and what a checkpoint keeps of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from hand_object_recon.networks.trainable import TrainableMethod
from hand_object_recon.training.config import StageSettings
from hand_object_recon.training.moving_average import MovingAverage


@dataclass(eq=False)
class Stage:
    """``step`` counts the steps done.

    network, wrapped
        The network itself, and as it is called while several machines train it.
    """

    number: int
    settings: StageSettings
    method: TrainableMethod
    network: nn.Module
    wrapped: nn.Module
    optimizer: Any
    average: MovingAverage | None
    steps: int
    step: int = 0
    best_score: float = float("inf")

    @property
    def scored(self) -> nn.Module:
        """What is scored and exported."""
        return self.average.network if self.average is not None else self.network

    def state(self) -> dict[str, Any]:
        """All that is needed to go on."""
        return {
            "stage": self.number,
            "step": self.step,
            "best_score": self.best_score,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.network.state_dict(),
            "random": torch.get_rng_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Be where ``state`` was taken."""
        self.step, self.best_score = state["step"], state["best_score"]
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.network.load_state_dict(state["average"])
        torch.set_rng_state(state["random"])
