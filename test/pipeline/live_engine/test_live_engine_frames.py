"""A live engine takes the newest frames, and its two threads do not disturb each other."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

KNOWN = "live_engine_plugins:Known"
OTHER = "live_engine_plugins:Other"


def test_a_frame_comes_out_with_its_own_stamp_frame_and_meshes(host: Any) -> None:
    host.start().send(3)
    live = host.result()
    assert live.result.reconstruction.stamp_ns == host.stamp_ns(3)
    assert live.result.reconstruction.frame_id == "camera_color_optical_frame"
    assert live.result.reconstruction.method == "known"
    assert list(live.topologies) == ["triangle"]
    np.testing.assert_allclose(live.frame.depth_m, 0.6)


def test_while_busy_only_the_newest_frame_waits_and_the_others_are_counted(
    host: Any, plugins: ModuleType
) -> None:
    host.start()
    plugins.may_detect.clear()
    host.send(1)
    assert plugins.detecting.acquire(timeout=host.patience_s)
    for number in (2, 3, 4):
        host.send(number)
    plugins.may_detect.set()
    while (number := host.number()) != 4:
        assert number == 1  # or replaced itself, once it was detected
    host.engine.deactivate()
    counts = host.engine.snapshot().counts
    assert counts.replaced >= 2
    assert counts.processed + counts.replaced == 4


def test_hands_are_found_in_a_frame_while_the_one_before_is_reconstructed(
    host: Any, plugins: ModuleType
) -> None:
    host.start()
    plugins.may_reconstruct.clear()
    host.send(1)
    assert plugins.reconstructing.acquire(timeout=host.patience_s)
    host.send(2)
    for _ in range(2):
        assert plugins.detecting.acquire(timeout=host.patience_s)
    plugins.may_reconstruct.set()
    assert [host.number(), host.number()] == [1, 2]
    assert host.engine.snapshot().counts.replaced == 0


def test_of_detected_frames_only_the_newest_waits_and_the_others_are_counted(
    host: Any, plugins: ModuleType
) -> None:
    host.start()
    detect_while_frame_1_is_reconstructed(host, plugins, 2, 3, 4)
    plugins.may_reconstruct.set()
    assert [host.number(), host.number()] == [1, 4]
    counts = host.engine.snapshot().counts
    assert counts.replaced == 2


def test_a_detected_frame_that_waits_gives_no_result_after_deactivation(
    host: Any, plugins: ModuleType
) -> None:
    host.start()
    detect_while_frame_1_is_reconstructed(host, plugins, 2)
    deactivation = threading.Thread(target=host.engine.deactivate)
    deactivation.start()
    host.wait_until(host.has_job)
    plugins.may_reconstruct.set()
    deactivation.join(host.patience_s)
    assert [live.frame.stamp_ns for live in host.results.queue] == [host.stamp_ns(1)]


def detect_while_frame_1_is_reconstructed(host: Any, plugins: ModuleType, *numbers: int) -> None:
    """Reconstruction stands at frame 1 afterwards, and the last of the others waits for it."""
    plugins.may_reconstruct.clear()
    for number in (1, *numbers):
        host.send(number)
        assert plugins.detecting.acquire(timeout=host.patience_s)
        if number == 1:
            assert plugins.reconstructing.acquire(timeout=host.patience_s)
        else:
            host.wait_until(partial(host.is_waiting, number))


def test_orders_meet_neither_thread_in_the_middle_of_a_frame(
    host: Any, plugins: ModuleType
) -> None:
    """The plugins note when they are changed, reset or closed while a frame is at work."""
    host.start()
    orders: list[Callable[[], object]] = [
        host.engine.reset,
        lambda: host.engine.change_settings({"rgbd_fit.iterations": 2}),
        lambda: host.switch_to(OTHER),
        lambda: host.switch_to(KNOWN),
    ]
    sending = threading.Thread(target=lambda: [host.send(number) for number in range(200)])
    sending.start()
    for order in orders * 5:
        order()
    sending.join(host.patience_s)
    host.wait_until(lambda: host.results.qsize() > 0)
    counts = host.engine.snapshot().counts
    assert counts.failed == 0
    assert not [call for call in plugins.calls if call.startswith("disturbed")]
