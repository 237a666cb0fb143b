"""Plays a bag with its clock and reconstructs it live.

    ros2 launch hand_object_recon replay.launch.py bag:=/data/my_bag camera:=realsense

For results that are the same every time use `hand-object-recon replay`, which reads the bag
frame by frame.
"""

from __future__ import annotations

from typing import Any

from ament_index_python.packages import get_package_share_path
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    TimerAction,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchContext, LaunchDescription

PACKAGE = "hand_object_recon"
PASSED_ON = ("camera", "reconstructor", "detector", "target_frame", "params_file", "rviz")
DEFAULTS = {"camera": "realsense", "rviz": "true"}

ARGUMENTS = (
    DeclareLaunchArgument("bag", description="Folder or file of the recording."),
    DeclareLaunchArgument("rate", default_value="1.0", description="Speed of playing."),
    DeclareLaunchArgument(
        "loop", default_value="false", choices=["true", "false"], description="Begin again."
    ),
    DeclareLaunchArgument(
        "start_delay",
        default_value="5.0",
        description="Seconds before the bag starts, for the plugins to load.",
    ),
    *(
        DeclareLaunchArgument(
            name,
            default_value=DEFAULTS.get(name, ""),
            description="As in reconstruction.launch.py.",
        )
        for name in PASSED_ON
    ),
)


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=_actions)])


def _actions(context: LaunchContext) -> list[Any]:
    arguments = {item.name: LaunchConfiguration(item.name).perform(context) for item in ARGUMENTS}
    share = get_package_share_path(PACKAGE)
    reconstruction = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share / "launch" / "reconstruction.launch.py")),
        launch_arguments={
            "use_sim_time": "true",
            **{name: arguments[name] for name in PASSED_ON},
        }.items(),
    )
    command = ["ros2", "bag", "play", arguments["bag"], "--clock", "--rate", arguments["rate"]]
    if arguments["loop"] == "true":
        command.append("--loop")
    play = ExecuteProcess(cmd=command, output="screen")
    return [
        reconstruction,
        TimerAction(period=float(arguments["start_delay"]), actions=[play]),
    ]
