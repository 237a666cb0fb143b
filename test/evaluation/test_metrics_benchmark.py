"""The benchmark times both forms, and they agree."""

from __future__ import annotations

import sys

import pytest

from hand_object_recon.evaluation.metrics import benchmark
from hand_object_recon.evaluation.metrics.benchmark import time_metrics


def test_batched_and_looped_metrics_agree() -> None:
    rows = list(time_metrics(frames=70, loop_frames=8))

    assert [row.name for row in rows] == [
        "MPJPE",
        "AUC of MPJPE",
        "PA-MPJPE",
        "MPVPE",
        "AUC of MPVPE",
        "PA-MPVPE",
        "F@5, F@15",
        "F@5, F@15 after PA",
    ]
    assert max(row.largest_difference for row in rows) < 1e-9
    assert all(row.batched_s > 0 and row.loop_s > 0 for row in rows)


def test_the_command_prints_how_many_frames_the_loop_was_timed_on(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", "--frames", "5", "--loop-frames", "2"])
    benchmark.main()

    printed = capsys.readouterr().out
    assert printed.startswith("5 frames; loop timed on 2")
    assert "F@5, F@15 after PA" in printed
