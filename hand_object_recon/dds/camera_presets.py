"""Settings for the cameras of known drivers: the files in ``config/cameras/``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from hand_object_recon.core.errors import ConfigError

_IN_CHECKOUT = Path("config", "cameras")
_INSTALLED = Path("share", "hand_object_recon", "config", "cameras")


def camera_assignments(camera: str) -> list[str]:
    """``section.key=value`` of each setting of a camera's file.

    Raises
    ------
    ConfigError
        There is no such file.
    """
    files = _preset_files()
    if camera not in files:
        raise ConfigError(f"camera {camera!r} is not known; known are {', '.join(sorted(files))}")
    document = yaml.safe_load(files[camera].read_text(encoding="utf-8"))
    (node,) = document.values()
    return [
        f"{name}={yaml.safe_dump(value, default_flow_style=True).splitlines()[0]}"
        for name, value in _flattened(node["ros__parameters"])
    ]


def _preset_files() -> dict[str, Path]:
    """The files by name, from the checkout or else from the first installation that has them."""
    for folder in _folders():
        files = {file.stem: file for file in folder.glob("*.yaml")}
        if files:
            return files
    raise ConfigError(
        "the camera files (config/cameras/*.yaml) are missing from this installation; install the "
        "package again, or name the topics: live.color_topic, live.depth_topic, "
        "live.camera_info_topic"
    )


def _folders() -> Iterator[Path]:
    module_file = Path(__file__).resolve()
    yield module_file.parents[2] / _IN_CHECKOUT
    overlays = os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
    for prefix in (*module_file.parents[2:], Path(sys.prefix), *map(Path, filter(None, overlays))):
        yield prefix / _INSTALLED


def _flattened(settings: Mapping[str, Any], section: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flattened(value, f"{section}{name}.")
        else:
            yield f"{section}{name}", value
