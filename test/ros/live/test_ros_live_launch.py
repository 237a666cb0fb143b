"""`ros2 launch` brings a node to its first result, and the evaluation node scores it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture
def params_file(tmp_path: Path) -> Path:
    path = tmp_path / "light.yaml"
    live = {"color_topic": "/cam/color", "depth_topic": "/cam/depth"}
    live["camera_info_topic"] = "/cam/camera_info"
    settings = {"detector": "ros_plugins:Somewhere", "live": live}
    path.write_text(yaml.safe_dump({"/**": {"ros__parameters": settings}}))
    return path


def test_a_launched_node_starts_by_itself(
    graph: Any,
    start_node: Callable[..., Any],
    make_camera: Any,
    params_file: Path,
    wait_until: Any,
) -> None:
    pytest.importorskip("launch_ros")
    from hand_object_recon.msg import Reconstruction

    results = graph.collect(Reconstruction, "/left/hand_object_recon/reconstruction")
    make_camera()
    arguments = [
        "namespace:=left",
        "reconstructor:=ros_plugins:Light",
        f"params_file:={params_file}",
    ]
    command = ["ros2", "launch", "hand_object_recon", "reconstruction.launch.py", *arguments]
    launched = start_node(command=command)
    wait_until(lambda: results, "a result", lambda: launched.said)

    assert results[-1].method == "light"


def test_live_results_are_scored_against_a_truth(
    graph: Any, start_node: Callable[..., Any], make_camera: Any, wait_until: Any
) -> None:
    from diagnostic_msgs.msg import DiagnosticArray
    from hand_object_recon.msg import Reconstruction

    truth = graph.node.create_publisher(Reconstruction, "/truth", 10)

    def shifted(result: Any) -> None:
        for joint in result.hands[0].joints:
            joint.x += 0.01
        truth.publish(result)

    graph.node.create_subscription(Reconstruction, "/hand_object_recon/reconstruction", shifted, 10)
    scores = graph.collect(DiagnosticArray, "/hand_object_evaluation/score")
    make_camera()
    evaluation = start_node(script="evaluation_node", truth_topic="/truth", period_s=0.2)
    node = start_node()
    assert node.change("configure"), node.said
    assert node.change("activate"), node.said

    def values() -> dict[str, str]:
        return {pair.key: pair.value for pair in scores[-1].status[0].values} if scores else {}

    wait_until(lambda: values().get("mpjpe_mm") == "10.00", "the score", lambda: evaluation.said)
    assert evaluation.stop() == 0
    assert "mpjpe_mm 10.00" in evaluation.said
