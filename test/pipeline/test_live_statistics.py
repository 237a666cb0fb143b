"""Rate and latency are those of the last frames."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from hand_object_recon.pipeline.live.statistics import (
    LiveStatistics,
    Percentiles,
    gpu_memory_mb,
)

S = 1_000_000_000


def test_the_rate_is_that_of_the_last_seconds() -> None:
    statistics = LiveStatistics()
    assert statistics.rate_hz(0) == 0.0
    for number in range(100):
        statistics.add_frame({"detect": 1.0}, number * S // 10)
    for number in range(300):
        statistics.add_frame({"detect": 1.0}, 10 * S + number * S // 30)
    assert statistics.rate_hz(20 * S) == pytest.approx(30.0, rel=1e-3)
    assert statistics.rate_hz(26 * S) == 0.0
    assert statistics.counts.processed == 400


def test_latency_is_given_by_stage_and_in_total() -> None:
    statistics = LiveStatistics()
    times_ms = np.random.default_rng(0).uniform(1, 50, 200)
    for time_ms in times_ms:
        statistics.add_frame({"detect": float(time_ms), "fit": 2.0}, S)
    stages = statistics.stage_percentiles()
    assert list(stages) == ["detect", "fit", "total"]
    expected = np.percentile(times_ms, [50, 95, 99])
    detect, total = stages["detect"], stages["total"]
    np.testing.assert_allclose([detect.p50, detect.p95, detect.p99], expected)
    assert total.p50 == pytest.approx(detect.p50 + 2.0)


def test_age_is_unknown_until_something_was_published() -> None:
    statistics = LiveStatistics()
    assert statistics.age_percentiles() is None
    statistics.add_published(40.0)
    assert statistics.age_percentiles() == Percentiles(40.0, 40.0, 40.0)


def test_another_method_begins_without_the_times_of_the_one_before() -> None:
    statistics = LiveStatistics()
    statistics.add_frame({"fit": 2.0}, S)
    statistics.forget_latency()
    assert statistics.stage_percentiles() == {}
    assert statistics.counts.processed == 1


def torch_with(**cuda: object) -> SimpleNamespace:
    return SimpleNamespace(cuda=SimpleNamespace(**cuda))


@pytest.mark.parametrize(
    ("torch", "expected"),
    [
        (None, None),
        (SimpleNamespace(), None),  # its import is under way in another thread
        (torch_with(), None),
        (torch_with(is_initialized=lambda: False), None),
        (torch_with(is_initialized=lambda: True, memory_reserved=lambda: 3_500_000), 3.5),
    ],
)
def test_gpu_memory_is_what_torch_holds_once_it_uses_a_gpu(
    monkeypatch: pytest.MonkeyPatch, torch: object, expected: float | None
) -> None:
    monkeypatch.setitem(sys.modules, "torch", torch)
    assert gpu_memory_mb() == expected
