"""An object's markers: what was measured, what was completed, what touches it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.objects import GraspState, ObjectEstimate, PrimitiveFit, PrimitiveKind
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.messages.marker_array import MarkerKey
from hand_object_recon.messages.markers import serialized_markers
from hand_object_recon.messages.poses import pose_from_message
from hand_object_recon.messages.typestore import MARKERS_TYPE, deserialize, serialize

DELETE = 2
CUBE, SPHERE, CYLINDER, LINE_LIST, SPHERE_LIST, TEXT, TRIANGLE_LIST = 1, 2, 3, 5, 7, 9, 11


def frame(*objects: ObjectEstimate) -> Reconstruction:
    return Reconstruction(3_000_000_007, "camera", "rgbd_fit", (), objects)


def shown(*objects: ObjectEstimate) -> dict[str, Any]:
    """Markers by namespace, of objects that have one each."""
    data, _ = serialized_markers(frame(*objects), {})
    return {marker.ns: marker for marker in deserialize(data, MARKERS_TYPE).markers}


def points_of(marker: Any) -> np.ndarray:
    return np.array([(point.x, point.y, point.z) for point in marker.points])


def colors_of(marker: Any) -> np.ndarray:
    return np.array([(one.r, one.g, one.b, one.a) for one in marker.colors])


def color_of(marker: Any) -> list[float]:
    return [marker.color.r, marker.color.g, marker.color.b, marker.color.a]


def test_an_object_of_which_only_the_mesh_is_known_is_a_mesh_in_its_own_frame(
    bare_object: ObjectEstimate,
) -> None:
    markers = shown(bare_object)
    assert set(markers) == {"object/mesh", "object/label"}
    mesh = markers["object/mesh"]
    assert (mesh.id, mesh.type) == (4, TRIANGLE_LIST)
    corners = bare_object.vertices_m[bare_object.faces].reshape(-1, 3)
    np.testing.assert_array_equal(points_of(mesh), corners)
    np.testing.assert_allclose(pose_from_message(mesh.pose), bare_object.pose, atol=1e-12)
    assert mesh.color.a == 1.0


def test_everything_known_of_an_object_is_shown(held_object: ObjectEstimate) -> None:
    kinds = {namespace: (one.id, one.type) for namespace, one in shown(held_object).items()}
    assert kinds == {
        "object/mesh": (4, TRIANGLE_LIST),
        "object/completed": (4, TRIANGLE_LIST),
        "object/primitive": (4, CYLINDER),
        "object/contacts": (4, SPHERE_LIST),
        "object/contact_normals": (4, LINE_LIST),
        "object/label": (4, TEXT),
    }


def test_faces_with_a_corner_that_was_not_seen_are_told_apart_and_translucent(
    held_object: ObjectEstimate,
) -> None:
    markers = shown(held_object)
    seen, completed = markers["object/mesh"], markers["object/completed"]
    seen_faces = [face for face in held_object.faces.tolist() if 3 not in face]
    other_faces = [face for face in held_object.faces.tolist() if 3 in face]
    np.testing.assert_array_equal(
        points_of(seen), held_object.vertices_m[seen_faces].reshape(-1, 3)
    )
    np.testing.assert_array_equal(
        points_of(completed), held_object.vertices_m[other_faces].reshape(-1, 3)
    )
    assert seen.color.a == 1.0
    assert 0.0 < completed.color.a < 0.6
    assert color_of(completed)[:3] != color_of(seen)[:3]


def test_the_seen_surface_has_its_own_colours_where_they_are_known(
    held_object: ObjectEstimate,
) -> None:
    mesh = shown(held_object)["object/mesh"]
    assert held_object.vertex_colors is not None
    seen_faces = [face for face in held_object.faces.tolist() if 3 not in face]
    expected = held_object.vertex_colors[seen_faces].reshape(-1, 3) / 255
    np.testing.assert_allclose(colors_of(mesh)[:, :3], expected, atol=1e-6)
    assert (colors_of(mesh)[:, 3] == 1.0).all()
    assert not shown(replace(held_object, vertex_colors=None))["object/mesh"].colors


@pytest.mark.parametrize(
    ("seen", "namespace"), [(True, "object/mesh"), (False, "object/completed")]
)
def test_a_surface_of_one_kind_is_one_marker(
    held_object: ObjectEstimate, seen: bool, namespace: str
) -> None:
    markers = shown(replace(held_object, vertex_seen=np.full(4, seen)))
    assert {"object/mesh", "object/completed"} & set(markers) == {namespace}


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (PrimitiveKind.BOX, trimesh.creation.box((0.02, 0.04, 0.06)), CUBE),
        (PrimitiveKind.CYLINDER, trimesh.creation.cylinder(0.03, 0.11), CYLINDER),
        (PrimitiveKind.SPHERE, trimesh.creation.icosphere(radius=0.021), SPHERE),
    ],
)
def test_a_primitive_fills_the_body_it_describes(
    held_object: ObjectEstimate, kind: PrimitiveKind, body: trimesh.Trimesh, expected: int
) -> None:
    assert held_object.primitive is not None
    pose = held_object.primitive.pose
    fit = PrimitiveFit(kind, pose, np.float32(body.extents), 0.001)
    marker = shown(replace(held_object, primitive=fit))["object/primitive"]
    size = [marker.scale.x, marker.scale.y, marker.scale.z]
    assert marker.type == expected
    np.testing.assert_allclose(size, body.extents, atol=1e-7)
    np.testing.assert_allclose(pose_from_message(marker.pose), held_object.pose @ pose, atol=1e-12)
    assert 0.0 < marker.color.a < 0.4


def test_contacts_are_balls_on_the_surface_and_lines_along_its_normals(
    held_object: ObjectEstimate,
) -> None:
    markers = shown(held_object)
    expected = np.array([contact.point_m for contact in held_object.contacts], dtype=np.float64)
    np.testing.assert_array_equal(points_of(markers["object/contacts"]), expected)
    lines = points_of(markers["object/contact_normals"]).reshape(-1, 2, 3)
    np.testing.assert_array_equal(lines[:, 0], expected)
    along = lines[:, 1] - lines[:, 0]
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    np.testing.assert_allclose(along, [[0, 0.6, 0.8]] * 2, atol=1e-6)


def test_what_an_object_no_longer_has_is_deleted(held_object: ObjectEstimate) -> None:
    _, keys = serialized_markers(frame(held_object), {})
    bare = replace(held_object, contacts=(), primitive=None, vertex_seen=None)
    data, left = serialized_markers(frame(bare), {}, keys)
    deleted = {one.ns for one in deserialize(data, MARKERS_TYPE).markers if one.action == DELETE}
    assert deleted == {
        "object/completed",
        "object/primitive",
        "object/contacts",
        "object/contact_normals",
    }
    assert left == {MarkerKey("object/mesh", 4), MarkerKey("object/label", 4)}


@pytest.mark.parametrize(
    ("name", "state", "text"),
    [
        ("", GraspState.HELD, "object 4 held"),
        ("mug", GraspState.PUT_DOWN, "mug 4 put down"),
        ("mug", GraspState.TOUCHED, "mug 4 touched"),
    ],
)
def test_the_label_says_name_track_and_state(
    held_object: ObjectEstimate, name: str, state: GraspState, text: str
) -> None:
    label = shown(replace(held_object, name=name, state=state))["object/label"]
    assert label.text == text
    in_camera = trimesh.transform_points(held_object.vertices_m, held_object.pose)
    assert label.pose.position.y < in_camera[:, 1].min()  # y points down


def test_an_object_without_a_mesh_is_shown_by_what_else_is_known(
    held_object: ObjectEstimate,
) -> None:
    nothing = {
        "vertices_m": np.zeros((0, 3), np.float32),
        "faces": np.zeros((0, 3), np.int32),
        "vertex_seen": None,
        "vertex_colors": None,
    }
    markers = shown(replace(held_object, **nothing))
    assert {"object/mesh", "object/completed"}.isdisjoint(markers)
    position = markers["object/label"].pose.position
    place = [position.x, position.y, position.z]
    np.testing.assert_allclose(place, held_object.pose[:3, 3], atol=0.03)


def test_the_bytes_are_those_of_a_general_serializer(held_object: ObjectEstimate) -> None:
    for name in ("", "a", "ab", "abc", "abcd"):  # every alignment of what follows the label
        data, _ = serialized_markers(frame(replace(held_object, name=name)), {})
        assert data == bytes(serialize(deserialize(data, MARKERS_TYPE)))
