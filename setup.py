# colcon does not read this file: package.xml says ament_cmake. It is the pip path without ROS.
"""Installs the ROS-free part of hand_object_recon with pip."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent

CORE = [
    "av>=14",
    "jinja2>=3.1",
    "numba>=0.61",
    "numpy>=1.26",
    "opencv-python-headless>=4.9",
    "pydantic>=2",
    "pyyaml>=6",
    "rich>=13",
    "rosbags>=0.11",
    "safetensors>=0.4",
    "scipy>=1.11.4",
    "torch>=2.4",
    "typer>=0.12",
]

# MediaPipe's metadata demands numpy<2, jax, sounddevice and opencv-contrib-python; the hand
# landmarker runs without all of them, and a second cv2 in one environment breaks the first.
# So the Makefile installs the runtime extra, then mediapipe itself with --no-deps (see
# docs/development.md). The plain `mediapipe` extra takes the metadata at its word.
MEDIAPIPE = "mediapipe==0.10.21; python_version < '3.13' and platform_machine != 'aarch64'"

EXTRAS = {
    "mediapipe": [MEDIAPIPE],
    "mediapipe-runtime": [
        "absl-py",
        "attrs>=19.1",
        "flatbuffers>=2",
        "matplotlib",
        "protobuf>=4.25.3,<5",
    ],
    "evaluation": ["libigl>=2.6", "manifold3d>=3"],
    "synthesis": [
        "embreex>=4; platform_machine != 'aarch64'",
        "libigl>=2.6",
        "manifold3d>=3",
        "trimesh>=4",
        "webdataset>=1",
    ],
    "open3d": ["open3d>=0.18"],
    "openvino": ["openvino>=2025.2"],
    "training": ["libigl>=2.6", "lightning-fabric>=2.5", "tensorboard>=2.16"],
    "viewer": ["rerun-sdk>=0.26"],
    "dds": ["cyclonedds>=11; python_version < '3.14' and platform_machine != 'aarch64'"],
    "test": [
        "hypothesis>=6",
        "libigl>=2.6",
        "manifold3d>=3",
        "onnx>=1.17",
        "onnxruntime>=1.20",
        "pytest>=8",
        "pytest-xdist>=3",
        "smplx==0.1.28",
        "trimesh>=4",
        "usd-core; python_version >= '3.11'",
    ],
    "dev": ["mypy>=2", "pre-commit>=4", "ruff>=0.17", "types-PyYAML"],
}


def version() -> str:
    """The version, read from its single source without importing the package."""
    source = (HERE / "hand_object_recon" / "__init__.py").read_text(encoding="utf-8")
    match = re.search(r'^__version__ = "(.+)"$', source, re.MULTILINE)
    if match is None:
        raise RuntimeError('hand_object_recon/__init__.py lacks a line __version__ = "..."')
    return match.group(1)


def files(pattern: str) -> list[str]:
    """Paths of data files, relative to this folder as setuptools wants them."""
    return sorted(str(path.relative_to(HERE)) for path in HERE.glob(pattern))


setup(
    name="hand_object_recon",
    version=version(),
    description="Hands and the objects they hold, in metres, from a colour and depth camera.",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    author="The hand_object_recon authors",
    author_email="maintainers@hand-object-recon.org",
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Image Recognition",
        "Typing :: Typed",
    ],
    python_requires=">=3.10",
    packages=find_packages(include=["hand_object_recon", "hand_object_recon.*"]),
    package_data={
        "hand_object_recon": [
            "py.typed",
            "hand_model/assets/*.npz",
            "synthesis/assets/*.npz",
            "visualization/report/page/*",
            "**/card.md",
            "reconstructors/*/weights/*",
        ]
    },
    data_files=[
        ("share/hand_object_recon/msg", files("msg/*.msg")),
        ("share/hand_object_recon/config", files("config/*.yaml")),
        ("share/hand_object_recon/config/cameras", files("config/cameras/*.yaml")),
        ("share/hand_object_recon/config/train", files("config/train/*.yaml")),
    ],
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["hand-object-recon=hand_object_recon.cli.main:main"]},
    zip_safe=False,
)
