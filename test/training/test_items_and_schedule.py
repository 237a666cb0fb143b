"""The order of the data and the learning rate depend on the step alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from hand_object_recon.training.config import ScheduleSettings
from hand_object_recon.training.items import BatchOrder, item_loader
from hand_object_recon.training.moving_average import MovingAverage
from hand_object_recon.training.schedule import learning_rate_factor


def test_every_epoch_shows_every_record_once_in_another_order() -> None:
    batches = list(BatchOrder(12, 4, steps=6, seed=1))
    first, second = (
        [index for batch in half for _, index in batch] for half in (batches[:3], batches[3:])
    )
    assert sorted(first) == sorted(second) == list(range(12))
    assert first != second


def test_going_on_from_a_step_repeats_what_would_have_come() -> None:
    whole = list(BatchOrder(10, 3, steps=9, seed=4))
    assert list(BatchOrder(10, 3, steps=9, seed=4, first_step=5)) == whole[5:]


def test_ranks_share_each_batch_without_overlap() -> None:
    whole = list(BatchOrder(16, 8, steps=4, seed=2))
    shares = [list(BatchOrder(16, 8, steps=4, seed=2, rank=rank, ranks=2)) for rank in range(2)]
    for batch, *parts in zip(whole, *shares, strict=True):
        assert sorted(batch) == sorted(place for part in parts for place in part)
        assert len(parts[0]) == len(parts[1])


def test_a_store_smaller_than_a_batch_is_one_batch() -> None:
    assert [len(batch) for batch in BatchOrder(5, 64, steps=2, seed=0)] == [5, 5]


def test_the_rate_warms_up_and_falls_at_its_milestones() -> None:
    schedule = ScheduleSettings(warmup_steps=4, milestones=(0.5, 0.75))
    rates = [learning_rate_factor(step, 100, schedule) for step in range(100)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[49] == 1.0
    assert rates[50] == pytest.approx(0.1)
    assert rates[75] == pytest.approx(0.01)


def test_the_cosine_ends_at_nothing() -> None:
    schedule = ScheduleSettings(kind="cosine")
    assert learning_rate_factor(50, 100, schedule) == pytest.approx(0.5)
    assert learning_rate_factor(99, 100, schedule) < 1e-3


def test_the_moving_average_forgets_the_beginning_and_then_follows_slowly() -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)
    average = MovingAverage(network, decay=0.9)
    with torch.no_grad():
        network.weight.fill_(1.0)
    values = []
    for step in range(1, 200):
        average.update(network, step)
        values.append(float(average.network.weight.detach()))
    assert np.all(np.diff(values) >= 0)
    assert values[0] == pytest.approx(1.0 - 2.0 / 11.0)
    assert values[-1] == pytest.approx(1.0, abs=1e-6)


def test_loading_leaves_the_random_numbers_of_dropout_alone() -> None:
    places = [{"number": np.array(number)} for number in range(8)]

    class Places(torch.utils.data.Dataset[dict[str, np.ndarray]]):
        def __getitem__(self, place: tuple[int, int]) -> dict[str, np.ndarray]:
            return places[place[1]]

    before = torch.get_rng_state()
    batches = list(item_loader(Places(), BatchOrder(8, 4, steps=2, seed=0), workers=0))
    assert len(batches) == 2
    assert torch.equal(torch.get_rng_state(), before)


def test_workers_begin_after_opencv_used_threads() -> None:
    """A fork in which OpenCV's threads are changed would wait for ever."""
    program = """
import cv2, numpy as np
from torch.utils.data import Dataset
from hand_object_recon.training.items import BatchOrder, item_loader

class Ones(Dataset):
    def __getitem__(self, index):
        return {"one": np.float32(cv2.blur(np.ones((64, 64)), (3, 3)).mean())}

cv2.setNumThreads(4)
for _ in range(20):
    cv2.warpAffine(np.ones((2000, 2000, 3), np.uint8), np.eye(2, 3), (2000, 2000))
loader = item_loader(Ones(), BatchOrder(8, 4, steps=2, seed=0), workers=1)
print([float(batch["one"].mean()) for batch in loader])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == "[1.0, 1.0]", done.stderr
