"""Depth of a camera of its own comes out in the colour camera's pixels, or is refused in a line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from scipy.spatial.transform import Rotation

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.stream_settings import DepthSettings, RecordingSettings
from hand_object_recon.recordings.reader import BadFrame, RgbdRecording

COLOR = "/camera/color/image_raw"
COLOR_INFO = "/camera/color/camera_info"
DEPTH = "/camera/depth/image_raw"
DEPTH_INFO = "/camera/depth/camera_info"
DRIVER = "/camera/extrinsics/depth_to_color"
COLOR_FRAME, DEPTH_FRAME = "color_optical", "depth_optical"
STAMP_NS = 10**9

COLOR_CAMERA = CameraIntrinsics(640, 360, 455.0, 456.0, 322.0, 181.0)
DEPTH_CAMERA = CameraIntrinsics(320, 288, 252.0, 252.0, 160.5, 143.0)
BENT_DEPTH_CAMERA = replace(
    DEPTH_CAMERA, distortion_model="plumb_bob", distortion=(-0.2, 0.05, 0.001, -0.001, 0.0)
)
BENT_COLOR_CAMERA = replace(
    COLOR_CAMERA, distortion_model="plumb_bob", distortion=(0.1, -0.05, 0.0, 0.0, 0.0)
)
ROTATION = Rotation.from_euler("xyz", (5.0, -2.0, 1.0), degrees=True)
OFFSET_M = (-0.032, -0.002, 0.004)

SPHERE_M, SPHERE_RADIUS_M = np.array([0.02, -0.01, 0.5]), 0.08
WALL_M = 1.1


def depth_to_color() -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = ROTATION.as_matrix()
    pose[:3, 3] = OFFSET_M
    return pose


def cast(camera: CameraIntrinsics, world_from_camera: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) depth of a wall and a sphere in metres, and whether it is the sphere's."""
    columns, rows = np.meshgrid(np.arange(camera.width), np.arange(camera.height))
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 1, 2).astype(float)
    lens = np.array(camera.distortion) if camera.is_distorted else None
    places = cv2.undistortPoints(pixels, camera.matrix, lens).reshape(*rows.shape, 2)
    rays = np.dstack([places, np.ones(rows.shape)]) @ world_from_camera[:3, :3].T
    eye = world_from_camera[:3, 3]
    wall = (WALL_M - eye[2]) / rays[..., 2]
    along = rays @ (SPHERE_M - eye)
    squared = (rays**2).sum(-1)
    gap = along**2 - squared * (((SPHERE_M - eye) ** 2).sum() - SPHERE_RADIUS_M**2)
    with np.errstate(invalid="ignore"):
        sphere = (along - np.sqrt(gap)) / squared
    is_sphere = gap > 0
    return np.where(is_sphere, sphere, wall), is_sphere


@pytest.fixture
def scene_items(messages: Any, item: Any) -> Any:
    """The scene as both cameras see it, with calibration but no transform, less one topic."""

    def make(
        depth_camera: CameraIntrinsics = DEPTH_CAMERA,
        color_camera: CameraIntrinsics = COLOR_CAMERA,
        *,
        without: str = "",
        depth_frame: str = DEPTH_FRAME,
    ) -> list[Any]:
        depth_m, _ = cast(depth_camera, np.eye(4))
        size = (color_camera.height, color_camera.width, 3)
        images = {
            COLOR: messages.image(STAMP_NS, np.full(size, 90, np.uint8), "rgb8"),
            DEPTH: messages.image(
                STAMP_NS, depth_m.astype(np.float32), "32FC1", frame_id=depth_frame
            ),
            COLOR_INFO: camera_info(messages, color_camera),
            DEPTH_INFO: camera_info(messages, depth_camera),
        }
        images[COLOR].header = messages.header(STAMP_NS, COLOR_FRAME)
        images[DEPTH_INFO].header = messages.header(STAMP_NS, depth_frame)
        return [item(name, STAMP_NS, one) for name, one in images.items() if name != without]

    return make


def camera_info(messages: Any, camera: CameraIntrinsics) -> Any:
    return messages.camera_info(
        STAMP_NS,
        size=(camera.width, camera.height),
        k=camera.matrix.reshape(-1),
        distortion_model="plumb_bob",
        d=np.array(camera.distortion or (0.0,) * 5),
    )


def transforms(messages: Any, *links: tuple[str, str, np.ndarray]) -> Any:
    """A TFMessage of (parent, child, pose of the child in the parent's frame)."""

    def stamped(parent: str, child: str, pose: np.ndarray) -> Any:
        x, y, z, w = Rotation.from_matrix(pose[:3, :3]).as_quat().tolist()
        tx, ty, tz = pose[:3, 3].tolist()
        return messages.make(
            "geometry_msgs/msg/TransformStamped",
            header=messages.header(STAMP_NS, parent),
            child_frame_id=child,
            transform=messages.make(
                "geometry_msgs/msg/Transform",
                translation=messages.make("geometry_msgs/msg/Vector3", x=tx, y=ty, z=tz),
                rotation=messages.make("geometry_msgs/msg/Quaternion", x=x, y=y, z=z, w=w),
            ),
        )

    return messages.make("tf2_msgs/msg/TFMessage", transforms=[stamped(*link) for link in links])


def tree(messages: Any) -> Any:
    """Both cameras on a link between them, as drivers publish them."""
    link_to_color = np.eye(4)
    link_to_color[:3, :3] = Rotation.from_euler("y", 90, degrees=True).as_matrix()
    link_to_color[:3, 3] = (0.1, 0.2, 0.3)
    return transforms(
        messages,
        ("camera_link", COLOR_FRAME, link_to_color),
        ("/camera_link", "/" + DEPTH_FRAME, link_to_color @ depth_to_color()),
    )


def with_tree(items: list[Any], item: Any, messages: Any) -> list[Any]:
    return [item("/tf_static", 0, tree(messages)), *items]


def read(path: Path, **settings: Any) -> tuple[RgbdFrame, tuple[str, ...]]:
    with RgbdRecording(path, RecordingSettings(**settings)) as recording:
        (frame,) = recording.frames()
        assert isinstance(frame, RgbdFrame), frame
        return frame, recording.warnings


def assert_sees_the_scene(frame: RgbdFrame, size: tuple[int, int] = (640, 360)) -> None:
    """The sphere and the wall where the colour camera has them, to 1 mm and 2 pixels."""
    camera = frame.camera
    assert not camera.is_distorted
    assert (camera.width, camera.height) == size
    truth_m, is_sphere = cast(camera, np.linalg.inv(depth_to_color()))
    error_m = np.abs(frame.depth_m - truth_m)
    solid = is_sphere.astype(np.uint8)
    inner = cv2.erode(solid, np.ones((5, 5), np.uint8)).astype(bool)
    outer = cv2.dilate(solid, np.ones((5, 5), np.uint8)).astype(bool)
    assert np.nanmedian(error_m[inner]) < 1e-3
    assert np.nanmedian(error_m[~outer]) < 1e-3
    looks_near = frame.depth_m < 0.7
    assert looks_near[inner].all(), "the sphere is too small or has holes"
    assert not looks_near[~outer].any(), "the sphere is too big"
    assert np.isfinite(frame.depth_m).mean() > 0.5


@pytest.mark.parametrize("depth_camera", [DEPTH_CAMERA, BENT_DEPTH_CAMERA], ids=["plain", "bent"])
@pytest.mark.parametrize("color_camera", [COLOR_CAMERA, BENT_COLOR_CAMERA], ids=["plain", "bent"])
def test_two_cameras_on_a_tree_of_static_frames_see_one_scene(
    *,
    write_bag: Any,
    scene_items: Any,
    messages: Any,
    item: Any,
    depth_camera: CameraIntrinsics,
    color_camera: CameraIntrinsics,
) -> None:
    path = write_bag(with_tree(scene_items(depth_camera, color_camera), item, messages))
    frame, warnings = read(path)
    assert_sees_the_scene(frame)
    assert (frame.frame_id, frame.stamp_ns) == (COLOR_FRAME, STAMP_NS)
    assert (
        f"{DEPTH} is not aligned to colour: it is registered from frame 'depth_optical' to "
        "'color_optical' with /tf_static"
    ) in warnings


def plain_file(path: Path) -> Path:
    x, y, z, w = ROTATION.as_quat().tolist()
    path.write_text(
        "transforms:\n"
        f"  - parent: {COLOR_FRAME}\n"
        f"    child: {DEPTH_FRAME}\n"
        f"    translation: {list(OFFSET_M)}\n"
        f"    rotation: [{x}, {y}, {z}, {w}]\n"
    )
    return path


def echoed_file(path: Path) -> Path:
    x, y, z, w = ROTATION.inv().as_quat().tolist()
    tx, ty, tz = (-ROTATION.inv().apply(OFFSET_M)).tolist()
    path.write_text(
        "transforms:\n- header:\n    stamp:\n      sec: 1\n      nanosec: 0\n"
        f"    frame_id: {DEPTH_FRAME}\n  child_frame_id: {COLOR_FRAME}\n  transform:\n"
        f"    translation:\n      x: {tx}\n      y: {ty}\n      z: {tz}\n"
        f"    rotation:\n      x: {x}\n      y: {y}\n      z: {z}\n      w: {w}\n---\n"
    )
    return path


@pytest.mark.parametrize("write_file", [plain_file, echoed_file])
def test_a_file_tells_the_transform_and_goes_before_the_recording(
    *, write_bag: Any, scene_items: Any, messages: Any, item: Any, tmp_path: Path, write_file: Any
) -> None:
    file = write_file(tmp_path / "cameras.yaml")
    wrong = transforms(messages, (COLOR_FRAME, DEPTH_FRAME, np.eye(4)))
    path = write_bag([item("/tf_static", 0, wrong), *scene_items()])
    frame, warnings = read(path, extrinsics_file=str(file))
    assert_sees_the_scene(frame)
    assert f"with {file}" in warnings[0]


def test_the_last_transform_of_a_frame_counts(
    write_bag: Any, scene_items: Any, messages: Any, item: Any
) -> None:
    wrong = transforms(messages, ("camera_link", DEPTH_FRAME, np.eye(4)))
    items = [item("/tf_static", 0, wrong), item("/tf_static", 1, tree(messages)), *scene_items()]
    assert_sees_the_scene(read(write_bag(items))[0])


def test_the_realsense_drivers_extrinsics_are_used_where_frames_are_not_joined(
    write_bag: Any, scene_items: Any, item: Any
) -> None:
    name = "realsense2_camera_msgs/msg/Extrinsics"
    store = get_typestore(Stores.ROS2_HUMBLE)
    store.register(get_types_from_msg("float64[9] rotation\nfloat64[3] translation", name))
    by_columns = ROTATION.as_matrix().T.reshape(-1)
    message = store.types[name](rotation=by_columns, translation=np.array(OFFSET_M))
    raw = bytes(store.serialize_cdr(message, name))
    path = write_bag([item(DRIVER, 0, message, raw), *scene_items()], typestore=store)
    frame, warnings = read(path)
    assert_sees_the_scene(frame)
    assert f"with {DRIVER}" in warnings[0]


def test_a_smaller_image_in_the_colour_frame_needs_no_transform(
    write_bag: Any, scene_items: Any
) -> None:
    half = CameraIntrinsics(320, 180, 227.5, 228.0, 160.75, 90.25)
    frame, warnings = read(write_bag(scene_items(half, depth_frame=COLOR_FRAME)))
    truth_m, is_sphere = cast(COLOR_CAMERA, np.eye(4))
    assert np.nanmedian(np.abs(frame.depth_m - truth_m)[is_sphere]) < 1e-3
    assert "with no transform" in warnings[0]


def refusal(path: Path, **settings: Any) -> str:
    with pytest.raises(RecordingError) as error:
        RgbdRecording(path, RecordingSettings(**settings))
    text = str(error.value)
    assert "\n" not in text
    assert f"{DEPTH} (320x288, frame 'depth_optical') is not aligned to colour" in text
    return text


def test_without_the_depth_cameras_calibration_it_is_refused(
    write_bag: Any, scene_items: Any, messages: Any, item: Any
) -> None:
    path = write_bag(with_tree(scene_items(without=DEPTH_INFO), item, messages))
    text = refusal(path)
    assert "no CameraInfo of the depth camera" in text
    assert "recording.depth_camera_info_topic" in text


def test_a_calibration_of_another_name_is_given_by_its_setting(
    write_bag: Any, scene_items: Any, messages: Any, item: Any
) -> None:
    items = [
        one._replace(topic="/calibration") if one.topic == DEPTH_INFO else one
        for one in scene_items()
    ]
    path = write_bag(with_tree(items, item, messages))
    refusal(path)
    assert_sees_the_scene(read(path, depth_camera_info_topic="/calibration")[0])
    with pytest.raises(RecordingError, match=r"recording\.depth_camera_info_topic is '/calib'"):
        RgbdRecording(path, RecordingSettings(depth_camera_info_topic="/calib"))


def test_without_a_transform_it_is_refused_with_both_frames_and_the_known_ones(
    write_bag: Any, scene_items: Any, messages: Any, item: Any
) -> None:
    nothing = refusal(write_bag(scene_items(), name="nothing"))
    assert "no transforms join frame 'depth_optical' to 'color_optical'" in nothing
    assert "has no /tf_static, and recording.extrinsics_file is empty; record" in nothing
    half = transforms(messages, ("camera_link", DEPTH_FRAME, np.eye(4)))
    path = write_bag([item("/tf_static", 0, half), *scene_items()], name="half")
    assert "(known frames: camera_link, depth_optical) in /tf_static" in refusal(path)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("a: [", "not valid YAML"),
        ("transforms: []", "holds no transform"),
        ("links: []", "parent, child, translation"),
        (
            "transforms: [{parent: a, child: b, translation: [0, 0], rotation: [0, 0, 0, 1]}]",
            r"transforms\.0\.translation\.2 is",
        ),
        (
            "transforms: [{parent: a, child: b, translation: [0, 0, 0], rotation: [0, 0, 0, 0]}]",
            "must be a quaternion",
        ),
        (
            "transforms: [{parent: a, child: b, translation: [0, 0, 0], rotation: [0, 0, 0, 1]}]",
            r"known frames: a, b\) in extrinsics file",
        ),
        ("transforms: [{child_frame_id: b}]", "lacks 'transform'"),
    ],
)
def test_an_extrinsics_file_that_does_not_help_is_refused(
    *, write_bag: Any, scene_items: Any, tmp_path: Path, text: str | None, words: str
) -> None:
    file = tmp_path / "cameras.yaml"
    if text is not None:
        file.write_text(text)
    path = write_bag(scene_items())
    with pytest.raises(RecordingError, match=words) as error:
        RgbdRecording(path, RecordingSettings(extrinsics_file=str(file)))
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_the_user_may_overrule_what_is_found(
    write_bag: Any, scene_items: Any, rgbd_items: Any, messages: Any, item: Any
) -> None:
    path = write_bag(with_tree(scene_items(), item, messages), name="apart")
    with RgbdRecording(path, RecordingSettings(depth_alignment="aligned")) as recording:
        (frame,) = recording.frames()
    assert isinstance(frame, BadFrame)
    assert f"{DEPTH} is 320x288 but {COLOR} is 640x360" in frame.reason
    path = write_bag(rgbd_items(), name="aligned")
    with pytest.raises(RecordingError, match="no CameraInfo of the depth camera"):
        RgbdRecording(path, RecordingSettings(depth_alignment="register"))


def test_a_calibration_of_another_size_is_a_bad_frame(
    write_bag: Any, scene_items: Any, messages: Any, item: Any
) -> None:
    items = scene_items(without=DEPTH_INFO)
    info = camera_info(messages, replace(DEPTH_CAMERA, width=640))
    path = write_bag(with_tree([item(DEPTH_INFO, STAMP_NS, info), *items], item, messages))
    with RgbdRecording(path) as recording:
        (frame,) = recording.frames()
    assert isinstance(frame, BadFrame)
    assert f"{DEPTH_INFO} tells of 640x288 but {DEPTH} is 320x288" in frame.reason


def test_limits_count_before_registration(
    write_bag: Any, scene_items: Any, messages: Any, item: Any
) -> None:
    path = write_bag(with_tree(scene_items(), item, messages))
    with RgbdRecording(path, depth_settings=DepthSettings(max_m=0.8)) as recording:
        (frame,) = recording.frames()
    assert np.nanmax(frame.depth_m) < 0.7
