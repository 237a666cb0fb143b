"""Labels of vertices: fingers, segments, sides, tips and zones of contact."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.core.objects import HandPart
from hand_object_recon.geometry.mesh_normals import face_area_vectors
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.conventions import finger_joints
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.topology.adjacency import boundary_loops, mesh_adjacency
from hand_object_recon.hand_model.vertex_labels import (
    CONTACT_ZONES,
    Segment,
    VertexLabels,
    vertex_labels,
)

FINGERS = [part for part in HandPart if part is not HandPart.PALM]


@pytest.fixture(scope="module")
def labels(right: HandModel) -> VertexLabels:
    return vertex_labels(right)


@pytest.fixture(scope="module")
def vertex_areas(right: HandModel) -> np.ndarray:
    """(V,) a third of the area of each vertex's faces, m2."""
    areas = 0.5 * np.linalg.norm(face_area_vectors(right.v_template, right.faces), axis=1)
    return np.bincount(right.faces.ravel(), np.repeat(areas, 3) / 3.0, len(right.v_template))


def hangs_together(model: HandModel, members: np.ndarray) -> bool:
    adjacency = mesh_adjacency(model.faces, len(model.v_template))
    return connected_components(adjacency[members][:, members])[0] == 1


def test_the_part_is_the_one_that_moves_the_vertex_most(
    right: HandModel, labels: VertexLabels
) -> None:
    shares = [right.weights[:, list(finger_joints(name))].sum(axis=1) for name in FINGER_NAMES]
    shares.append(right.weights[:, 0])
    own = np.array(shares)[labels.part, np.arange(len(labels.part))]
    np.testing.assert_array_equal(own, np.max(shares, axis=0))


def test_every_vertex_has_a_segment_of_its_part(labels: VertexLabels) -> None:
    assert set(labels.segment) == set(Segment)
    np.testing.assert_array_equal(labels.segment == Segment.PALM, labels.part == HandPart.PALM)


def test_fingers_and_their_segments_each_hang_together(
    right: HandModel, labels: VertexLabels
) -> None:
    for part in HandPart:
        assert hangs_together(right, np.flatnonzero(labels.part == part)), part.name
    for part in FINGERS:
        for segment in list(Segment)[1:]:
            members = np.flatnonzero((labels.part == part) & (labels.segment == segment))
            assert members.size > 10
            assert hangs_together(right, members), f"{part.name} {segment.name}"


def test_each_segment_lies_around_its_bone(right: HandModel, labels: VertexLabels) -> None:
    joints = right.rest_joints_m
    for number, finger in enumerate(FINGER_NAMES):
        ends = [
            *joints[list(finger_joints(finger))],
            right.v_template[right.tip_vertices[number]],
        ]
        for segment in range(1, 4):
            members = (labels.part == number) & (labels.segment == segment)
            middle = right.v_template[members].mean(axis=0)
            bone = ends[segment] - ends[segment - 1]
            place = (middle - ends[segment - 1]) @ bone / (bone @ bone)
            assert 0.1 < place < 0.9, f"{finger} {segment}"


def test_the_palm_side_of_the_right_hand_faces_down_and_its_back_up(
    right: HandModel, labels: VertexLabels
) -> None:
    """The rest frame has the palm to -y; the thumb, which is turned, is left out."""
    area_vectors = face_area_vectors(right.v_template, right.faces)
    faces_up = area_vectors[:, 1] / np.linalg.norm(area_vectors, axis=1)
    is_thumb = (labels.part[right.faces] == HandPart.THUMB).any(axis=1)
    for is_side, sign in ((labels.is_palmar, -1.0), (~labels.is_palmar, 1.0)):
        on_side = is_side[right.faces].all(axis=1) & ~is_thumb
        assert (sign * faces_up[on_side] > -0.35).all()
    assert 0.4 < labels.is_palmar.mean() < 0.6


def test_the_pad_of_the_thumb_looks_towards_the_fingers(
    right: HandModel, labels: VertexLabels
) -> None:
    pad = right.v_template[labels.contact_vertices()["thumb"]].mean(axis=0)
    is_nail_side = labels.is_tip & ~labels.is_palmar & (labels.part == HandPart.THUMB)
    nail = right.v_template[is_nail_side].mean(axis=0)
    palm = right.v_template[labels.contact_vertices()["palm"]].mean(axis=0)
    assert np.linalg.norm(pad - palm) < np.linalg.norm(nail - palm)


def test_tips_hold_the_tip_vertices_and_stay_small(
    right: HandModel, labels: VertexLabels, vertex_areas: np.ndarray
) -> None:
    for number, tip in enumerate(right.tip_vertices):
        members = labels.is_tip & (labels.part == number)
        assert members[tip]
        assert hangs_together(right, np.flatnonzero(members))
        assert 2e-4 < vertex_areas[members].sum() < 1.5e-3


def test_the_rim_is_the_open_end_of_the_mesh(right: HandModel, labels: VertexLabels) -> None:
    (loop,) = boundary_loops(right.faces)
    np.testing.assert_array_equal(np.flatnonzero(labels.is_wrist_rim), np.sort(loop))


def test_each_pad_is_on_the_palm_side_of_its_finger_s_end(labels: VertexLabels) -> None:
    zones = labels.contact_vertices()
    assert tuple(zones) == CONTACT_ZONES
    for number, finger in enumerate(FINGER_NAMES):
        members = zones[finger]
        assert members.size >= 4
        assert (labels.part[members] == number).all()
        assert (labels.segment[members] == Segment.DISTAL).all()
        assert labels.is_palmar[members].all()


def test_the_palm_s_zone_is_on_the_palm_side_between_wrist_and_webs(
    right: HandModel, labels: VertexLabels, vertex_areas: np.ndarray
) -> None:
    members = labels.contact_vertices()["palm"]
    assert labels.is_palmar[members].all()
    assert np.isin(labels.segment[members], [Segment.PALM, Segment.PROXIMAL]).all()
    assert (right.v_template[members] @ [-1.0, 0.0, 0.0]).min() > -right.rest_joints_m[0, 0]
    assert 1e-3 < vertex_areas[members].sum() < 8e-3


def test_the_left_hand_has_the_labels_of_the_right(left: HandModel, labels: VertexLabels) -> None:
    of_left = vertex_labels(left)
    for name in vars(labels):
        np.testing.assert_array_equal(getattr(of_left, name), getattr(labels, name), err_msg=name)


def test_labels_do_not_depend_on_the_frame_of_the_rest_pose(
    right: HandModel, labels: VertexLabels
) -> None:
    turn = np.float32(axis_angle_to_matrix(np.array([0.4, -1.3, 2.0])))
    turned = replace(
        right, v_template=right.v_template @ turn.T, joint_axes=right.joint_axes @ turn.T
    )
    for name, values in vars(vertex_labels(turned)).items():
        assert (values == getattr(labels, name)).mean() > 0.995, name


def test_labels_do_not_depend_on_the_numbers_of_the_vertices(
    right: HandModel, labels: VertexLabels
) -> None:
    count = len(right.v_template)
    order = np.random.default_rng(7).permutation(count)
    place = np.argsort(order).astype(np.int32)
    shuffled = replace(
        right,
        v_template=right.v_template[order],
        faces=place[right.faces],
        shapedirs=right.shapedirs[order],
        posedirs=right.posedirs[order],
        joint_regressor=right.joint_regressor[:, order],
        weights=right.weights[order],
        tip_vertices=place[right.tip_vertices],
    )
    for name, values in vars(vertex_labels(shuffled)).items():
        assert (values == getattr(labels, name)[order]).mean() > 0.995, name


def test_labels_are_made_once_and_cannot_be_written_to(
    right: HandModel, labels: VertexLabels
) -> None:
    assert vertex_labels(right) is labels
    with pytest.raises(ValueError, match="read-only"):
        labels.part[0] = 3
