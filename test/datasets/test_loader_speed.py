"""What reading a large copy costs, beside the training step that it feeds."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch.utils.data import DataLoader

from hand_object_recon.datasets.base import Dataset
from hand_object_recon.datasets.choice import DatasetChoice
from hand_object_recon.datasets.registry import dataset_class
from hand_object_recon.training.methods import build_method

CAMERAS = 8
FRAMES = 10_000 // CAMERAS
BATCH = 32
MIB = 1024.0  # of ru_maxrss, which counts KiB
CopyOf = Callable[[Path], Path]


class Frames(torch.utils.data.Dataset[int]):
    """Frames read whole, of which nothing but the number of hands leaves the worker."""

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> int:
        return len(self.dataset[index].truth.hands)


@pytest.fixture
def ten_thousand(dexycb_folder: Path, copy_of: CopyOf) -> Dataset:
    """The filmed right hand's sequence of DexYCB, its frames again and again."""
    root = copy_of(dexycb_folder)
    session = next(file.parents[1] for file in sorted(root.rglob("color_000000.jpg")))
    meta = yaml.safe_load((session / "meta.yml").read_text())
    (session / "meta.yml").unlink()
    (session / "meta.yml").write_text(yaml.safe_dump({**meta, "num_frames": FRAMES}))
    for first in sorted(session.rglob("*_000000.*")):
        for number in range(3, FRAMES):
            source = first.with_name(first.name.replace("000000", f"{number % 3:06d}"))
            first.with_name(first.name.replace("000000", f"{number:06d}")).hardlink_to(source)
    choice = DatasetChoice(name="dexycb", path=root, split="all", side="right")
    return dataset_class("dexycb")(choice)


@pytest.mark.timing
def test_two_workers_read_ten_thousand_frames_in_flat_memory(
    ten_thousand: Dataset, mano: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(ten_thousand) == CAMERAS * FRAMES
    loader: DataLoader[Any] = DataLoader(
        Frames(ten_thousand), batch_size=BATCH, num_workers=2, shuffle=True
    )
    start, hands = time.perf_counter(), 0
    for batch in loader:
        hands += int(batch.sum())
    read = len(ten_thousand) / (time.perf_counter() - start)
    assert hands == len(ten_thousand)
    growth = _growth_mib(ten_thousand)
    learned = _learned_a_second()
    with capsys.disabled():
        print(
            f"\nread with two workers {read:.0f} images/s; h2onet lite learns from {learned:.0f} "
            f"images/s; memory after 200 and 1000 more frames +{growth:.1f} MiB"
        )
    assert growth < 20.0


def _growth_mib(dataset: Dataset) -> float:
    """How much the most memory of this process grows from 200 frames on."""
    order = np.random.default_rng(0).permutation(len(dataset))
    for index in order[:200]:
        dataset[int(index)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for index in order[200:1200]:
        dataset[int(index)]
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / MIB


def _learned_a_second() -> float:
    """Images of a training step of h2onet at a quarter of its width, by the best of five."""
    method = build_method("h2onet", {"width": 32})
    network = method.build_network().train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    images = torch.randn(BATCH, 3, 128, 128)
    steps = (_step_s(network, optimizer, images) for _ in range(5))
    return BATCH / min(steps)


def _step_s(network: Any, optimizer: torch.optim.Optimizer, images: torch.Tensor) -> float:
    start = time.perf_counter()
    optimizer.zero_grad()
    outputs = network(images)
    sum(part.float().square().mean() for part in _tensors(outputs)).backward()
    optimizer.step()
    return time.perf_counter() - start


def _tensors(outputs: Any) -> Iterator[torch.Tensor]:
    return (part for part in outputs if part is not None)
