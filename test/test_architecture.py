"""The import rules of docs/architecture.md: rooms import only downwards."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGE = REPOSITORY / "hand_object_recon"

CORE = {"core"}
GEOMETRY = CORE | {"geometry"}
HAND_MODEL = GEOMETRY | {"hand_model"}
OBJECT_MODEL = GEOMETRY | {"object_model"}
NETWORKS = HAND_MODEL | {"networks"}
PLUGINS = NETWORKS | {"detectors", "reconstructors"}
MESSAGES = CORE | {"messages"}
HELD_OBJECTS = HAND_MODEL | OBJECT_MODEL | {"held_objects", "interaction"}
PIPELINE = PLUGINS | MESSAGES | HELD_OBJECTS | {"recordings", "visualization", "pipeline"}

MAY_IMPORT: dict[str, set[str]] = {
    "core": set(),
    "geometry": CORE,
    "hand_model": GEOMETRY,
    "object_model": GEOMETRY,
    "held_objects": HAND_MODEL | OBJECT_MODEL,
    "interaction": HAND_MODEL | OBJECT_MODEL,
    "networks": HAND_MODEL,
    "detectors": NETWORKS,
    "reconstructors": NETWORKS | OBJECT_MODEL,
    "visualization": GEOMETRY,
    "messages": CORE,
    "recordings": MESSAGES,
    "pipeline": PIPELINE - {"pipeline"},
    "datasets": PIPELINE,
    "synthesis": PIPELINE,
    "evaluation": PIPELINE,
    "training": PIPELINE | {"synthesis", "datasets"},
    "dds": PIPELINE,
    "ros": PIPELINE | {"evaluation"},
    "cli": PIPELINE | {"datasets", "synthesis", "evaluation", "training", "dds", "ros"},
}

ONLY_IN: dict[str, set[str]] = {
    "rclpy": {"ros"},
    "cyclonedds": {"dds"},
    "rosbags": {"messages", "recordings", "dds"},
    "mediapipe": {"detectors"},
    "typer": {"cli"},
    "rich": {"cli"},
    "embreex": {"synthesis"},
    "smplx": {"evaluation"},
    "rerun": {"visualization"},
    "igl": {"geometry", "synthesis"},
    "manifold3d": {"evaluation", "synthesis"},
    "lightning_fabric": {"training"},
    "safetensors": {"networks"},
    "openvino": {"networks"},
}

NOWHERE = {"cv_bridge", "chumpy", "manopth", "tf_transformations"}

CORE_LIBRARIES = {"numpy", "pydantic", "yaml"}

WITHOUT_TORCH = {"core", "messages", "recordings", "visualization", "detectors"}


@dataclass(frozen=True)
class Import:
    """One import statement of one module of the package."""

    file: Path
    line: int
    module: str

    @property
    def room(self) -> str:
        """Room the import stands in; empty for the package itself."""
        return self.file.parts[0] if len(self.file.parts) > 1 else ""

    @property
    def library(self) -> str:
        return self.module.partition(".")[0]

    @property
    def imported_room(self) -> str:
        """Room of this package that is imported, or empty."""
        parts = self.module.split(".")
        return parts[1] if parts[0] == PACKAGE.name and len(parts) > 1 else ""

    def __str__(self) -> str:
        return f"{PACKAGE.name}/{self.file}:{self.line} imports {self.module}"


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file, those inside functions too."""
    relative = path.relative_to(PACKAGE)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(relative, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            if node.module == PACKAGE.name:
                for alias in node.names:
                    yield Import(relative, node.lineno, f"{node.module}.{alias.name}")
            else:
                yield Import(relative, node.lineno, "." * node.level + (node.module or ""))


@pytest.fixture(scope="module")
def imports() -> list[Import]:
    found = [entry for path in sorted(PACKAGE.rglob("*.py")) for entry in imports_of(path)]
    assert found
    return found


def test_every_room_is_in_the_table() -> None:
    rooms = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}

    assert rooms <= set(MAY_IMPORT)


def test_rooms_import_only_downwards(imports: list[Import]) -> None:
    upward = [
        str(entry)
        for entry in imports
        if entry.room
        and entry.imported_room in MAY_IMPORT
        and entry.imported_room not in MAY_IMPORT[entry.room] | {entry.room}
    ]

    assert upward == []


def test_methods_do_not_import_each_other(imports: list[Import]) -> None:
    sideways = []
    for entry in imports:
        method = entry.file.parts[1] if entry.room == "reconstructors" else ""
        imported = entry.module.split(".")
        if entry.imported_room == "reconstructors" and len(imported) > 2 and method != "base.py":
            sideways += [str(entry)] if imported[2] not in {"base", method} else []

    assert sideways == []


def test_the_package_itself_imports_nothing(imports: list[Import]) -> None:
    assert [str(entry) for entry in imports if not entry.room] == []


def test_imports_are_absolute(imports: list[Import]) -> None:
    assert [str(entry) for entry in imports if entry.module.startswith(".")] == []


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_with_a_room_of_its_own_stays_there(library: str, imports: list[Import]) -> None:
    strays = [
        str(entry)
        for entry in imports
        if entry.library == library and entry.room not in ONLY_IN[library]
    ]

    assert strays == []


def test_libraries_decided_against_are_imported_nowhere(imports: list[Import]) -> None:
    assert [str(entry) for entry in imports if entry.library in NOWHERE] == []


def test_core_needs_no_library_but_numpy_pydantic_and_yaml(imports: list[Import]) -> None:
    third_party = {
        entry.library
        for entry in imports
        if entry.room == "core" and entry.library not in sys.stdlib_module_names
    }

    assert third_party == {PACKAGE.name} | CORE_LIBRARIES


def test_rooms_that_only_move_data_do_without_torch(imports: list[Import]) -> None:
    strays = [
        str(entry) for entry in imports if entry.library == "torch" and entry.room in WITHOUT_TORCH
    ]

    assert strays == []
