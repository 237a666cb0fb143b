"""What is written down twice agrees."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import hand_object_recon

REPOSITORY = Path(__file__).resolve().parent.parent


def text_of(path: str) -> str:
    return (REPOSITORY / path).read_text(encoding="utf-8")


def pins_of(path: str) -> dict[str, str]:
    """Version by package name in a constraints file."""
    pins = (line.partition("==") for line in text_of(path).splitlines() if "==" in line)
    return {name: version for name, _, version in pins}


def package_xml(tag: str) -> set[str]:
    elements = ElementTree.fromstring(text_of("package.xml")).iter(tag)
    return {str(element.text) for element in elements}


def test_the_ros_package_has_the_version_of_the_python_package() -> None:
    assert package_xml("version") == {hand_object_recon.__version__}


def test_the_ros_package_has_the_name_of_the_python_package() -> None:
    assert package_xml("name") == {"hand_object_recon"}
    assert "project(hand_object_recon)" in text_of("CMakeLists.txt")


def test_the_packages_our_messages_use_are_declared_to_ros() -> None:
    used = set()
    for message in (REPOSITORY / "msg").glob("*.msg"):
        used |= set(re.findall(r"^(\w+)/", message.read_text(encoding="utf-8"), re.MULTILINE))

    cmake = text_of("CMakeLists.txt")
    generator_call = cmake[cmake.index("rosidl_generate_interfaces(") :].partition(")")[0]

    assert used
    assert used == package_xml("depend")
    assert used == set(generator_call.partition("DEPENDENCIES")[2].split())
    for package in used:
        assert f"find_package({package} REQUIRED)" in cmake


def test_the_two_set_ups_differ_only_in_numpy_and_the_opencv_that_goes_with_it() -> None:
    default, numpy1 = pins_of("constraints.txt"), pins_of("constraints-numpy1.txt")

    differing = {name for name in default | numpy1 if default.get(name) != numpy1.get(name)}

    assert differing == {"numpy", "opencv-python-headless"}
    assert numpy1["numpy"].startswith("1.26.")


def test_only_one_opencv_is_pinned() -> None:
    assert [name for name in pins_of("constraints.txt") if name.startswith("opencv")] == [
        "opencv-python-headless"
    ]


def test_mediapipe_is_pinned_to_the_version_the_extra_names() -> None:
    assert f"mediapipe=={pins_of('constraints.txt')['mediapipe']}; " in text_of("setup.py")


def test_everything_setup_needs_by_default_is_pinned() -> None:
    setup_py = text_of("setup.py")
    core = setup_py[setup_py.index("CORE = [") :].partition("]")[0]
    names = re.findall(r'"([\w-]+)>=', core)

    assert len(names) > 5
    assert set(names) <= set(pins_of("constraints.txt"))


def test_the_message_folder_of_the_python_package_is_left_to_the_generator() -> None:
    assert not (REPOSITORY / "hand_object_recon" / "msg").exists()
