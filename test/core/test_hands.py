"""Boxes, detections, topologies and hand estimates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import (
    BoundingBox,
    HandDetection,
    HandEstimate,
    HandSide,
    HandSurface,
    HandTopology,
    TrackedHand,
)

BOX = BoundingBox(10.0, 20.0, 30.0, 60.0)


def estimate(**changes: object) -> HandEstimate:
    values = {
        "track_id": 1,
        "side": HandSide.RIGHT,
        "score": 0.9,
        "joints_m": np.zeros((21, 3), np.float32),
        "joint_visibility": np.ones(21, np.float32),
        "vertices_m": np.zeros((5, 3), np.float32),
        "topology": "open_hand_right",
        "wrist_pose": np.eye(4),
        "pose_rad": np.zeros(48, np.float32),
        "shape": np.zeros(10, np.float32),
    }
    return HandEstimate(**{**values, **changes})  # type: ignore[arg-type]


class TestBoundingBox:
    def test_size_and_centre(self) -> None:
        assert (BOX.width, BOX.height, BOX.center) == (20.0, 40.0, (20.0, 40.0))

    @pytest.mark.parametrize(
        "corners", [(5, 0, 5, 1), (0, 1, 1, 0), (0, 0, float("nan"), 1), (0, float("nan"), 1, 1)]
    )
    def test_a_box_without_area_is_refused(self, corners: tuple[float, ...]) -> None:
        with pytest.raises(InvalidValueError, match="its maxima must exceed its minima"):
            BoundingBox(*corners)

    def test_around_points_reaches_half_a_pixel_beyond_the_outer_pixel_centres(self) -> None:
        box = BoundingBox.around(np.array([[2.0, 5.0], [12.0, 8.0]]))

        assert box == BoundingBox(1.5, 4.5, 12.5, 8.5)

    def test_the_margin_is_a_share_of_the_longer_side(self) -> None:
        points = np.array([[2.0, 5.0], [12.0, 8.0]])

        assert BoundingBox.around(points, margin=0.2) == BoundingBox(-0.5, 2.5, 14.5, 10.5)
        assert BOX.grown(0.25) == BoundingBox(0.0, 10.0, 40.0, 70.0)

    def test_one_point_still_gives_a_box(self) -> None:
        assert BoundingBox.around(np.array([[3.0, 4.0]])) == BoundingBox(2.5, 3.5, 3.5, 4.5)

    def test_shifting_moves_both_corners(self) -> None:
        assert BOX.shifted(1.0, -2.0) == BoundingBox(11.0, 18.0, 31.0, 58.0)

    @pytest.mark.parametrize(
        ("other", "expected"),
        [
            (BOX, 1.0),
            (BoundingBox(20, 20, 40, 60), 400 / 1200),  # half of each overlaps
            (BoundingBox(15, 30, 25, 50), 200 / 800),  # lies inside
            (BoundingBox(30, 20, 50, 60), 0.0),  # shares an edge
            (BoundingBox(100, 100, 101, 101), 0.0),
            (BoundingBox(20, 100, 40, 101), 0.0),  # overlaps along one axis only
        ],
    )
    def test_intersection_over_union(self, other: BoundingBox, expected: float) -> None:
        assert BOX.intersection_over_union(other) == pytest.approx(expected)
        assert other.intersection_over_union(BOX) == pytest.approx(expected)

    def test_pixel_slices_hold_every_touched_pixel(self) -> None:
        rows, columns = BoundingBox(1.2, 2.0, 3.5, 4.0).pixel_slices(height=10, width=10)

        assert (rows, columns) == (slice(2, 5), slice(1, 5))

    def test_pixel_slices_are_cut_at_the_image(self) -> None:
        rows, columns = BoundingBox(-5.0, -5.0, 100.0, 2.0).pixel_slices(height=6, width=8)

        assert (rows, columns) == (slice(0, 3), slice(0, 8))

    def test_a_box_outside_the_image_has_no_pixels(self) -> None:
        image = np.zeros((6, 8))

        assert image[BoundingBox(20.0, 20.0, 30.0, 30.0).pixel_slices(6, 8)].size == 0
        assert image[BoundingBox(-30.0, -30.0, -20.0, -20.0).pixel_slices(6, 8)].size == 0


class TestHandDetection:
    def test_the_side_may_be_given_as_text(self) -> None:
        detection = HandDetection(side="left", score=1.0, box=BOX)  # type: ignore[arg-type]

        assert detection.side is HandSide.LEFT
        assert str(detection.side) == "left"

    def test_a_score_above_one_is_refused(self) -> None:
        with pytest.raises(InvalidValueError, match=r"detection score is 1\.2"):
            HandDetection(side=HandSide.LEFT, score=1.2, box=BOX)

    def test_keypoints_are_21_pixels(self) -> None:
        with pytest.raises(InvalidValueError, match=r"keypoints_px has shape \(20, 2\)"):
            HandDetection(HandSide.LEFT, 1.0, BOX, keypoints_px=np.zeros((20, 2)))  # type: ignore[arg-type]

    def test_keypoints_are_stored_as_float32_and_read_only(self) -> None:
        detection = HandDetection(
            HandSide.LEFT,
            1.0,
            BOX,
            keypoints_px=np.zeros((21, 2)),  # type: ignore[arg-type]
        )

        assert detection.keypoints_px is not None
        assert detection.keypoints_px.dtype == np.float32
        assert not detection.keypoints_px.flags.writeable

    def test_a_tracked_hand_has_the_side_of_its_detection(self) -> None:
        detection = HandDetection(HandSide.RIGHT, 1.0, BOX)

        assert TrackedHand(track_id=3, detection=detection).side is HandSide.RIGHT


class TestHandTopology:
    def test_a_face_beyond_the_vertices_is_refused(self) -> None:
        with pytest.raises(InvalidValueError, match="'small' name vertex 3, but there are 3"):
            HandTopology("small", 3, np.array([[0, 1, 3]], np.int32))

    def test_a_negative_vertex_number_is_refused(self) -> None:
        with pytest.raises(InvalidValueError, match="faces of topology 'small' name vertex -1"):
            HandTopology("small", 3, np.array([[0, 1, -1]], np.int32))


class TestHandEstimate:
    @pytest.mark.parametrize(
        ("name", "length"),
        [("joints_m", (20, 3)), ("pose_rad", (45,)), ("shape", (9,)), ("vertices_m", (5, 2))],
    )
    def test_an_array_of_another_shape_is_refused_by_name(
        self, name: str, length: tuple[int, ...]
    ) -> None:
        with pytest.raises(InvalidValueError, match=f"{name} has shape"):
            estimate(**{name: np.zeros(length, np.float32)})

    @pytest.mark.parametrize("name", ["joints_m", "joint_visibility", "vertices_m", "pose_rad"])
    def test_nan_never_gets_into_an_estimate(self, name: str) -> None:
        broken = np.array(getattr(estimate(), name))
        broken.flat[0] = np.nan

        with pytest.raises(InvalidValueError, match=f"{name} holds 1 values that are not finite"):
            estimate(**{name: broken})

    def test_a_confidence_of_joints_is_optional_and_of_every_joint(self) -> None:
        assert estimate().joint_confidence is None
        kept = estimate(joint_confidence=np.linspace(0.0, 1.0, 21)).joint_confidence
        assert kept is not None
        assert kept.dtype == np.float32
        with pytest.raises(InvalidValueError, match="joint_confidence has shape"):
            estimate(joint_confidence=np.ones(20))

    def test_the_wrist_pose_must_be_rigid(self) -> None:
        with pytest.raises(InvalidValueError, match="wrist_pose is not rigid"):
            estimate(wrist_pose=np.diag([1.0, 1.0, 2.0, 1.0]))

    def test_arrays_cannot_be_changed_afterwards(self) -> None:
        with pytest.raises(ValueError, match="read-only"):
            estimate().joints_m[0, 0] = 1.0

    def test_moving_moves_joints_mesh_and_wrist_alike(self) -> None:
        moved = estimate().moved(np.array([0.1, -0.2, 0.5]))

        for points in (moved.joints_m, moved.vertices_m, moved.wrist_pose[None, :3, 3]):
            np.testing.assert_allclose(points, np.broadcast_to((0.1, -0.2, 0.5), points.shape))
        np.testing.assert_array_equal(moved.wrist_pose[:3, :3], np.eye(3))

    def test_moving_moves_the_surface_too_and_leaves_its_normals(self) -> None:
        surface = HandSurface(np.zeros((3, 3)), np.array([[0, 1, 2]]), np.ones((3, 3)))

        moved = estimate(surface=surface).moved(np.array([0.1, -0.2, 0.5])).surface

        assert moved is not None
        np.testing.assert_allclose(moved.vertices_m, np.tile(np.float32([0.1, -0.2, 0.5]), (3, 1)))
        np.testing.assert_array_equal(moved.normals, surface.normals)

    def test_a_surface_has_a_normal_for_each_vertex_and_faces_of_its_own_vertices(self) -> None:
        vertices, faces = np.zeros((3, 3)), np.array([[0, 1, 2]])

        with pytest.raises(InvalidValueError, match="hand surface normals"):
            HandSurface(vertices, faces, np.zeros((2, 3)))
        with pytest.raises(InvalidValueError, match="hand surface faces"):
            HandSurface(vertices, faces + 1, vertices)

    def test_moving_leaves_the_original_where_it_was(self) -> None:
        original = estimate()

        original.moved(np.ones(3))

        assert not original.joints_m.any()
        assert not original.wrist_pose[:3, 3].any()

    def test_an_estimate_can_be_replaced_in_part(self) -> None:
        assert replace(estimate(), track_id=9).track_id == 9
