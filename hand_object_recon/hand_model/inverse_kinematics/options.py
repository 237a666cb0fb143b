"""What an inverse-kinematics solver may be told."""

from __future__ import annotations

from dataclasses import dataclass, fields

from hand_object_recon.core.errors import InvalidValueError


@dataclass(frozen=True)
class InverseKinematicsOptions:
    """How much to trust the joints and how long to try.

    joint_sd_m
        Expected error of a joint's coordinate. It only weighs the joints against the priors on
        shape and angles: the default follows exact joints; 2e-3 to 5e-3 suits a network's.
    max_steps
        Most damped steps a hand takes.
    refine_shape
        Let the damped steps change the shape as well. Not done where the shape is given.
    tolerance_m
        A hand has converged once a step no longer changes its root-mean-square residual by more.
    """

    joint_sd_m: float = 1e-4
    max_steps: int = 12
    refine_shape: bool = False
    tolerance_m: float = 5e-5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name != "refine_shape" and not value > 0:
                raise InvalidValueError(
                    f"inverse kinematics {field.name} is {value}; it must be above zero"
                )
