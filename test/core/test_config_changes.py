"""Settings change at run time only where the schema allows it."""

from __future__ import annotations

from typing import Any

import pytest

from hand_object_recon.core.config import PipelineConfig, changed_config
from hand_object_recon.core.errors import ConfigError

CONFIG = PipelineConfig.model_validate({"depth": {"max_m": 1.5}, "tracker": {"max_hands": 4}})


def test_run_time_settings_change_and_the_others_stay() -> None:
    changed = changed_config(CONFIG, {"depth.min_m": 0.3, "reconstructor": "other"})
    assert (changed.depth.min_m, changed.depth.max_m) == (0.3, 1.5)
    assert (changed.reconstructor, changed.tracker.max_hands) == ("other", 4)
    assert CONFIG.depth.min_m == 0.1


def test_a_setting_that_keeps_its_value_may_be_named() -> None:
    assert changed_config(CONFIG, {"tracker.max_hands": 4}) == CONFIG


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"tracker.max_hands": 2}, "'tracker.max_hands' cannot change at run time"),
        ({"depth.max_m": 99.0}, "'depth.max_m' is 99.0"),
        ({"depth.min_m": 1.6}, r"min_m \(1.6\) must be below max_m"),
        ({"depth": {}}, "'depth' does not exist"),
        ({"depth.nearest": 1}, "'depth.nearest' does not exist"),
    ],
)
def test_other_changes_are_refused_with_the_reason(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        changed_config(CONFIG, values)
