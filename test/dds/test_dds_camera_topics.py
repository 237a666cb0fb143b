"""Which topics are the camera's, a known driver's or any found; and orders to a running node."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hand_object_recon.core.config import PipelineConfig, load_config
from hand_object_recon.core.errors import ConfigError, TransportError
from hand_object_recon.dds.camera_presets import camera_assignments
from hand_object_recon.dds.camera_search import camera_found
from hand_object_recon.dds.control import SetOrder
from hand_object_recon.dds.transport import GraphTopic

CAMERA_FILES = Path(__file__).resolve().parents[2] / "config" / "cameras"
IMAGE, INFO = "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo"
COLOR = GraphTopic("/robot/color/image_raw", IMAGE)
RAW_DEPTH = GraphTopic("/robot/depth/image_rect_raw", IMAGE)
ALIGNED_DEPTH = GraphTopic("/robot/aligned_depth_to_color/image_raw", IMAGE)
COLOR_INFO = GraphTopic("/robot/color/camera_info", INFO)


class Graph:
    """Topics appear in it one after another, each time it is looked at."""

    def __init__(self, *appearing: list[GraphTopic]) -> None:
        self._appearing = list(appearing)

    def topics(self) -> list[GraphTopic]:
        return self._appearing.pop(0) if len(self._appearing) > 1 else self._appearing[0]


def test_aligned_depth_is_waited_for_when_other_depth_comes_first() -> None:
    first = [COLOR, RAW_DEPTH, COLOR_INFO]
    graph: Any = Graph([], [COLOR], first, [*first, ALIGNED_DEPTH])

    config = load_config(None, camera_found(graph, timeout_s=5.0))

    assert config.live.color_topic == COLOR.name
    assert config.live.depth_topic == ALIGNED_DEPTH.name
    assert config.live.camera_info_topic == COLOR_INFO.name


def test_what_is_there_is_listed_when_no_camera_is() -> None:
    graph: Any = Graph([COLOR, GraphTopic("/chatter", "std_msgs/msg/String")])

    with pytest.raises(TransportError, match=r"there are /robot/color/image_raw, /chatter; name"):
        camera_found(graph, timeout_s=0.0)


def test_a_realsense_is_what_is_configured_without_a_word() -> None:
    assert load_config(None, camera_assignments("realsense")) == PipelineConfig()


@pytest.mark.parametrize("file", sorted(CAMERA_FILES.glob("*.yaml")), ids=lambda file: file.stem)
def test_each_cameras_file_is_a_configuration(file: Path) -> None:
    expected = yaml.safe_load(file.read_text())["/**"]["ros__parameters"]

    config = load_config(None, camera_assignments(file.stem)).model_dump()

    for section, values in expected.items():
        for name, value in values.items():
            assert config[section][name] == value


def test_an_unknown_camera_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"camera 'webcam' is not known; known are .*realsense"):
        camera_assignments("webcam")


@pytest.mark.parametrize(
    ("assignment", "values"),
    [
        ("smoother.enabled=false", {"smoother.enabled": False}),
        ("depth.max_m = 1.5", {"depth.max_m": 1.5}),
        ("reconstructor=package.module:Class", {"reconstructor": "package.module:Class"}),
    ],
)
def test_an_order_sets_what_the_command_line_would(assignment: str, values: Any) -> None:
    assert SetOrder(assignment).values() == values


@pytest.mark.parametrize("assignment", ["", "=1", "smoother.enabled", "a=[1"])
def test_an_order_of_another_form_is_refused(assignment: str) -> None:
    with pytest.raises(ConfigError, match="/hand_object_recon/set got"):
        SetOrder(assignment).values()
