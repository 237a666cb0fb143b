"""Markers as RViz wants them: stable keys, deletions, valid geometry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide, HandTopology
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.marker_array import MarkerKey
from hand_object_recon.messages.markers import serialized_deletion_of_all, serialized_markers
from hand_object_recon.messages.typestore import MARKERS_TYPE, deserialize, serialize

ADD, DELETE, DELETE_ALL = 0, 2, 3
LINE_LIST, SPHERE_LIST, TRIANGLE_LIST = 5, 7, 11
LISTS = (LINE_LIST, SPHERE_LIST, TRIANGLE_LIST)


@pytest.fixture
def topologies(topology: HandTopology) -> dict[str, HandTopology]:
    return {topology.name: topology}


def frame(*hands: HandEstimate) -> Reconstruction:
    return Reconstruction(3_000_000_007, "camera", "rgbd_fit", hands)


def received(data: bytes) -> list[Any]:
    markers: list[Any] = deserialize(data, MARKERS_TYPE).markers
    return markers


def points_of(marker: Any) -> np.ndarray:
    return np.array([(point.x, point.y, point.z) for point in marker.points])


def test_a_hand_is_a_mesh_a_skeleton_and_joints(
    make_hand: Callable[..., HandEstimate], topologies: dict[str, HandTopology]
) -> None:
    data, keys = serialized_markers(frame(make_hand(7)), topologies)
    kinds = {(item.ns, item.id, item.type, item.action) for item in received(data)}
    assert kinds == {
        ("hand_right/mesh", 7, TRIANGLE_LIST, ADD),
        ("hand_right/skeleton", 7, LINE_LIST, ADD),
        ("hand_right/joints", 7, SPHERE_LIST, ADD),
    }
    assert keys == {MarkerKey(namespace, number) for namespace, number, *_ in kinds}


def test_markers_hold_the_mesh_corners_and_the_twenty_bones(
    make_hand: Callable[..., HandEstimate], topologies: dict[str, HandTopology]
) -> None:
    hand = make_hand()
    data, _ = serialized_markers(frame(hand), topologies)
    mesh, skeleton, joints = received(data)
    corners = hand.vertices_m[topologies["tetrahedron"].faces].reshape(-1, 3)
    np.testing.assert_array_equal(points_of(mesh), corners)
    np.testing.assert_array_equal(points_of(joints), hand.joints_m)
    assert len(skeleton.points) == 2 * 20
    np.testing.assert_array_equal(points_of(skeleton)[:4], hand.joints_m[[0, 1, 1, 2]])


def test_every_marker_is_valid_for_rviz_and_keeps_the_image_header(
    reconstruction: Reconstruction, topologies: dict[str, HandTopology]
) -> None:
    vanished = frozenset({MarkerKey("hand_left/mesh", 99)})
    data, _ = serialized_markers(reconstruction, topologies, vanished)
    for marker in received(data):
        assert marker.header.frame_id == reconstruction.frame_id
        assert (marker.header.stamp.sec, marker.header.stamp.nanosec) == (1_700_000_000, 123456789)
        assert min(marker.scale.x, marker.scale.y, marker.scale.z) > 0
        turn = marker.pose.orientation
        assert np.linalg.norm([turn.x, turn.y, turn.z, turn.w]) == pytest.approx(1)
        if marker.action == ADD:
            assert marker.color.a > 0
            assert bool(marker.points) is (marker.type in LISTS)
            assert len(marker.colors) in (0, len(marker.points))


def test_two_hands_of_one_side_have_keys_of_their_own(
    make_hand: Callable[..., HandEstimate], topologies: dict[str, HandTopology]
) -> None:
    _, keys = serialized_markers(frame(make_hand(1), make_hand(2)), topologies)
    assert len(keys) == 6


def test_what_vanished_is_deleted_once_and_what_stays_is_not(
    make_hand: Callable[..., HandEstimate], topologies: dict[str, HandTopology]
) -> None:
    stays, leaves = make_hand(1), make_hand(2, HandSide.LEFT)
    _, first = serialized_markers(frame(stays, leaves), topologies)
    data, second = serialized_markers(frame(stays), topologies, first)
    deleted = {(item.ns, item.id) for item in received(data) if item.action == DELETE}
    assert deleted == {(f"hand_left/{part}", 2) for part in ("mesh", "skeleton", "joints")}
    data, _ = serialized_markers(frame(stays), topologies, second)
    assert not [item for item in received(data) if item.action == DELETE]


def test_a_hand_that_changes_its_side_leaves_no_ghost(
    make_hand: Callable[..., HandEstimate], topologies: dict[str, HandTopology]
) -> None:
    _, first = serialized_markers(frame(make_hand(1, HandSide.LEFT)), topologies)
    data, _ = serialized_markers(frame(make_hand(1, HandSide.RIGHT)), topologies, first)
    deleted = {item.ns for item in received(data) if item.action == DELETE}
    assert deleted == {"hand_left/mesh", "hand_left/skeleton", "hand_left/joints"}


def test_a_hand_without_a_mesh_is_shown_by_its_skeleton(
    make_hand: Callable[..., HandEstimate],
) -> None:
    hand = make_hand(vertices_m=np.zeros((0, 3), np.float32), topology="unknown")
    data, _ = serialized_markers(frame(hand), {})
    assert [item.ns for item in received(data)] == ["hand_right/skeleton", "hand_right/joints"]


def test_a_mesh_of_an_unknown_topology_is_refused(make_hand: Callable[..., HandEstimate]) -> None:
    with pytest.raises(InvalidValueError, match="'tetrahedron' is unknown"):
        serialized_markers(frame(make_hand()), {})


def test_a_mesh_that_does_not_fit_its_topology_is_refused(
    make_hand: Callable[..., HandEstimate], topologies: dict[str, HandTopology]
) -> None:
    hand = make_hand(vertices_m=np.zeros((5, 3), np.float32))
    with pytest.raises(InvalidValueError, match="has 5 vertices; it must have 4"):
        serialized_markers(frame(hand), topologies)


def test_the_bytes_are_those_of_a_general_serializer(
    reconstruction: Reconstruction, topologies: dict[str, HandTopology]
) -> None:
    vanished = frozenset({MarkerKey("hand_left/mesh", 99), MarkerKey("object/mesh", -3)})
    nobody = replace(reconstruction, hands=(), objects=())
    for frame_id in ("a", "ab", "abc", "abcd", "abcde"):  # every alignment of what follows
        for content in (reconstruction, nobody):
            named = replace(content, frame_id=frame_id)
            data, _ = serialized_markers(named, topologies, vanished)
            assert data == bytes(serialize(deserialize(data, MARKERS_TYPE)))


def test_everything_can_be_deleted_at_once() -> None:
    data = serialized_deletion_of_all(3_000_000_007, "camera")
    (marker,) = received(data)
    assert (marker.action, marker.header.frame_id) == (DELETE_ALL, "camera")
    assert data == bytes(serialize(deserialize(data, MARKERS_TYPE)))
