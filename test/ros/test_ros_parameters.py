"""Every setting of a live node is a ROS 2 parameter, and parameters are settings again."""

from __future__ import annotations

import pytest

from hand_object_recon.core.config import PipelineConfig, describe_settings
from hand_object_recon.core.errors import ConfigError
from hand_object_recon.ros.parameters import (
    Parameter,
    config_of_parameters,
    node_parameters,
    settings_of_parameters,
)

PARAMETERS = {parameter.name: parameter for parameter in node_parameters()}
DEFAULTS = {parameter.name: parameter.default for parameter in PARAMETERS.values()}


def test_the_defaults_are_those_of_the_schema() -> None:
    assert config_of_parameters(DEFAULTS) == PipelineConfig()


def test_every_setting_but_those_of_recordings_is_a_parameter() -> None:
    settings = {one.name for one in describe_settings()}

    assert settings - set(PARAMETERS) == {
        name for name in settings if name.startswith("recording.")
    }
    assert set(PARAMETERS) <= settings


def test_a_parameter_carries_meaning_limits_and_whether_it_may_change() -> None:
    assert PARAMETERS["depth.max_m"] == Parameter(
        name="depth.max_m",
        default=2.0,
        description="Farther readings are dropped as invalid.",
        limits=(0.0, 20.0),
        constraints="> 0.0, ≤ 20.0",
        is_read_only=False,
    )
    assert PARAMETERS["tracker.max_hands"].limits == (1, 8)
    assert PARAMETERS["tracker.max_hands"].constraints == ""
    assert PARAMETERS["live.depth_alignment"].constraints == "one of auto, aligned"


def test_what_may_change_is_what_the_schema_says() -> None:
    may_change = {one.name for one in describe_settings() if one.run_time}

    assert {name for name, one in PARAMETERS.items() if not one.is_read_only} == {
        name for name in may_change if not name.startswith("recording.")
    }
    assert not PARAMETERS["reconstructor"].is_read_only


def test_every_default_is_of_a_kind_that_ros_knows() -> None:
    assert {type(default) for default in DEFAULTS.values()} <= {bool, int, float, str}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("depth.max_m", 0.0, "depth.max_m"),
        ("depth.min_m", 3.0, "must be below max_m"),
        ("live.depth_alignment", "register", "live.depth_alignment"),
        ("no.such", 1, "'no' does not exist"),
    ],
)
def test_a_bad_value_is_refused_with_its_name(name: str, value: object, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        config_of_parameters({**DEFAULTS, name: value})  # type: ignore[dict-item]


def test_a_mapping_is_yaml_text() -> None:
    options = settings_of_parameters({"plugin_options": "{mine: {size: 3}}"})

    assert options == {"plugin_options": {"mine": {"size": 3}}}
    assert settings_of_parameters({"plugin_options": ""}) == {"plugin_options": {}}


@pytest.mark.parametrize("text", ["[1, 2]", "{mine: ", "3"])
def test_text_that_is_no_mapping_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="'plugin_options'") as refusal:
        settings_of_parameters({"plugin_options": text})

    assert "\n" not in str(refusal.value)
