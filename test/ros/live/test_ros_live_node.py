"""The reconstruction node on a real ROS 2 graph: states, parameters, results, troubles."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

START_NS = 1_600_000_000_000_000_000


def stamp_ns(message: Any) -> int:
    return int(message.header.stamp.sec * 10**9 + message.header.stamp.nanosec)


@pytest.fixture
def results(graph: Any) -> list[Any]:
    from hand_object_recon.msg import Reconstruction

    return graph.collect(Reconstruction, "/hand_object_recon/reconstruction")


@pytest.fixture
def active_node(start_node: Callable[..., Any]) -> Callable[..., Any]:
    def start(**parameters: Any) -> Any:
        node = start_node(**parameters)
        assert node.change("configure"), node.said
        assert node.change("activate"), node.said
        return node

    return start


def test_a_node_goes_through_its_states_and_again(
    start_node: Callable[..., Any], make_camera: Any, results: list[Any], wait_until: Any
) -> None:
    make_camera()
    node = start_node()
    assert node.state() == "unconfigured"
    for _ in range(2):
        assert node.change("configure")
        assert node.state() == "inactive"
        assert node.change("activate")
        wait_until(lambda: results, "a result")
        assert node.change("deactivate")
        time.sleep(0.3)
        results.clear()
        time.sleep(0.3)
        assert not results
        assert node.change("cleanup")
        assert node.state() == "unconfigured"
    assert node.stop() == 0, node.said


def test_results_keep_the_stamp_and_frame_of_the_image(
    graph: Any, active_node: Any, make_camera: Any, results: list[Any], wait_until: Any
) -> None:
    from sensor_msgs.msg import CompressedImage, PointCloud2
    from shape_msgs.msg import Mesh
    from tf2_msgs.msg import TFMessage
    from vision_msgs.msg import Detection3DArray
    from visualization_msgs.msg import MarkerArray

    topics = {
        "markers": MarkerArray,
        "points": PointCloud2,
        "overlay/compressed": CompressedImage,
        "detections": Detection3DArray,
        "object_mesh": Mesh,
    }
    received = {
        name: graph.collect(kind, f"/hand_object_recon/{name}") for name, kind in topics.items()
    }
    received["tf"] = graph.collect(TFMessage, "/tf")
    camera = make_camera()
    active_node()
    wait_until(lambda: all(received.values()) and len(results) > 5, "every topic")

    assert {stamp_ns(result) for result in results} <= set(camera.stamps_ns)
    assert {result.header.frame_id for result in results} == {"camera_color_optical_frame"}
    marker, transform = received["markers"][-1].markers[0], received["tf"][-1].transforms[0]
    for headed in (marker, transform, received["points"][-1], received["overlay/compressed"][-1]):
        assert stamp_ns(headed) in camera.stamps_ns
        assert headed.header.frame_id == "camera_color_optical_frame"
    names = {transform.child_frame_id for transform in received["tf"][-1].transforms}
    assert {"hand_right/wrist", "hand_right/index_tip", "object"} <= names
    hand = results[-1].hands[0]
    assert len(hand.vertices) == 3 * 778
    assert hand.joints[0].z == pytest.approx(0.5, abs=0.1)
    assert len(received["object_mesh"][-1].triangles) == 4
    assert received["detections"][-1].detections[0].id.startswith("right_hand_")


def test_the_hand_mesh_comes_to_late_joiners(
    graph: Any, active_node: Any, results: list[Any], wait_until: Any
) -> None:
    from hand_object_recon.msg import HandTopology
    from rclpy.qos import DurabilityPolicy

    active_node()
    meshes = graph.collect(
        HandTopology,
        "/hand_object_recon/topology",
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )
    wait_until(lambda: meshes, "the topology")

    assert (meshes[0].name, meshes[0].vertex_count) == ("open_hand_right", 778)
    assert len(meshes[0].triangles) == 3 * 1538


@pytest.mark.parametrize(
    ("plugin", "reason"),
    [("no_such_plugin", "no_such_plugin"), ("ros_plugins:CannotStart", "the weights are torn")],
)
def test_a_node_whose_plugin_does_not_start_can_be_configured_with_another(
    start_node: Any, plugin: str, reason: str
) -> None:
    node = start_node(reconstructor=plugin)

    assert not node.change("configure")
    assert node.state() == "unconfigured"
    node.wait_to_say(reason)
    assert node.set("reconstructor", "ros_plugins:Light").successful
    assert node.change("configure")


def test_a_node_whose_plugin_fails_on_frames_becomes_unconfigured(
    active_node: Any, make_camera: Any, results: list[Any], wait_until: Any
) -> None:
    make_camera()
    node = active_node(reconstructor="ros_plugins:FailsOnFrames")

    node.wait_to_say("given up after 10 frames")
    wait_until(lambda: node.state() == "unconfigured", "the node to give up")
    assert node.set("reconstructor", "ros_plugins:Light").successful
    assert node.change("configure")
    assert node.change("activate")
    wait_until(lambda: results, "a result")


def test_parameters_are_described_and_bad_values_refused(active_node: Any) -> None:
    node = active_node()
    described = node.describe("depth.max_m")
    limits = described.floating_point_range[0]

    assert described.description == "Farther readings are dropped as invalid."
    assert (limits.from_value, limits.to_value, described.read_only) == (0.0, 20.0, False)
    assert node.describe("live.color_topic").read_only
    assert node.describe("tracker.max_hands").integer_range[0].to_value == 8
    for name, value, reason in (
        ("depth.max_m", 99.0, "range"),
        ("depth.max_m", 0.0, "depth.max_m"),
        ("depth.min_m", 5.0, "must be below max_m"),
        ("live.color_topic", "/other", "read-only"),
        ("tracker.max_lost_frames", 1.5, "type"),
    ):
        answer = node.set(name, value)
        assert not answer.successful
        assert reason in answer.reason
    assert node.set("depth.max_m", 1.5).successful


def test_a_bad_parameter_at_start_is_one_line(start_node: Any) -> None:
    node = start_node(depth__max_m=99.0)

    assert node.wait() == 2
    assert "depth.max_m must be from 0 to 20" in node.said
    assert len(node.said.splitlines()) == 1


def test_the_reconstructor_is_switched_between_frames(
    active_node: Any, make_camera: Any, results: list[Any], wait_until: Any
) -> None:
    make_camera()
    node = active_node()
    wait_until(lambda: results, "a result")

    assert node.set("reconstructor", "ros_plugins:OtherLight").successful
    wait_until(lambda: results[-1].method == "other_light", "the other method")
    refused = node.set("reconstructor", "ros_plugins:CannotStart")

    assert not refused.successful
    assert "the weights are torn" in refused.reason
    before = len(results)
    wait_until(lambda: len(results) > before + 5, "results to go on")
    assert results[-1].method == "other_light"


def test_a_missing_aligned_depth_is_said_once_with_the_fix(
    active_node: Any, make_camera: Any, results: list[Any], wait_until: Any
) -> None:
    camera = make_camera(without=("depth",))
    node = active_node(
        live__depth_topic="/camera/aligned_depth_to_color/image_raw", live__stream_timeout_s=0.5
    )
    node.wait_to_say("align_depth.enable:=true")
    time.sleep(2.5)

    assert node.said.count("align_depth.enable:=true") == 1
    assert not results
    assert camera.stamps_ns


def test_unsynchronized_streams_are_said(active_node: Any, make_camera: Any) -> None:
    make_camera(depth_offset_ns=400_000_000)
    node = active_node(live__stream_timeout_s=0.5, live__sync_slop_ms=5.0)

    node.wait_to_say("live.sync_slop_ms")


def test_an_incompatible_quality_of_service_is_said_once(
    active_node: Any, make_camera: Any, results: list[Any]
) -> None:
    make_camera()
    overrides = {"qos_overrides./cam/color.subscription.reliability": "reliable"}
    node = active_node(live__stream_timeout_s=0.5, **overrides)

    node.wait_to_say("quality of service")
    time.sleep(2.5)
    assert node.said.count("quality of service") == 1
    assert not results


def test_troubles_and_figures_are_in_the_diagnostics(
    graph: Any, active_node: Any, make_camera: Any, results: list[Any], wait_until: Any
) -> None:
    from diagnostic_msgs.msg import DiagnosticArray

    arrays = graph.collect(DiagnosticArray, "/diagnostics")

    def status(name: str) -> Any:
        found = [one for array in arrays for one in array.status if one.name.endswith(name)]
        return found[-1] if found else None

    node = active_node()
    wait_until(lambda: "/cam/color" in getattr(status("input"), "message", ""), "the trouble")
    make_camera()
    wait_until(lambda: status("input").message == "all right", "the end", lambda: node.said)
    wait_until(lambda: "Hz" in status("pipeline").message, "a rate")
    values = {pair.key: pair.value for pair in status("pipeline").values}

    assert values["reconstructor"] == "light"
    assert values["state"] == "active"
    assert status("input").hardware_id == "/cam/color"


def test_results_come_in_the_target_frame(
    graph: Any, active_node: Any, make_camera: Any, results: list[Any], wait_until: Any
) -> None:
    from geometry_msgs.msg import TransformStamped
    from tf2_ros import StaticTransformBroadcaster

    make_camera()
    node = active_node(ros__target_frame="base", ros__frame_prefix="left/")
    node.wait_to_say("no transform from 'camera_color_optical_frame'")
    assert not results

    transform = TransformStamped()
    transform.header.frame_id, transform.child_frame_id = "base", "camera_color_optical_frame"
    transform.transform.translation.x = 2.0
    transform.transform.rotation.w = 1.0
    broadcaster = StaticTransformBroadcaster(graph.node)
    broadcaster.sendTransform(transform)
    wait_until(lambda: results, "a result")

    assert results[-1].header.frame_id == "base"
    assert results[-1].hands[0].joints[0].x == pytest.approx(2.0, abs=0.2)
    assert node.set("ros.target_frame", "").successful
    wait_until(
        lambda: results[-1].header.frame_id == "camera_color_optical_frame", "the camera's frame"
    )


def test_simulated_time_is_waited_for_and_may_jump_back(
    graph: Any, active_node: Any, make_camera: Any, results: list[Any], wait_until: Any
) -> None:
    from rosgraph_msgs.msg import Clock

    node = active_node(use_sim_time=True, live__stream_timeout_s=0.5)
    node.wait_to_say("nothing came on /clock")

    now = {"ns": START_NS}
    clock = graph.node.create_publisher(Clock, "/clock", 10)

    def tick() -> int:
        now["ns"] += 33_000_000
        message = Clock()
        message.clock.sec, message.clock.nanosec = divmod(now["ns"], 10**9)
        clock.publish(message)
        return now["ns"]

    make_camera(clock_ns=tick)
    wait_until(lambda: results, "a result")
    assert stamp_ns(results[-1]) == pytest.approx(START_NS, abs=60 * 10**9)

    now["ns"] = START_NS - 100 * 10**9
    node.wait_to_say("jumped back")
    wait_until(lambda: stamp_ns(results[-1]) < START_NS, "results after the jump")


def test_the_services_reset_and_save_a_mesh(
    tmp_path: Path, active_node: Any, make_camera: Any, results: list[Any], wait_until: Any
) -> None:
    node = active_node(ros__mesh_folder=str(tmp_path))
    assert not node.trigger("save_mesh").success
    make_camera()
    wait_until(lambda: results, "a result")

    saved = node.trigger("save_mesh")

    assert saved.success, saved.message
    content = Path(saved.message).read_bytes()
    length = int.from_bytes(content[12:16], "little")
    names = {one["name"] for one in json.loads(content[20 : 20 + length])["meshes"]}
    assert "object_1" in names
    assert node.trigger("reset").success


def test_markers_are_deleted_when_the_node_stops(
    graph: Any, active_node: Any, make_camera: Any, wait_until: Any
) -> None:
    from visualization_msgs.msg import Marker, MarkerArray

    markers = graph.collect(MarkerArray, "/hand_object_recon/markers")
    make_camera()
    node = active_node()
    wait_until(lambda: markers, "markers")
    assert node.change("deactivate")

    wait_until(lambda: markers[-1].markers[0].action == Marker.DELETEALL, "the deletion")
