"""Starts one reconstruction node a camera, each in its camera's namespace.

    ros2 launch hand_object_recon multi_camera.launch.py cameras:=left,right camera:=realsense

The topics are the preset's below `/<name>/<name>` for RealSense, whose driver is started with
`camera_namespace:=<name> camera_name:=<name>`, and below `/<name>` for the others. Hands of the
camera `left` are the frames `left/hand_right/wrist` and so on.
"""

from __future__ import annotations

from typing import Any

from ament_index_python.packages import get_package_share_path
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchContext, LaunchDescription

PACKAGE = "hand_object_recon"
PASSED_ON = ("camera", "reconstructor", "detector", "target_frame", "params_file", "autostart")
PASSED_ON += ("use_sim_time", "rviz")
DEFAULTS = {"camera": "realsense", "autostart": "true", "use_sim_time": "false", "rviz": "false"}
ROOTS = {"realsense": "/{name}/{name}", "zed": "/{name}/zed_node"}
COLOR_FRAMES = {
    "realsense": "{name}_color_optical_frame",
    "orbbec": "{name}_color_optical_frame",
    "zed": "{name}_left_camera_frame_optical",
}

ARGUMENTS = (
    DeclareLaunchArgument(
        "cameras", description="Names of the cameras, with commas between them (left,right)."
    ),
    *(
        DeclareLaunchArgument(
            name,
            default_value=DEFAULTS.get(name, ""),
            description="As in reconstruction.launch.py, for every camera.",
        )
        for name in PASSED_ON
    ),
)


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_actions)])


def _actions(context: LaunchContext) -> list[Any]:
    arguments = {item.name: LaunchConfiguration(item.name).perform(context) for item in ARGUMENTS}
    names = [name.strip() for name in arguments["cameras"].split(",") if name.strip()]
    if len(set(names)) != len(names) or not names:
        raise ValueError(f"cameras is {arguments['cameras']!r}; give different names: left,right")
    return [_camera(name, arguments) for name in names]


def _camera(name: str, arguments: dict[str, str]) -> IncludeLaunchDescription:
    share = get_package_share_path(PACKAGE)
    camera = arguments["camera"]
    root = ROOTS.get(camera, "/{name}").format(name=name)
    color_frame = COLOR_FRAMES.get(camera, "").format(name=name)
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share / "launch" / "reconstruction.launch.py")),
        launch_arguments={
            **{passed: arguments[passed] for passed in PASSED_ON},
            "namespace": name,
            "camera_root": root,
            "frame_prefix": f"{name}/",
            "fixed_frame": arguments["target_frame"] or color_frame,
        }.items(),
    )
