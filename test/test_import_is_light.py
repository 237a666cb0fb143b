"""``import hand_object_recon`` costs nothing: a ROS launch file or a setup script may do it."""

from __future__ import annotations

import subprocess
import sys

import pytest

REPETITIONS = 5
LONGEST_S = 0.1


def run(code: str) -> str:
    """Standard output of a fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    ).stdout


def modules_after(statement: str) -> set[str]:
    """Top-level names of everything a fresh interpreter has imported after ``statement``."""
    names = run(f"{statement}\nimport sys\nprint(*sys.modules)").split()
    return {name.partition(".")[0] for name in names}


def test_importing_the_package_takes_under_a_tenth_of_a_second() -> None:
    code = (
        "import time\n"
        "start = time.perf_counter()\n"
        "import hand_object_recon\n"
        "print(time.perf_counter() - start)"
    )

    assert min(float(run(code)) for _ in range(REPETITIONS)) < LONGEST_S


@pytest.mark.parametrize("library", ["numpy", "pydantic", "torch", "cv2", "open3d", "rclpy"])
def test_importing_the_package_imports_no_library(library: str) -> None:
    assert library not in modules_after("import hand_object_recon")


@pytest.mark.parametrize("library", ["torch", "cv2", "mediapipe", "scipy", "pydantic"])
def test_the_command_line_starts_without_heavy_libraries(library: str) -> None:
    assert library not in modules_after("import hand_object_recon.cli.main")
