"""What the schema of configuration is written with: sections of settings, each with its meaning."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator


def setting(default: Any, description: str, *, run_time: bool = False, **limits: Any) -> Any:
    """A field of the schema; ``limits`` are pydantic's (ge, le, gt, lt, min_length, ...)."""
    return Field(
        default, description=description, json_schema_extra={"run_time": run_time}, **limits
    )


class Section(BaseModel):
    """A group of settings: immutable, no unknown keys, defaults checked too."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _nothing_means_defaults(cls, values: Any) -> Any:
        """A section whose lines are all commented out in YAML reads as None."""
        return {} if values is None else values
