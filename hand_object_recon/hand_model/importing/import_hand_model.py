"""From a file of another make to a model in the user's store."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.importing.mano_file import (
    MANO_LICENCE,
    mano_model,
    read_mano_file,
    rest_frame_notes,
    shape_sign_notes,
)
from hand_object_recon.hand_model.importing.model_checks import require_sound_model
from hand_object_recon.hand_model.importing.rigged_glb import (
    RIG_NOTES,
    read_rigged_hand,
    rig_model,
)
from hand_object_recon.hand_model.model import (
    HandModel,
    read_hand_model,
    read_record,
    write_hand_model,
)
from hand_object_recon.hand_model.model_conventions import (
    OWN_TIPS,
    ModelConventions,
    apply_conventions,
)
from hand_object_recon.hand_model.model_record import ModelRecord
from hand_object_recon.hand_model.store import require_free_name, stored_file

NO_LICENCE: Final = "not stated; see the file's maker"
_MANO_NOTES: Final = (
    "joint axes: derived from the joints' places",
    "joint limits and pose statistics: the open hand's, in anatomical angles",
)


@dataclass(frozen=True)
class ImportOptions:
    """side and licence: None for what the file tells."""

    name: str = "mano"
    side: HandSide | None = None
    licence: str | None = None
    conventions: ModelConventions = field(default_factory=ModelConventions)
    replace_existing: bool = False


@dataclass(frozen=True, eq=False)
class ImportedModel:
    """A model as it was stored, its record, and the file it lies in."""

    model: HandModel
    record: ModelRecord
    path: Path


def import_hand_model(path: Path, options: ImportOptions) -> ImportedModel:
    """Read a MANO pickle (.pkl), an npz of MANO's arrays or a rigged .glb, check and store it.

    Raises
    ------
    InvalidValueError
        The file does not read or is no sound hand model, the name is taken, or the store cannot
        be written.
    """
    require_free_name(options.name)
    model, record = _read(path, options)
    require_sound_model(model)
    apply_conventions(model, options.conventions, is_mano=record.kind == "mano")
    stored = stored_file(options.name, model.side)
    if stored.exists() and not options.replace_existing:
        raise InvalidValueError(
            f"hand model {options.name!r} has a {model.side} hand already, {stored}; "
            "replace it with --force or choose another --name"
        )
    try:
        stored.parent.mkdir(parents=True, exist_ok=True)
        write_hand_model(model, stored, record)
    except OSError as error:
        raise InvalidValueError(f"{stored} cannot be written: {error.strerror}") from None
    return ImportedModel(model, record, stored)


def _read(path: Path, options: ImportOptions) -> tuple[HandModel, ModelRecord]:
    if not path.is_file():
        raise InvalidValueError(f"{path} is no file; name MANO_RIGHT.pkl, an .npz or a .glb")
    ending = path.suffix.lower()
    if ending == ".glb":
        hand = read_rigged_hand(path, options.side)
        model = rig_model(hand, options.name, options.licence or NO_LICENCE)
        return model, ModelRecord("rig", path.name, options.conventions, RIG_NOTES)
    if ending in (".pkl", ".npz"):
        licence = options.licence or MANO_LICENCE
        side = options.side or _side_by_file_name(path)
        model = mano_model(read_mano_file(path), options.name, side, licence)
        notes = (*_MANO_NOTES, *rest_frame_notes(model), *_notes_beside_other_side(model))
        conventions = options.conventions
        if conventions.tips == OWN_TIPS:
            conventions = replace(conventions, tips="manopth")
        return model, ModelRecord("mano", path.name, conventions, notes)
    raise InvalidValueError(
        f"{path} ends in {path.suffix!r}; hand models are read from .pkl and .npz (MANO) and .glb"
    )


def _notes_beside_other_side(model: HandModel) -> tuple[str, ...]:
    other = HandSide.LEFT if model.side is HandSide.RIGHT else HandSide.RIGHT
    path = stored_file(model.name, other)
    try:
        if path.is_file() and read_record(path).kind == "mano":
            return shape_sign_notes(model, read_hand_model(path, model.name))
    except InvalidValueError as error:
        return (str(error),)
    return ()


def _side_by_file_name(path: Path) -> HandSide:
    told = [side for side in HandSide if str(side) in path.stem.lower()]
    if len(told) != 1:
        raise InvalidValueError(
            f"{path.name} does not tell its side; give --side right or --side left"
        )
    return told[0]
