"""What planners take: boxes, meshes and points, in metres and in the right frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.objects import ObjectEstimate, PrimitiveFit, PrimitiveKind
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.detections import detections_message
from hand_object_recon.messages.meshes import serialized_mesh
from hand_object_recon.messages.point_clouds import point_cloud_message
from hand_object_recon.messages.poses import pose_from_message
from hand_object_recon.messages.typestore import MESH_TYPE, deserialize, serialize


def received(message: Any) -> Any:
    return deserialize(serialize(message), message.__msgtype__)


def frame(*hands: HandEstimate, objects: tuple[ObjectEstimate, ...] = ()) -> Reconstruction:
    return Reconstruction(3_000_000_007, "camera", "rgbd_fit", hands, objects)


def box_corners(box: Any) -> np.ndarray:
    """(8, 3) corners in the camera frame."""
    half = np.array([box.size.x, box.size.y, box.size.z]) / 2
    signs = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, -1).T
    pose = pose_from_message(box.center)
    return signs * half @ pose[:3, :3].T + pose[:3, 3]


@pytest.fixture
def turned_box() -> ObjectEstimate:
    """A box of 2 x 4 x 6 cm whose frame lies at one of its corners."""
    mesh = trimesh.creation.box((0.02, 0.04, 0.06))
    mesh.apply_translation((0.01, 0.02, 0.03))
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec([0.3, -0.8, 1.1]).as_matrix()
    pose[:3, 3] = (0.1, -0.2, 0.7)
    return ObjectEstimate(4, 0.5, pose, np.float32(mesh.vertices), np.int32(mesh.faces))


def test_an_object_is_a_box_around_its_mesh(turned_box: ObjectEstimate) -> None:
    message = received(detections_message(frame(objects=(turned_box,))))
    (detection,) = message.detections
    assert detection.id == "object_4"
    size = detection.bbox.size
    np.testing.assert_allclose([size.x, size.y, size.z], [0.02, 0.04, 0.06], atol=1e-6)
    in_camera = turned_box.vertices_m @ turned_box.pose[:3, :3].T + turned_box.pose[:3, 3]
    corners = box_corners(detection.bbox)
    distances = np.linalg.norm(corners[:, None] - in_camera[None], axis=2)
    np.testing.assert_allclose(distances.min(axis=1), 0.0, atol=1e-6)
    (result,) = detection.results
    assert (result.hypothesis.class_id, result.hypothesis.score) == ("object", 0.5)
    np.testing.assert_allclose(pose_from_message(result.pose.pose), turned_box.pose, atol=1e-12)


def test_an_object_with_a_primitive_is_the_box_of_that(turned_box: ObjectEstimate) -> None:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec([-0.2, 0.5, 0.1]).as_matrix()
    pose[:3, 3] = (0.01, 0.02, 0.03)
    fit = PrimitiveFit(PrimitiveKind.BOX, pose, np.float32([0.03, 0.05, 0.07]), 0.001)
    item = replace(turned_box, primitive=fit, name="mug")
    (detection,) = received(detections_message(frame(objects=(item,)))).detections
    box = trimesh.creation.box(fit.size_m, item.pose @ pose)
    distances = np.linalg.norm(box_corners(detection.bbox)[:, None] - box.vertices[None], axis=2)
    np.testing.assert_allclose(distances.min(axis=1), 0.0, atol=1e-6)
    assert (detection.id, detection.results[0].hypothesis.class_id) == ("object_4", "mug")


@pytest.mark.parametrize("has_mesh", [True, False])
def test_a_hand_is_a_box_with_the_axes_of_its_wrist_that_holds_all_of_it(
    make_hand: Callable[..., HandEstimate], has_mesh: bool
) -> None:
    more = {} if has_mesh else {"vertices_m": np.zeros((0, 3), np.float32)}
    hand = make_hand(3, HandSide.LEFT, **more)
    (detection,) = received(detections_message(frame(hand))).detections
    assert detection.id == "left_hand_3"
    assert detection.header.frame_id == "camera"
    np.testing.assert_allclose(
        pose_from_message(detection.bbox.center)[:3, :3], hand.wrist_pose[:3, :3], atol=1e-12
    )
    points = hand.vertices_m if has_mesh else hand.joints_m
    center = pose_from_message(detection.bbox.center)
    inside = (points - center[:3, 3]) @ center[:3, :3]
    size = detection.bbox.size
    np.testing.assert_allclose(2 * np.abs(inside).max(axis=0), [size.x, size.y, size.z], atol=1e-5)


def test_an_object_mesh_is_closed_and_its_triangles_face_outwards(
    turned_box: ObjectEstimate,
) -> None:
    message = deserialize(serialized_mesh(turned_box), MESH_TYPE)
    vertices = [(point.x, point.y, point.z) for point in message.vertices]
    faces = [one.vertex_indices for one in message.triangles]
    mesh = trimesh.Trimesh(vertices, faces, process=False)
    assert mesh.is_watertight
    assert mesh.volume == pytest.approx(0.02 * 0.04 * 0.06, rel=1e-5)  # negative if inside out
    np.testing.assert_array_equal(vertices, turned_box.vertices_m.astype(np.float64))


def test_the_mesh_bytes_are_those_of_a_general_serializer(turned_box: ObjectEstimate) -> None:
    data = serialized_mesh(turned_box)
    assert data == bytes(serialize(deserialize(data, MESH_TYPE)))


def test_points_lie_on_hands_and_objects_with_colour_label_and_track(
    make_hand: Callable[..., HandEstimate], turned_box: ObjectEstimate
) -> None:
    left = make_hand(3, HandSide.LEFT)
    message = received(point_cloud_message(frame(left, objects=(turned_box,))))
    kinds = {5: "<i4", 6: "<u4", 7: "<f4"}
    layout = np.dtype(
        {
            "names": [one.name for one in message.fields],
            "formats": [kinds[one.datatype] for one in message.fields],
            "offsets": [one.offset for one in message.fields],
            "itemsize": message.point_step,
        }
    )
    points = message.data.view(layout)
    assert (message.width, message.row_step) == (4 + 8, (4 + 8) * message.point_step)
    np.testing.assert_array_equal(points["label"], [1] * 4 + [3] * 8)
    np.testing.assert_array_equal(points["track_id"], [3] * 4 + [4] * 8)
    positions = np.stack([points[axis] for axis in "xyz"], axis=1)
    np.testing.assert_array_equal(positions[:4], left.vertices_m)
    in_camera = turned_box.vertices_m @ turned_box.pose[:3, :3].T + turned_box.pose[:3, 3]
    np.testing.assert_allclose(positions[4:], in_camera, atol=1e-6)
    red, green, blue, unused = points["rgb"][:1].view(np.uint8)[[2, 1, 0, 3]].tolist()
    assert red > green > blue > unused == 0  # a left hand is orange


def test_points_have_the_colours_of_the_object_and_another_where_it_was_completed(
    held_object: ObjectEstimate,
) -> None:
    message = received(point_cloud_message(frame(objects=(held_object,))))
    columns = message.data.reshape(-1, message.point_step)
    (offset,) = [one.offset for one in message.fields if one.name == "rgb"]
    rgb = columns[:, [offset + 2, offset + 1, offset]]
    assert held_object.vertex_colors is not None
    np.testing.assert_array_equal(rgb[:3], held_object.vertex_colors[:3])
    assert rgb[3].tolist() != held_object.vertex_colors[3].tolist()


def test_an_empty_frame_is_an_empty_cloud_and_no_detection() -> None:
    assert received(point_cloud_message(frame())).width == 0
    assert received(detections_message(frame())).detections == []
