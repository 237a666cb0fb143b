"""Stages are timed under their names, in the order they ran."""

from __future__ import annotations

import time

import pytest

from hand_object_recon.pipeline.stage_clock import StageClock


def test_stages_are_listed_in_the_order_they_ran() -> None:
    clock = StageClock()
    for name in ("detect", "track", "apple"):
        with clock.stage(name):
            pass
    assert list(clock.stage_ms) == ["detect", "track", "apple"]


def test_a_stage_takes_as_many_milliseconds_as_it_took() -> None:
    clock = StageClock()
    start = time.perf_counter()
    with clock.stage("sleep"):
        time.sleep(0.02)
    whole_ms = 1e3 * (time.perf_counter() - start)
    assert 20.0 <= clock.stage_ms["sleep"] <= whole_ms


def test_a_name_used_again_adds_up() -> None:
    clock = StageClock()
    for _ in range(2):
        with clock.stage("sleep"):
            time.sleep(0.01)
    assert clock.stage_ms["sleep"] >= 20.0
    assert len(clock.stage_ms) == 1


def test_a_stage_that_fails_is_timed_and_its_error_goes_on() -> None:
    clock = StageClock()
    with pytest.raises(ZeroDivisionError), clock.stage("fail"):
        _ = 1 / 0
    assert clock.stage_ms["fail"] >= 0.0


def test_processor_time_does_not_grow_while_the_thread_waits() -> None:
    clock = StageClock()
    with clock.stage("wait"):
        time.sleep(0.05)
    with clock.stage("count"):
        start = time.thread_time()
        while time.thread_time() - start < 0.02:
            pass
    assert clock.stage_cpu_ms["wait"] < 20.0
    assert clock.stage_cpu_ms["count"] >= 20.0
