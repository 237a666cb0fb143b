"""Starts the reconstruction node on a camera.

ros2 launch hand_object_recon reconstruction.launch.py camera:=realsense rviz:=true
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml
from ament_index_python.packages import get_package_share_path
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessStart
from launch.events import matches_action
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode, Node
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from lifecycle_msgs.msg import Transition

from launch import LaunchContext, LaunchDescription

PACKAGE = "hand_object_recon"
NODE_NAME = "hand_object_recon"
FIXED_FRAMES = {
    "realsense": "camera_color_optical_frame",
    "azure_kinect": "rgb_camera_link",
    "orbbec": "camera_color_optical_frame",
    "zed": "zed_left_camera_frame_optical",
    "custom": "camera_color_optical_frame",
}
OUTPUT_TOPICS = ("overlay", "points", "markers", "topology", "reconstruction", "detections")

ARGUMENTS = (
    DeclareLaunchArgument(
        "camera",
        default_value="realsense",
        choices=list(FIXED_FRAMES),
        description="Preset of topics, from config/cameras/.",
    ),
    DeclareLaunchArgument(
        "camera_root",
        default_value="",
        description="Put in place of what the preset's topics have in common (/camera/camera), "
        "for a camera of another name.",
    ),
    DeclareLaunchArgument("namespace", default_value="", description="Namespace of the node."),
    DeclareLaunchArgument(
        "reconstructor", default_value="", description="Plugin; empty is that of the parameters."
    ),
    DeclareLaunchArgument(
        "detector", default_value="", description="Plugin; empty is that of the parameters."
    ),
    DeclareLaunchArgument(
        "target_frame",
        default_value="",
        description="Frame results are given in; empty is that of the parameters.",
    ),
    DeclareLaunchArgument(
        "frame_prefix",
        default_value="",
        description="Put before the names of the frames of hands and objects.",
    ),
    DeclareLaunchArgument(
        "params_file", default_value="", description="Parameters that win over the preset."
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="true",
        choices=["true", "false"],
        description="Configure and activate the node at once.",
    ),
    DeclareLaunchArgument(
        "use_sim_time",
        default_value="false",
        choices=["true", "false"],
        description="Time from /clock, of a bag or a simulation.",
    ),
    DeclareLaunchArgument(
        "rviz", default_value="false", choices=["true", "false"], description="Start RViz."
    ),
    DeclareLaunchArgument(
        "fixed_frame",
        default_value="",
        description="RViz's fixed frame; empty is the preset's colour frame.",
    ),
    DeclareLaunchArgument("log_level", default_value="info", description="Of the node."),
)


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_actions)])


def _actions(context: LaunchContext) -> list[Any]:
    arguments = {item.name: LaunchConfiguration(item.name).perform(context) for item in ARGUMENTS}
    node = _reconstruction_node(arguments)
    return [node, *_autostart(node), _rviz(arguments)]


def _reconstruction_node(arguments: dict[str, str]) -> LifecycleNode:
    parameters: list[Any] = [str(_preset_file(arguments["camera"]))]
    if arguments["camera_root"]:
        parameters.append(_moved_topics(arguments["camera"], arguments["camera_root"]))
    if arguments["params_file"]:
        parameters.append(arguments["params_file"])
    parameters.append(_own_parameters(arguments))
    return LifecycleNode(
        package=PACKAGE,
        executable="reconstruction_node",
        name=NODE_NAME,
        namespace=arguments["namespace"],
        parameters=parameters,
        arguments=["--ros-args", "--log-level", arguments["log_level"]],
        output="screen",
    )


def _own_parameters(arguments: dict[str, str]) -> dict[str, Any]:
    """Those given as launch arguments, which win over every file."""
    given = {
        "reconstructor": arguments["reconstructor"],
        "detector": arguments["detector"],
        "ros.target_frame": arguments["target_frame"],
        "ros.frame_prefix": arguments["frame_prefix"],
    }
    own: dict[str, Any] = {name: value for name, value in given.items() if value}
    if arguments["use_sim_time"] == "true":
        own["use_sim_time"] = True
    return own


def _autostart(node: LifecycleNode) -> list[RegisterEventHandler]:
    condition = IfCondition(LaunchConfiguration("autostart"))

    def change(transition: int) -> EmitEvent:
        return EmitEvent(
            event=ChangeState(lifecycle_node_matcher=matches_action(node), transition_id=transition)
        )

    return [
        RegisterEventHandler(
            OnProcessStart(target_action=node, on_start=[change(Transition.TRANSITION_CONFIGURE)]),
            condition=condition,
        ),
        RegisterEventHandler(
            OnStateTransition(
                target_lifecycle_node=node,
                start_state="configuring",
                goal_state="inactive",
                entities=[change(Transition.TRANSITION_ACTIVATE)],
            ),
            condition=condition,
        ),
    ]


def _rviz(arguments: dict[str, str]) -> Node:
    share = get_package_share_path(PACKAGE)
    namespace = arguments["namespace"].strip("/")
    fixed_frame = (
        arguments["fixed_frame"] or arguments["target_frame"] or FIXED_FRAMES[arguments["camera"]]
    )
    return Node(
        package="rviz2",
        executable="rviz2",
        namespace=namespace,
        arguments=[
            "-d",
            str(share / "rviz" / "reconstruction.rviz"),
            "-f",
            fixed_frame,
        ],
        parameters=[{"use_sim_time": arguments["use_sim_time"] == "true"}],
        remappings=[
            (f"/{NODE_NAME}/{topic}", f"/{namespace}/{NODE_NAME}/{topic}")
            for topic in OUTPUT_TOPICS
            if namespace
        ],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )


def _preset_file(camera: str) -> Path:
    return get_package_share_path(PACKAGE) / "config" / "cameras" / f"{camera}.yaml"


def _moved_topics(camera: str, root: str) -> dict[str, str]:
    """The preset's topics with ``root`` in place of what they have in common."""
    preset = yaml.safe_load(_preset_file(camera).read_text(encoding="utf-8"))
    live = preset["/**"]["ros__parameters"]["live"]
    topics = {name: topic for name, topic in live.items() if name.endswith("_topic")}
    common = os.path.commonpath(topics.values())
    return {
        f"live.{name}": f"{root.rstrip('/')}/{os.path.relpath(topic, common)}"
        for name, topic in topics.items()
    }
