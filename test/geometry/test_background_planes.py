"""Tables and walls are found, small faces of things are not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.keypoints import MIDDLE_MCP, WRIST
from hand_object_recon.geometry.background_planes import BackgroundPlanes, arm_box

Array = NDArray[Any]

CAMERA = CameraIntrinsics(640, 480, 600.0, 600.0, 319.5, 239.5)


def frame_of(depth_m: Array, stamp_ns: int = 0) -> RgbdFrame:
    noisy = depth_m + np.random.default_rng(0).normal(0, 0.001, depth_m.shape)
    rgb = np.zeros((480, 640, 3), dtype=np.uint8)
    return RgbdFrame(rgb, noisy.astype(np.float32), CAMERA, stamp_ns, "camera")


def table_and_wall_m(table_m: float) -> Array:
    rows = np.repeat(np.arange(480)[:, None], 640, axis=1)
    slope = np.maximum((rows - 239.5) / 600.0, 1e-6)
    return np.minimum(table_m / slope, 1.5)


def test_a_table_and_a_wall_are_found_with_normals_towards_the_camera() -> None:
    found = BackgroundPlanes()
    found.update(frame_of(table_and_wall_m(0.3)), [])

    normals = found.planes[np.argsort(found.planes[:, 2])]  # wall first: it faces the camera
    np.testing.assert_allclose(normals[0], [0, 0, -1, 1.5], atol=0.02)
    np.testing.assert_allclose(normals[1], [0, -1, 0, 0.3], atol=0.01)


def test_a_face_of_a_thing_is_no_background() -> None:
    depth = np.full((480, 640), np.nan)
    depth[140:340, 220:420] = 0.6
    found = BackgroundPlanes()
    found.update(frame_of(depth), [])

    assert len(found.planes) == 0


def test_planes_are_kept_and_looked_for_anew_after_half_a_second() -> None:
    found = BackgroundPlanes()
    found.update(frame_of(table_and_wall_m(0.3)), [])
    found.update(frame_of(table_and_wall_m(0.4), 300_000_000), [])
    kept = np.sort(found.planes[:, 3])
    found.update(frame_of(table_and_wall_m(0.4), 600_000_000), [])

    np.testing.assert_allclose(kept, [0.3, 1.5], atol=0.02)
    np.testing.assert_allclose(np.sort(found.planes[:, 3]), [0.4, 1.5], atol=0.02)


def test_after_a_reset_there_is_none() -> None:
    found = BackgroundPlanes()
    found.update(frame_of(table_and_wall_m(0.3)), [])
    found.reset()

    assert len(found.planes) == 0


def test_a_forearm_is_no_background_where_the_hand_is_known() -> None:
    depth = np.full((480, 640), 1.5)
    depth[180:300, 180:560] = 0.6  # 38 cm of arm and hand
    keypoints_px = np.random.default_rng(1).uniform((450.0, 190.0), (555.0, 290.0), (21, 2))
    keypoints_px[WRIST], keypoints_px[MIDDLE_MCP] = (440.0, 240.0), (520.0, 240.0)

    unaware, aware = BackgroundPlanes(), BackgroundPlanes()
    unaware.update(frame_of(depth), [])
    aware.update(frame_of(depth), [arm_box(keypoints_px)])

    np.testing.assert_allclose(np.sort(unaware.planes[:, 3]), [0.6, 1.5], atol=0.02)
    np.testing.assert_allclose(aware.planes[:, 3], [1.5], atol=0.02)
