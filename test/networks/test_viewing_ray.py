"""The rotation between what a camera sees and what a crop aside of its middle shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.geometry.projection import project
from hand_object_recon.networks.hand_crop import HandCrop
from hand_object_recon.networks.viewing_ray import crop_slopes, ray_rotation

CAMERA = CameraIntrinsics(640, 480, 500.0, 520.0, 310.0, 250.0)


@pytest.mark.parametrize("slopes", [(0.0, 0.0), (0.4, -0.2), (-0.7, 0.0), (1e-9, 0.0)])
def test_the_axis_is_turned_to_the_ray_by_the_smallest_angle(slopes: tuple[float, float]) -> None:
    ray = np.array([*slopes, 1.0])
    oracle, _ = Rotation.align_vectors(ray[None], [[0.0, 0.0, 1.0]])
    found = Rotation.from_matrix(ray_rotation(np.array(slopes)))
    np.testing.assert_allclose(found.apply([0, 0, 1]), ray / np.linalg.norm(ray), atol=1e-9)
    assert found.magnitude() == pytest.approx(oracle.magnitude(), abs=1e-9)
    assert found.as_rotvec()[2] == pytest.approx(0.0, abs=1e-9)


def test_slopes_are_those_of_the_point_that_projects_into_the_crop_s_middle() -> None:
    point = np.array([0.2, -0.1, 0.8])
    center = project(point, CAMERA)
    crop = HandCrop((float(center[0]), float(center[1])), 100.0)
    middle, per_edge = crop_slopes(crop, CAMERA)
    np.testing.assert_allclose(middle, point[:2] / point[2])
    beside = project(np.append((middle + per_edge) * 0.8, 0.8), CAMERA)
    np.testing.assert_allclose(beside - center, [100.0, 100.0])


def test_a_mirrored_crop_has_the_rotation_of_the_mirror_image() -> None:
    crop = HandCrop((400.0, 200.0), 100.0)
    plain, mirrored = (
        ray_rotation(crop_slopes(one, CAMERA)[0]) for one in (crop, replace(crop, is_mirrored=True))
    )
    mirror = np.diag([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(mirrored, mirror @ plain @ mirror, atol=1e-12)
