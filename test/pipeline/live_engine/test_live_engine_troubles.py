"""A live engine survives what fails, and says it with the fix."""

from __future__ import annotations

import re
from functools import partial
from types import ModuleType
from typing import Any

import pytest

from hand_object_recon.pipeline.live.engine_events import EngineState

S = 1_000_000_000


def test_a_frame_that_fails_is_dropped_and_hands_are_tracked_anew(
    host: Any, plugins: ModuleType
) -> None:
    host.start()
    plugins.is_failing = True
    host.send(1)
    notice = host.notice()
    assert notice.is_trouble
    assert "out of order" in notice.text
    plugins.is_failing = False
    resets = plugins.calls.count("reset")
    host.send(2)
    assert host.number() == 2
    assert plugins.calls.count("reset") == resets + 1
    assert host.engine.state is EngineState.ACTIVE


def test_a_pipeline_that_keeps_failing_is_given_up_and_may_be_configured_again(
    host: Any, plugins: ModuleType
) -> None:
    host.start(live={"failed_frames": 2})
    plugins.is_failing = True
    for number in (1, 2):
        host.send(number)
        assert plugins.detecting.acquire(timeout=host.patience_s)
    error = host.failures.get(timeout=host.patience_s)
    assert "out of order; given up after 2 frames in a row" in str(error)
    assert host.engine.state is EngineState.UNCONFIGURED
    assert "close known" in plugins.calls
    plugins.is_failing = False
    host.start().send(3)
    assert host.number() == 3


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ({"encoding": "32SC4"}, "encoding '32SC4' is not supported"),
        ({"depth_size": (24, 32)}, "is 32x24 pixels but .* align_depth.enable:=true"),
    ],
)
def test_frames_that_cannot_be_used_are_said_once_with_the_fix_and_counted(
    host: Any, image: dict[str, Any], reason: str
) -> None:
    host.start()
    for number in (1, 2):
        host.send(number, **image)
        host.wait_until(partial(host.has_unreadable, number))
    notice = host.notice()
    assert notice.topic == "frames"
    assert re.search(reason, notice.text)
    host.steady_ns += 3 * S
    host.send(3)
    assert host.number() == 3
    assert host.notices.empty()
    host.engine.check()
    assert not host.notice().is_trouble


def test_old_frames_are_dropped_counted_and_said(host: Any) -> None:
    host.start()
    host.now_ns = host.stamp_ns(0) + 10 * S
    host.send(1)
    assert "old and dropped" in host.notice().text
    host.engine.change_settings({"live.max_input_age_ms": 0.0})
    host.send(2)
    assert host.number() == 2
    assert host.engine.snapshot().counts.too_old == 1


def test_when_the_stamps_jump_back_hands_are_tracked_anew(host: Any, plugins: ModuleType) -> None:
    host.start(live={"max_input_age_ms": 0.0})
    host.send(100)
    assert host.number() == 100
    resets = plugins.calls.count("reset")
    host.send(2)
    assert host.number() == 2
    assert plugins.calls.count("reset") == resets + 1
    assert host.notice().topic == "clock"
    host.send(3)
    assert host.number() == 3
    assert host.engine.snapshot().counts.clock_jumps == 1


def test_a_detected_frame_of_before_a_jump_is_dropped(host: Any, plugins: ModuleType) -> None:
    host.start(live={"max_input_age_ms": 0.0})
    for number in (100, 101, 102):
        host.send(number)
        assert host.number() == number
    resets = plugins.calls.count("reset")
    plugins.may_reconstruct.clear()
    host.send(103)
    host.wait_until(lambda: "reconstructor" in plugins.at_work)
    host.send(104)
    host.wait_until(partial(host.is_waiting, 104))
    host.send(2)
    host.wait_until(host.has_job)
    plugins.may_reconstruct.set()
    assert [host.number(), host.number()] == [103, 2]
    assert plugins.calls.count("reset") == resets + 1


def test_an_engine_without_a_camera_says_so_when_it_is_checked(host: Any) -> None:
    host.start()
    host.steady_ns += 3 * S
    host.engine.check()
    assert {host.notice().topic for _ in range(3)} == {"colour", "depth", "camera info"}
    host.engine.deactivate()
    host.steady_ns += 3 * S
    host.engine.check()
    assert host.notices.empty()
    assert host.engine.snapshot().troubles == {}


def test_a_trouble_that_the_host_no_longer_sees_is_over(host: Any) -> None:
    host.start()
    host.engine.see_trouble("publishing", "no transform")
    assert host.notice().text == "no transform"
    host.steady_ns += 1_500_000_000
    host.engine.see_trouble("publishing", "no transform")
    host.steady_ns += 1_500_000_000
    host.engine.check()
    assert "publishing" in host.engine.snapshot().troubles
    host.steady_ns += 1_500_000_000
    host.engine.check()
    assert "publishing" not in host.engine.snapshot().troubles
    host.engine.see_trouble("publishing", "no transform again")
    texts = [host.notice().text for _ in range(host.notices.qsize())]
    assert [text for text in texts if text.startswith(("publishing", "no transform"))] == [
        "publishing: all right again",
        "no transform again",
    ]
