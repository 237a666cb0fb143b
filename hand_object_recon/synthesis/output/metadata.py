"""``meta.json``: what an output folder holds and how it came about."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from hand_object_recon import __version__
from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.synthesis.output.settings import TEST_SPLIT_VERSION, SampleSettings

META_FILE: Final = "meta.json"
_PACKAGES: Final = ("libigl", "manifold3d", "numpy", "opencv-python-headless", "scipy")


def metadata(
    settings: SampleSettings, frames: int, kind: str, sequences: int | None = None
) -> dict[str, Any]:
    """What is written before the first frame: enough to make the same frames again.

    frames
        In all, or of each of the ``sequences``.
    """
    request = {"format": kind, "frames": frames, **settings.as_dict()}
    if sequences is not None:
        request["sequences"] = sequences
    if settings.split == "test":
        request["test_split_version"] = TEST_SPLIT_VERSION
    return {"request": request, "made_with": _versions()}


def begin_output(folder: Path, meta: dict[str, Any]) -> None:
    """Write ``meta.json``, or see that the folder was begun by the same request.

    Raises
    ------
    InvalidValueError
        The folder holds something else, or cannot be written.
    """
    path = folder / META_FILE
    if path.exists():
        begun = _read(path).get("request", {})
        wanted = json.loads(json.dumps(meta["request"]))
        differing = sorted(
            name for name in begun.keys() | wanted.keys() if begun.get(name) != wanted.get(name)
        )
        if differing:
            name = differing[0]
            raise InvalidValueError(
                f"output folder {folder} was begun with {name} {begun.get(name)}, not "
                f"{wanted.get(name)}; choose another folder, or remove it"
            )
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InvalidValueError(
            f"output folder {folder} holds other files; choose an empty or a new one"
        )
    write_text(path, json.dumps(meta, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a small file, making its folder; raises InvalidValueError if that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> InvalidValueError:
    """The error a full disk or a forbidden folder becomes."""
    return InvalidValueError(
        f"{path} cannot be written: {error.strerror or error}; what is finished is kept, "
        "the same command goes on from there"
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidValueError(f"{path} cannot be read ({error}); remove its folder") from None
    return content if isinstance(content, dict) else {}


def _versions() -> dict[str, str]:
    versions = {"hand_object_recon": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return versions
