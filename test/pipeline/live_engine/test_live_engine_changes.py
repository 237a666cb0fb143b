"""A live engine goes over to other settings and reconstructors between two frames."""

from __future__ import annotations

import threading
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.errors import ConfigError, PluginError

KNOWN = "live_engine_plugins:Known"
OTHER = "live_engine_plugins:Other"
UNCLOSABLE = "live_engine_plugins:Unclosable"
LOADING_S = 60.0  # on a machine that does other work


def test_another_reconstructor_takes_over_between_two_frames(
    host: Any, plugins: ModuleType
) -> None:
    host.start().send(1)
    assert host.result().result.reconstruction.method == "known"
    report = host.switch_to(OTHER)
    assert "Other" in report.text
    assert host.engine.config.reconstructor == OTHER
    host.send(2)
    assert host.result().result.reconstruction.method == "other"
    assert plugins.calls[-1] == "close known"
    card = host.engine.snapshot().reconstructor
    assert card is not None
    assert card.licence == "CC0-1.0"


@pytest.mark.parametrize("name", ["no_such_plugin", "live_engine_plugins:Defective"])
def test_a_reconstructor_that_does_not_load_leaves_the_present_one_at_work(
    host: Any, plugins: ModuleType, name: str
) -> None:
    host.start()
    with pytest.raises(PluginError, match=name):
        host.switch_to(name)
    assert host.engine.config.reconstructor == KNOWN
    assert "close known" not in plugins.calls
    host.send(1)
    assert host.result().result.reconstruction.method == "known"


def test_the_present_reconstructor_goes_on_while_another_is_loaded(
    host: Any, plugins: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.start()
    is_loading, may_load = threading.Event(), threading.Event()

    def slow_warm_up(_: object) -> None:
        is_loading.set()
        assert may_load.wait(host.patience_s)

    monkeypatch.setattr(plugins.Other, "warm_up", slow_warm_up)
    switching = threading.Thread(target=host.switch_to, args=(OTHER,))
    switching.start()
    assert is_loading.wait(host.patience_s)
    host.send(1)
    assert host.result().result.reconstruction.method == "known"
    may_load.set()
    switching.join(LOADING_S)
    assert not switching.is_alive()
    host.send(2)
    assert host.result().result.reconstruction.method == "other"


def test_a_plugin_that_cannot_be_closed_does_not_stop_the_next(host: Any) -> None:
    host.start(reconstructor=UNCLOSABLE)
    host.switch_to(OTHER)
    assert "OSError: stuck" in host.notice().text
    host.send(1)
    assert host.result().result.reconstruction.method == "other"


def test_run_time_settings_change_without_loading_anything(host: Any, plugins: ModuleType) -> None:
    host.start(smoother={"enabled": False}, rgbd_fit={"iterations": 3}).send(1)
    assert host.result().result.reconstruction.hands[0].joints_m[0, 2] == 3
    host.engine.change_settings({"rgbd_fit.iterations": 7, "depth.max_m": 0.5})
    host.send(2)
    live = host.result()
    assert live.result.reconstruction.hands[0].joints_m[0, 2] == 7
    assert np.isnan(live.frame.depth_m).all()
    assert len([one for one in plugins.calls if one.startswith("warm")]) == 1


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"depth.max_m": -1.0}, "'depth.max_m' is -1.0"),
        ({"depth.max_m": 1.0, "tracker.max_hands": 1}, "'tracker.max_hands' cannot change"),
        ({"depth.farthest": 1.0}, "'depth.farthest' does not exist"),
    ],
)
def test_a_setting_that_is_refused_changes_nothing(
    host: Any, values: dict[str, Any], reason: str
) -> None:
    host.start()
    before = host.engine.config
    with pytest.raises(ConfigError, match=reason):
        host.engine.change_settings(values)
    assert host.engine.config == before


def test_ids_go_on_where_another_reconstructor_takes_over(host: Any) -> None:
    host.start()
    host.send(0)
    before = [hand.track_id for hand in host.result().result.reconstruction.hands]
    host.switch_to("live_engine_plugins:Other")
    host.send(1)
    after = [hand.track_id for hand in host.result().result.reconstruction.hands]
    assert len(before) == len(after) == 1
    assert after > before
