"""Which frames of which data set: what a training's YAML file and the commands say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FingerRule = Literal["code", "paper"]


class DatasetChoice(BaseModel):
    """A data set, where it lies, and which of its frames are wanted.

    name, path, split
        As ``hand-object-recon datasets list`` tells; ``path`` is the folder its files are in.
    every
        Take frames whose number is a multiple of this: 5 of a video at 30 Hz are 6 a second.
    side
        Take only hands of this side, and only sequences that show one.
    sequences
        Names of the sequences to take; all by default.
    models
        Folder of the objects' meshes, where it is not the data set's own.
    hand_model
        Name under which MANO was imported.
    finger_rule
        When H2ONet calls a finger occluded: fewer than 30 of its vertices are visible (the
        authors' code), or more than 50 are hidden (section 3.2 of the paper).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    path: Path
    split: str
    every: int = Field(1, ge=1)
    side: Literal["any", "left", "right"] = "any"
    sequences: tuple[str, ...] = ()
    models: Path | None = None
    hand_model: str = "mano"
    finger_rule: FingerRule = "code"

    def identity(self) -> dict[str, Any]:
        """Plain values that decide which frames these are."""
        return self.model_dump(mode="json", exclude_defaults=True)
