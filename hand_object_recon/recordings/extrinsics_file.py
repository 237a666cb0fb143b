"""Transforms between frames, out of a YAML file a user wrote or saved.

``transforms`` is a list. An entry has ``parent`` and ``child``, the names of two frames,
``translation``, the child's origin in the parent's frame as [x, y, z] in metres, and
``rotation``, the child's axes in it as a quaternion [x, y, z, w]. What
``ros2 topic echo /tf_static`` prints is read as well.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from hand_object_recon.core.errors import InvalidValueError, RecordingError
from hand_object_recon.recordings.frame_tree import FrameLink, link_between

_AXES = ("x", "y", "z")


def read_extrinsics_file(path: Path) -> list[FrameLink]:
    """Links of all the documents of a file.

    Raises
    ------
    RecordingError
        The file cannot be read, is not YAML, or holds something else than transforms.
    """
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
        files = [_File.model_validate(document) for document in documents if document is not None]
        links = [entry.link() for file in files for entry in file.transforms]
    except OSError as error:
        raise RecordingError(
            f"extrinsics file {path} cannot be read: {error.strerror}; set "
            "recording.extrinsics_file to a file that is there"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise RecordingError(f"extrinsics file {path} is not valid YAML: {reason}") from None
    except ValidationError as error:
        raise RecordingError(f"extrinsics file {path}: {_explain(error)}") from None
    except InvalidValueError as error:
        raise RecordingError(f"extrinsics file {path}: {error}") from None
    if not links:
        raise RecordingError(f"extrinsics file {path} holds no transform; list one in 'transforms'")
    return links


class _Transform(BaseModel):
    model_config = ConfigDict(extra="forbid")

    parent: str
    child: str
    translation: tuple[float, float, float]
    rotation: tuple[float, float, float, float]

    @model_validator(mode="before")
    @classmethod
    def _as_listed(cls, entry: Any) -> Any:
        """An entry as ``ros2 topic echo`` prints it, in the file's own form."""
        if not (isinstance(entry, dict) and "child_frame_id" in entry):
            return entry
        try:
            transform = entry["transform"]
            return {
                "parent": entry["header"]["frame_id"],
                "child": entry["child_frame_id"],
                "translation": [transform["translation"][axis] for axis in _AXES],
                "rotation": [transform["rotation"][axis] for axis in (*_AXES, "w")],
            }
        except (KeyError, TypeError) as error:
            raise ValueError(f"an entry with child_frame_id lacks {error}") from None

    def link(self) -> FrameLink:
        return link_between(self.parent, self.child, self.translation, self.rotation)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    transforms: list[_Transform]


def _explain(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join(str(part) for part in problem["loc"]) or "the file"
    return (
        f"{place} is {problem['input']!r}: {problem['msg'].lower()}; an entry of 'transforms' has "
        "parent, child, translation [x, y, z] and rotation [x, y, z, w]"
    )
