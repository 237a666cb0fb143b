"""The settings as ROS 2 parameters, without rclpy: names, limits, and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml

from hand_object_recon.core.config import (
    PipelineConfig,
    SettingDescription,
    config_of_settings,
    describe_settings,
)
from hand_object_recon.core.errors import ConfigError

ParameterValue: TypeAlias = "bool | int | float | str"

_NOT_OF_A_LIVE_NODE: Final = "recording."


@dataclass(frozen=True)
class Parameter:
    """A setting as a ROS 2 parameter.

    limits
        Lowest and highest value, None unless both are limited; the setting itself may exclude
        its bounds.
    constraints
        What is allowed, in words, where ``limits`` do not say it all.
    is_read_only
        It cannot change after the node was started.
    """

    name: str
    default: ParameterValue
    description: str
    limits: tuple[float, float] | None
    constraints: str
    is_read_only: bool


def node_parameters() -> tuple[Parameter, ...]:
    """The parameters of the reconstruction node: every setting but those of recordings."""
    return tuple(
        _parameter(setting)
        for setting in describe_settings()
        if not setting.name.startswith(_NOT_OF_A_LIVE_NODE)
    )


def settings_of_parameters(values: Mapping[str, ParameterValue]) -> dict[str, Any]:
    """Settings by dotted name; what is a mapping there is YAML text in a parameter.

    Raises
    ------
    ConfigError
        A text that stands for a mapping is not one.
    """
    mappings = {one.name for one in describe_settings() if isinstance(one.default, dict)}
    return {
        name: _mapping(name, str(value)) if name in mappings else value
        for name, value in values.items()
    }


def config_of_parameters(values: Mapping[str, ParameterValue]) -> PipelineConfig:
    """The configuration that parameters say.

    Raises
    ------
    ConfigError
        A value is refused; the message names it and what is allowed.
    """
    return config_of_settings(settings_of_parameters(values))


def _parameter(setting: SettingDescription) -> Parameter:
    limits, constraints = None, setting.limits
    if setting.lowest is not None and setting.highest is not None:
        limits = (setting.lowest, setting.highest)
        constraints = constraints if ("<" in constraints or ">" in constraints) else ""
    if setting.choices:
        constraints = f"one of {', '.join(setting.choices)}"
    default = setting.default
    if isinstance(default, dict):
        default = yaml.safe_dump(default, default_flow_style=True).strip()
        constraints = "a mapping as YAML text"
    return Parameter(
        name=setting.name,
        default=default,
        description=setting.description,
        limits=limits,
        constraints=constraints,
        is_read_only=not setting.run_time,
    )


def _mapping(name: str, text: str) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(text) if text.strip() else {}
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"parameter {name!r} is not YAML: {reason}") from None
    if not isinstance(loaded, dict):
        raise ConfigError(f"parameter {name!r} is {text!r}; it must be a mapping as YAML text")
    return loaded
