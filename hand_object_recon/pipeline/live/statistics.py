"""How a live pipeline is doing: rate, latency, and what was lost on the way."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from hand_object_recon.core.plugins import PluginCard

_FRAMES_KEPT: Final = 300
_RATE_WINDOW_NS: Final = 5_000_000_000
_NANOSECONDS_PER_SECOND: Final = 1_000_000_000
_BYTES_PER_MEGABYTE: Final = 1_000_000


@dataclass(frozen=True)
class Percentiles:
    """Of a time in milliseconds over the last frames."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values_ms: Iterable[float]) -> Percentiles:
        p50, p95, p99 = np.percentile(list(values_ms), (50, 95, 99)).tolist()
        return cls(p50, p95, p99)


@dataclass
class FrameCounts:
    """Since activation.

    processed, failed
        Frames reconstructed, and frames that the pipeline failed on.
    unreadable
        Frames that could not be decoded or do not fit their CameraInfo.
    replaced
        Frames dropped because a newer one came while the pipeline was busy.
    too_old
        Frames dropped for their age.
    unpaired_color, unpaired_depth
        Images without a partner in the other stream.
    clock_jumps
        Times the stamps jumped back.
    """

    processed: int = 0
    failed: int = 0
    unreadable: int = 0
    replaced: int = 0
    too_old: int = 0
    unpaired_color: int = 0
    unpaired_depth: int = 0
    clock_jumps: int = 0


@dataclass(frozen=True)
class LiveSnapshot:
    """Everything worth showing of a live pipeline at one moment.

    state
        The engine's.
    rate_hz
        Frames reconstructed a second, over the last seconds.
    stage_ms
        Latency by stage, ``total`` last.
    age_ms
        From the image's stamp until its result was published.
    gpu_memory_mb
        Held by PyTorch; None where it does not use a GPU.
    reconstructor
        Card of the plugin in use; None before it is loaded.
    hand_model, hand_model_licence
        Of the mesh that hands come in; empty before it is loaded.
    troubles
        What is wrong at the moment, by topic.
    """

    state: str
    rate_hz: float
    stage_ms: Mapping[str, Percentiles]
    age_ms: Percentiles | None
    counts: FrameCounts
    gpu_memory_mb: float | None
    reconstructor: PluginCard | None
    hand_model: str
    hand_model_licence: str
    troubles: Mapping[str, str] = field(default_factory=dict)


class LiveStatistics:
    """Collects figures of the last frames; not thread-safe."""

    def __init__(self) -> None:
        self.counts = FrameCounts()
        self._stages_ms: dict[str, deque[float]] = {}
        self._ages_ms: deque[float] = deque(maxlen=_FRAMES_KEPT)
        self._done_ns: deque[int] = deque(maxlen=_FRAMES_KEPT)

    def add_frame(self, stage_ms: Mapping[str, float], now_ns: int) -> None:
        """Count a reconstructed frame."""
        self.counts.processed += 1
        self._done_ns.append(now_ns)
        for name, value in {**stage_ms, "total": sum(stage_ms.values())}.items():
            self._stages_ms.setdefault(name, deque(maxlen=_FRAMES_KEPT)).append(value)

    def add_published(self, age_ms: float) -> None:
        """Note how old a frame was when its result was published."""
        self._ages_ms.append(age_ms)

    def forget_latency(self) -> None:
        """Drop the times of another method's stages."""
        self._stages_ms.clear()

    def rate_hz(self, now_ns: int) -> float:
        """Frames a second over the last seconds."""
        recent = [done_ns for done_ns in self._done_ns if now_ns - done_ns <= _RATE_WINDOW_NS]
        if len(recent) < 2 or recent[-1] == recent[0]:
            return 0.0
        return (len(recent) - 1) * _NANOSECONDS_PER_SECOND / (recent[-1] - recent[0])

    def stage_percentiles(self) -> dict[str, Percentiles]:
        """Latency by stage in the order the stages ran, the total last."""
        names = [name for name in self._stages_ms if name != "total"]
        names += ["total"] * ("total" in self._stages_ms)
        return {name: Percentiles.of(self._stages_ms[name]) for name in names}

    def age_percentiles(self) -> Percentiles | None:
        return Percentiles.of(self._ages_ms) if self._ages_ms else None


def gpu_memory_mb() -> float | None:
    """Megabytes of GPU memory that PyTorch holds; None if it is not in use there."""
    cuda = _cuda_in_use()
    return None if cuda is None else float(cuda.memory_reserved()) / _BYTES_PER_MEGABYTE


def free_gpu_memory() -> None:
    """Give back to the driver what PyTorch keeps for reuse."""
    cuda = _cuda_in_use()
    if cuda is not None:
        cuda.empty_cache()


def _cuda_in_use() -> Any:
    """PyTorch's CUDA module, or None; another thread may be half-way through its import."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    is_initialized = getattr(cuda, "is_initialized", None)
    return cuda if is_initialized is not None and is_initialized() else None
