"""Launch files, presets, RViz configuration and package.xml fit the nodes."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from hand_object_recon.core.config import config_of_settings
from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.objects import (
    HandContact,
    HandPart,
    ObjectEstimate,
    PrimitiveFit,
    PrimitiveKind,
)
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.messages.markers import serialized_markers
from hand_object_recon.pipeline.live.outputs import RESULT_TOPICS
from hand_object_recon.ros.parameters import node_parameters

REPOSITORY = Path(__file__).resolve().parents[2]
LAUNCH_FILES = sorted((REPOSITORY / "launch").glob("*.launch.py"))
PRESETS = sorted((REPOSITORY / "config" / "cameras").glob("*.yaml"))
RVIZ_FILES = sorted((REPOSITORY / "rviz").glob("*.rviz"))
DOCKER_FILES = sorted((REPOSITORY / "docker").glob("Dockerfile.*"))
DISTRIBUTIONS = {"humble", "jazzy", "lyrical"}

# Python packages that come in a ROS package of another name, and those that are not ROS's.
ROS_PACKAGE_OF = {"tf2_ros": "tf2_ros_py", "yaml": "python3-yaml", "numpy": "python3-numpy"}


def flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def preset_settings(path: Path) -> dict[str, Any]:
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    return dict(flat(loaded["/**"]["ros__parameters"]))


def imported_packages(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return {name.partition(".")[0] for name in names}


def declared_arguments(path: Path) -> set[str]:
    """First texts of the DeclareLaunchArgument calls."""
    calls = (
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "DeclareLaunchArgument"
    )
    return {
        str(call.args[0].value)
        for call in calls
        if call.args and isinstance(call.args[0], ast.Constant)
    }


def constants(path: Path) -> dict[str, Any]:
    """Module-level names that are given literals."""
    found = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            try:
                found[node.targets[0].id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_accepted_by_the_schema_and_names_the_three_topics(path: Path) -> None:
    settings = preset_settings(path)

    config = config_of_settings(settings)

    assert set(settings) <= {parameter.name for parameter in node_parameters()}
    assert {"live.color_topic", "live.depth_topic", "live.camera_info_topic"} <= set(settings)
    assert len({config.live.color_topic, config.live.depth_topic}) == 2


@pytest.mark.parametrize("path", PRESETS, ids=lambda path: path.stem)
def test_a_preset_writes_numbers_in_the_kind_of_their_parameter(path: Path) -> None:
    kinds = {parameter.name: type(parameter.default) for parameter in node_parameters()}

    for name, value in preset_settings(path).items():
        assert type(value) is kinds[name], name


def test_the_parameter_file_spells_out_every_parameter_with_its_default() -> None:
    settings = preset_settings(REPOSITORY / "config" / "ros_parameters.yaml")

    assert settings == {parameter.name: parameter.default for parameter in node_parameters()}


def test_every_preset_can_be_launched() -> None:
    frames = constants(REPOSITORY / "launch" / "reconstruction.launch.py")["FIXED_FRAMES"]

    assert set(frames) == {path.stem for path in PRESETS}


def test_the_launch_file_has_the_arguments_users_expect() -> None:
    arguments = declared_arguments(REPOSITORY / "launch" / "reconstruction.launch.py")

    assert {
        "camera", "namespace", "reconstructor", "params_file", "rviz", "autostart", "use_sim_time",
    } <= arguments  # fmt: skip


@pytest.mark.parametrize("name", ["replay", "multi_camera"])
def test_arguments_that_are_passed_on_exist_there(name: str) -> None:
    target = declared_arguments(REPOSITORY / "launch" / "reconstruction.launch.py")
    source = (REPOSITORY / "launch" / f"{name}.launch.py").read_text(encoding="utf-8")
    passed_on = re.findall(r'"(\w+)"', "".join(re.findall(r"PASSED_ON \+?= \((.*?)\)", source)))

    assert passed_on
    assert set(passed_on) <= target


@pytest.mark.parametrize("path", RVIZ_FILES, ids=lambda path: path.name)
def test_rviz_shows_topics_that_the_node_publishes(path: Path) -> None:
    displays = yaml.safe_load(path.read_text(encoding="utf-8"))["Visualization Manager"]["Displays"]
    shown = {display["Topic"]["Value"] for display in displays if "Topic" in display}

    assert shown
    assert shown <= {output.topic for output in RESULT_TOPICS}
    assert {display["Class"].partition("/")[0] for display in displays} == {"rviz_default_plugins"}


def test_rviz_lists_every_marker_namespace_of_hands_and_objects(
    make_hand: Callable[..., HandEstimate],
) -> None:
    at_m, normal = np.float32([0, 0, 0.5]), np.float32([0, 0, -1])
    item = ObjectEstimate(
        4,
        0.5,
        np.eye(4),
        np.float32([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        np.int32([[0, 2, 1], [1, 2, 3]]),
        vertex_seen=np.array([True, True, True, False]),
        primitive=PrimitiveFit(PrimitiveKind.BOX, np.eye(4), np.float32([1, 1, 1]), 0.0),
        contacts=(HandContact(1, HandPart.THUMB, at_m, normal, 0.0),),
    )
    hands = (make_hand(1, HandSide.LEFT), make_hand(2, HandSide.RIGHT))
    sides = [load_hand_model("open_hand", side).topology for side in HandSide]
    frame = Reconstruction(1, "camera", "made_up", hands, (item,))
    _, keys = serialized_markers(frame, {topology.name: topology for topology in sides})
    for path in RVIZ_FILES:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
        displays = document["Visualization Manager"]["Displays"]
        (listed,) = [one["Namespaces"] for one in displays if "Namespaces" in one]
        assert set(listed) == {key.namespace for key in keys}


def test_rviz_topics_are_moved_with_the_namespace() -> None:
    moved = constants(REPOSITORY / "launch" / "reconstruction.launch.py")["OUTPUT_TOPICS"]
    for path in RVIZ_FILES:
        shown = re.findall(r"Value: /hand_object_recon/(\w+)", path.read_text(encoding="utf-8"))
        assert set(shown) <= set(moved)


def test_everything_that_nodes_and_launch_files_import_is_declared_to_rosdep() -> None:
    declared = {
        str(element.text)
        for tag in ("depend", "exec_depend")
        for element in ElementTree.parse(REPOSITORY / "package.xml").iter(tag)
    }
    modules = sorted((REPOSITORY / "hand_object_recon" / "ros").glob("*.py"))
    imported = set().union(*(imported_packages(path) for path in [*modules, *LAUNCH_FILES]))

    for package in imported - set(sys.stdlib_module_names) - {"hand_object_recon"}:
        assert ROS_PACKAGE_OF.get(package, package) in declared, package


def test_the_message_packages_of_the_outputs_are_declared_to_rosdep() -> None:
    package_xml = (REPOSITORY / "package.xml").read_text(encoding="utf-8")

    for output in RESULT_TOPICS:
        package = output.message_type.partition("/")[0]
        assert f">{package}<" in package_xml


def test_programs_are_installed_and_start_a_main() -> None:
    cmake = (REPOSITORY / "CMakeLists.txt").read_text(encoding="utf-8")

    for name in ("reconstruction_node", "evaluation_node"):
        script = REPOSITORY / "scripts" / name
        assert f"scripts/{name}" in cmake
        assert script.stat().st_mode & 0o111
        assert f"from hand_object_recon.ros.{name} import main" in script.read_text()


def test_there_is_a_container_for_each_distribution_that_is_tested() -> None:
    workflow = yaml.safe_load((REPOSITORY / ".github/workflows/ros.yml").read_text())
    matrix = workflow["jobs"]["build_and_test"]["strategy"]["matrix"]["include"]

    assert {entry["distribution"] for entry in matrix} == DISTRIBUTIONS
    assert {path.suffix.lstrip(".") for path in DOCKER_FILES} == DISTRIBUTIONS
    for path in DOCKER_FILES:
        assert path.suffix.lstrip(".") in path.read_text()


def test_the_containers_install_what_the_package_needs() -> None:
    setup_py = (REPOSITORY / "setup.py").read_text(encoding="utf-8")
    core = re.findall(r'"(.+?)"', setup_py[setup_py.index("CORE = [") :].partition("]")[0])
    wanted = (REPOSITORY / "docker" / "requirements.txt").read_text(encoding="utf-8").splitlines()

    assert core
    assert set(core) <= set(wanted)
