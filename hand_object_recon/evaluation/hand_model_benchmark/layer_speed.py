"""How long posing hands takes, beside smplx's linear blend skinning in the same process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from hand_object_recon.hand_model.conventions import JOINT_COUNT, JOINT_PARENTS, SHAPE_COUNT
from hand_object_recon.hand_model.forward import HandPoser, pose_hand
from hand_object_recon.hand_model.layer import HandLayer
from hand_object_recon.hand_model.model import HandModel

REFERENCE: Final = "smplx.lbs"
DEFAULT_BATCHES: Final = (1, 32, 1024)
DEFAULT_THREADS: Final = (1, 2)

_WARM_UP_RUNS: Final = 3


@dataclass(frozen=True)
class LayerSpeed:
    """Time of one way to pose a batch of hands.

    reference_ms is the median of ``smplx.lbs.lbs`` measured in turns with it, None where smplx is
    not installed; threads are torch's.
    """

    model: str
    threads: int
    batch: int
    way: str
    median_ms: float
    p95_ms: float
    reference_ms: float | None

    @property
    def times_as_fast(self) -> float | None:
        """How many times as fast as smplx."""
        return None if self.reference_ms is None else self.reference_ms / self.median_ms


def measure_layer_speed(
    models: Sequence[HandModel],
    *,
    batches: Iterable[int] = DEFAULT_BATCHES,
    threads: Iterable[int] = DEFAULT_THREADS,
    seconds: float = 3.0,
    with_compiled: bool = True,
) -> list[LayerSpeed]:
    """Time every way to pose a batch, without gradients, all ways in turns.

    Every way gets the same axis-angle poses and shape coefficients; the ways that keep the shape
    have it worked in beforehand. NumPy's threads are those of the process.

    seconds
        For each batch size of each model and number of threads, warm-up and compiling excluded.
    """
    return [
        row
        for count in threads
        for model in models
        for batch in batches
        for row in _measure(model, batch, count, seconds, with_compiled)
    ]


def _measure(
    model: HandModel, batch: int, threads: int, seconds: float, with_compiled: bool
) -> list[LayerSpeed]:
    random = np.random.default_rng(0)
    pose = torch.tensor(random.normal(0.0, 0.6, (batch, 3 * JOINT_COUNT)), dtype=torch.float32)
    shape = torch.tensor(random.normal(size=(batch, SHAPE_COUNT)), dtype=torch.float32)
    with torch_threads(threads), torch.no_grad():
        times = _times_in_turns(_ways(model, pose, shape, with_compiled), seconds)
    reference = float(np.median(times[REFERENCE])) if REFERENCE in times else None
    return [
        LayerSpeed(
            model=model.name,
            threads=threads,
            batch=batch,
            way=way,
            median_ms=float(np.median(found)),
            p95_ms=float(np.percentile(found, 95)),
            reference_ms=reference,
        )
        for way, found in times.items()
    ]


def _ways(
    model: HandModel, pose: Tensor, shape: Tensor, with_compiled: bool
) -> dict[str, Callable[[], object]]:
    layer = HandLayer(model)
    shaped = layer.with_shape(shape)
    ways: dict[str, Callable[[], object]] = {
        "torch": lambda: layer(pose, shape),
        "torch, shape kept": lambda: shaped(pose),
    }
    if with_compiled:
        compiled = torch.compile(layer, fullgraph=True)
        compiled_shaped = torch.compile(shaped, fullgraph=True)
        ways["torch compiled"] = lambda: compiled(pose, shape)
        ways["torch compiled, shape kept"] = lambda: compiled_shaped(pose)
    if len(pose) == 1:
        one_pose, one_shape = pose[0].numpy(), shape[0].numpy()
        poser, nowhere = HandPoser(model, one_shape), np.zeros(3, dtype=np.float32)
        ways["NumPy"] = lambda: pose_hand(model, one_pose, one_shape, nowhere)
        ways["NumPy, shape kept"] = lambda: poser.pose(one_pose)
    reference = _reference(model)
    if reference is not None:
        ways[REFERENCE] = lambda: reference(pose, shape)
    return ways


def _reference(model: HandModel) -> Callable[[Tensor, Tensor], object] | None:
    """smplx's skinning of the model, of (B, 48) poses and (B, 10) shapes; None without smplx."""
    try:
        from smplx.lbs import lbs
    except ImportError:
        return None

    def tensor(array: np.ndarray[Any, Any]) -> Tensor:
        return torch.tensor(array.copy())

    template, shapedirs = tensor(model.v_template)[None], tensor(model.shapedirs)
    posedirs = tensor(model.posedirs.reshape(-1, model.posedirs.shape[-1]).T)
    regressor, weights = tensor(model.joint_regressor), tensor(model.weights)
    parents = torch.tensor(JOINT_PARENTS)

    def pose_hands(pose: Tensor, shape: Tensor) -> object:
        return lbs(shape, pose, template, shapedirs, posedirs, regressor, parents, weights)

    return pose_hands


def _times_in_turns(
    ways: Mapping[str, Callable[[], object]], seconds: float
) -> dict[str, list[float]]:
    """Milliseconds of each call; the ways take turns so that a busy machine slows all alike."""
    for run in ways.values():
        for _ in range(_WARM_UP_RUNS):
            run()
    times: dict[str, list[float]] = {way: [] for way in ways}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[next(iter(ways))]) < _WARM_UP_RUNS:
        for way, run in ways.items():
            start = time.perf_counter()
            run()
            times[way].append(1e3 * (time.perf_counter() - start))
    return times


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Lets torch use so many threads, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
