"""What a measurement was made on: versions and hardware."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Final

from hand_object_recon import __version__

_LIBRARIES: Final = ("numpy", "scipy", "torch", "opencv-python-headless", "mediapipe", "rosbags")


def version_table() -> dict[str, str | None]:
    """Versions of the program, Python and the libraries it uses; None where one is absent."""
    versions: dict[str, str | None] = {
        "hand_object_recon": __version__,
        "python": platform.python_version(),
    }
    return versions | {name: _version(name) for name in _LIBRARIES}


def machine_description() -> dict[str, object]:
    """Processor, cores this process may use, memory and operating system."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None,
        "memory_gib": _memory_gib(),
        "system": platform.platform(),
    }


def _version(library: str) -> str | None:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _memory_gib() -> float | None:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None
    return round(size / 2**30, 1)
