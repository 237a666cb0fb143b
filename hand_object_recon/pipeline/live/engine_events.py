"""What a host gets from the live engine: states, results, and what it is called back with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.errors import HandObjectReconError
from hand_object_recon.core.hands import HandTopology
from hand_object_recon.pipeline.live.conditions import Notice
from hand_object_recon.pipeline.pipeline import FrameResult


class EngineState(str, Enum):
    """The primary states of a ROS 2 lifecycle node."""

    UNCONFIGURED = "unconfigured"
    INACTIVE = "inactive"
    ACTIVE = "active"

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, eq=False)
class LiveResult:
    """A frame, what was found in it, and the meshes its hands come in, by topology name."""

    frame: RgbdFrame
    result: FrameResult
    topologies: Mapping[str, HandTopology]


def _ignore(_: object) -> None:
    pass


@dataclass(frozen=True)
class LiveEvents:
    """What a host is called back with, from whichever thread it happens in.

    The functions are to return soon and may not change the engine's state or settings.

    result
        Every reconstructed frame, in the inference thread.
    notice
        Each trouble once, and its end once.
    failed
        The pipeline was given up: the engine is unconfigured, and this is why.
    """

    result: Callable[[LiveResult], None]
    notice: Callable[[Notice], None] = _ignore
    failed: Callable[[HandObjectReconError], None] = _ignore


@dataclass(frozen=True)
class ChangeReport:
    """What a change did, in words, and how long it took."""

    text: str
    seconds: float
