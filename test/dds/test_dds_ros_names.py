"""ROS's names in DDS, and the environment that says which graph to join."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from hand_object_recon.core.errors import ConfigError, InvalidValueError
from hand_object_recon.dds.graph_settings import DiscoveryRange, GraphSettings
from hand_object_recon.dds.ros_names import (
    dds_topic_name,
    dds_type_name,
    ros_topic_name,
    ros_type_name,
    type_hash_user_data,
)


def test_names_go_to_dds_and_back() -> None:
    assert dds_topic_name("/camera/color/image_raw") == "rt/camera/color/image_raw"
    assert ros_topic_name("rt/camera/color/image_raw") == "/camera/color/image_raw"
    assert dds_type_name("sensor_msgs/msg/Image") == "sensor_msgs::msg::dds_::Image_"
    assert ros_type_name("sensor_msgs::msg::dds_::Image_") == "sensor_msgs/msg/Image"


@pytest.mark.parametrize("name", ["ros_discovery_info", "rq/reset/Request", "Square", ""])
def test_what_is_no_ros_topic_has_no_name(name: str) -> None:
    assert ros_topic_name(name) == ""


@pytest.mark.parametrize("name", ["ShapeType", "sensor_msgs::msg::Image", "dds_::Image", ""])
def test_what_is_no_ros_type_has_no_name(name: str) -> None:
    assert ros_type_name(name) == ""


def test_a_relative_topic_is_refused() -> None:
    with pytest.raises(InvalidValueError, match="'image' is not absolute"):
        dds_topic_name("image")


def test_the_type_hash_is_the_one_ros_users_see() -> None:
    # As `ros2 topic info -v` prints it on Jazzy.
    expected = "RIHS01_d31d41a9a4c4bc8eae9be757b0beed306564f7526c88ea6a4588fb9582527d47"

    assert type_hash_user_data("sensor_msgs/msg/Image") == f"typehash={expected};".encode()


def test_an_empty_environment_joins_domain_0_of_the_subnet_with_cyclones_own_defaults() -> None:
    settings = GraphSettings.from_environment(environment={})

    assert settings == GraphSettings(0, DiscoveryRange.SUBNET)
    assert settings.cyclone_configuration() is None


@pytest.mark.parametrize(
    "environment",
    [
        {"ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST"},
        {"ROS_LOCALHOST_ONLY": "1", "ROS_AUTOMATIC_DISCOVERY_RANGE": "SUBNET"},
    ],
)
def test_localhost_is_asked_without_multicast(environment: dict[str, str]) -> None:
    configuration = GraphSettings.from_environment(environment=environment).cyclone_configuration()

    assert configuration is not None
    root = ElementTree.fromstring(configuration)
    assert root.findtext(".//AllowMulticast") == "false"
    assert [peer.get("address") for peer in root.iter("Peer")] == ["127.0.0.1"]
    assert [item.get("address") for item in root.iter("NetworkInterface")] == ["127.0.0.1"]


def test_static_peers_are_asked_too() -> None:
    environment = {"ROS_STATIC_PEERS": "192.168.1.7;robot.local"}
    configuration = GraphSettings.from_environment(environment=environment).cyclone_configuration()

    assert configuration is not None
    peers = ElementTree.fromstring(configuration).iter("Peer")
    assert [peer.get("address") for peer in peers] == ["192.168.1.7", "robot.local"]


def test_nobody_is_asked_when_discovery_is_off() -> None:
    environment = {"ROS_AUTOMATIC_DISCOVERY_RANGE": "off", "ROS_STATIC_PEERS": "192.168.1.7"}
    configuration = GraphSettings.from_environment(environment=environment).cyclone_configuration()

    assert configuration is not None
    assert not list(ElementTree.fromstring(configuration).iter("Peer"))


def test_the_users_own_cyclone_configuration_holds_alone() -> None:
    environment = {
        "CYCLONEDDS_URI": "file:///etc/cyclone.xml",
        "ROS_AUTOMATIC_DISCOVERY_RANGE": "LOCALHOST",
    }

    assert GraphSettings.from_environment(environment=environment).cyclone_configuration() is None


def test_the_domain_is_the_one_given_or_the_environments() -> None:
    environment = {"ROS_DOMAIN_ID": "42"}

    assert GraphSettings.from_environment(environment=environment).domain_id == 42
    assert GraphSettings.from_environment(7, environment).domain_id == 7


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"ROS_DOMAIN_ID": "robot"}, "ROS_DOMAIN_ID is 'robot'; it must be a number"),
        ({"ROS_DOMAIN_ID": "233"}, "domain id is 233; it must be between 0 and 232"),
        (
            {"ROS_AUTOMATIC_DISCOVERY_RANGE": "ROOM"},
            "ROS_AUTOMATIC_DISCOVERY_RANGE is 'ROOM'; known are SUBNET, LOCALHOST, OFF",
        ),
    ],
)
def test_a_wrong_variable_is_named_with_its_value(
    environment: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        GraphSettings.from_environment(environment=environment)
