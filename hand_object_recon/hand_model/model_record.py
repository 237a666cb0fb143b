"""What is kept beside an imported model's arrays: where they come from and how to take them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Final, Literal

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.hand_model.model_conventions import ModelConventions

ModelKind = Literal["built_in", "mano", "rig"]


@dataclass(frozen=True)
class ModelRecord:
    """kind: MANO's arrays, a rigged mesh, or built in; origin: the file's name; notes: what the
    importer had to construct or found odd."""

    kind: ModelKind
    origin: str
    conventions: ModelConventions = field(default_factory=ModelConventions)
    notes: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelRecord:
        """Read what ``to_json`` wrote; anything else is refused."""
        try:
            values = json.loads(text)
            conventions = ModelConventions(**values["conventions"])
            return cls(values["kind"], values["origin"], conventions, tuple(values["notes"]))
        except (ValueError, TypeError, KeyError) as error:
            raise InvalidValueError(
                f"the model's record does not read ({error}); import the model again with --force"
            ) from None


BUILT_IN: Final = ModelRecord("built_in", "hand_object_recon")
