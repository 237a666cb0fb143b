"""Declares parameters with rclpy, and reads them."""

from __future__ import annotations

from collections.abc import Iterable

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException, InvalidParameterValueException
from rclpy.node import Node

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.ros.parameters import Parameter, ParameterValue


def declare(node: Node, parameters: Iterable[Parameter]) -> dict[str, ParameterValue]:
    """Declare parameters; their values, with what launch or command line set.

    Raises
    ------
    ConfigError
        A value set there has another type or is out of range.
    """
    values = {}
    for parameter in parameters:
        try:
            declared = node.declare_parameter(
                parameter.name, parameter.default, _descriptor(parameter)
            )
        except (InvalidParameterTypeException, InvalidParameterValueException) as error:
            raise ConfigError(_refusal(parameter, error)) from None
        values[parameter.name] = declared.value
    return values


def _refusal(parameter: Parameter, error: Exception) -> str:
    reason = " ".join(str(error).split())
    if isinstance(error, InvalidParameterTypeException) and isinstance(parameter.default, float):
        return f"{reason}; write it with a decimal point"
    if parameter.limits is not None:
        low, high = parameter.limits
        return f"{reason}; {parameter.name} must be from {low:g} to {high:g}"
    return reason


def _descriptor(parameter: Parameter) -> ParameterDescriptor:
    descriptor = ParameterDescriptor(
        description=parameter.description,
        additional_constraints=parameter.constraints,
        read_only=parameter.is_read_only,
    )
    if parameter.limits is not None:
        low, high = parameter.limits
        if isinstance(parameter.default, int):
            descriptor.integer_range = [
                IntegerRange(from_value=int(low), to_value=int(high), step=1)
            ]
        else:
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)
            ]
    return descriptor
