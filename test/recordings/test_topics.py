"""The right topics are found in recordings of the usual cameras."""

from __future__ import annotations

import pytest

from hand_object_recon.core.errors import RecordingError
from hand_object_recon.core.stream_settings import RecordingSettings
from hand_object_recon.recordings.bag import BagTopic
from hand_object_recon.recordings.topics import choose_topics

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED = "sensor_msgs/msg/CompressedImage"
INFO = "sensor_msgs/msg/CameraInfo"
KINDS = {"image": IMAGE, "compressed": COMPRESSED, "info": INFO, "tf": "tf2_msgs/msg/TFMessage"}

REALSENSE = """
/camera/camera/aligned_depth_to_color/camera_info info
/camera/camera/aligned_depth_to_color/image_raw image
/camera/camera/color/camera_info info
/camera/camera/color/image_raw image
/camera/camera/depth/camera_info info
/camera/camera/depth/image_rect_raw image
/camera/camera/infra1/image_rect_raw image
/tf_static tf
"""
REALSENSE_COMPRESSED = """
/camera/camera/color/image_raw/compressed compressed
/camera/camera/aligned_depth_to_color/image_raw/compressed compressed
/camera/camera/aligned_depth_to_color/image_raw/compressedDepth compressed
/camera/camera/color/camera_info info
"""
AZURE_KINECT = """
/depth/camera_info info
/depth/image_raw image
/depth_to_rgb/camera_info info
/depth_to_rgb/image_raw image
/ir/image_raw image
/rgb/camera_info info
/rgb/image_raw image
/rgb_to_depth/image_raw image
"""
OPENNI = """
/camera/depth/image_raw image
/camera/depth_registered/image_raw image
/camera/rgb/camera_info info
/camera/rgb/image_rect_color image
"""
ORBBEC = """
/camera/color/camera_info info
/camera/color/image_raw image
/camera/color/image_raw/compressed compressed
/camera/depth/camera_info info
/camera/depth/image_raw image
/camera/depth/image_raw/compressedDepth compressed
/camera/left_ir/image_raw image
/camera/ir/camera_info info
"""
ZED = """
/zed/zed_node/confidence/confidence_map image
/zed/zed_node/depth/depth_registered image
/zed/zed_node/depth/camera_info info
/zed/zed_node/rgb/image_rect_color image
/zed/zed_node/rgb/camera_info info
"""


def topics(text: str, count: int = 30) -> list[BagTopic]:
    return [
        BagTopic(name, KINDS[kind], count)
        for name, kind in (line.split() for line in text.split("\n") if line)
    ]


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (
            REALSENSE,
            (
                "/camera/camera/color/image_raw",
                "/camera/camera/aligned_depth_to_color/image_raw",
                "/camera/camera/color/camera_info",
            ),
        ),
        (
            REALSENSE_COMPRESSED,
            (
                "/camera/camera/color/image_raw/compressed",
                "/camera/camera/aligned_depth_to_color/image_raw/compressedDepth",
                "/camera/camera/color/camera_info",
            ),
        ),
        (AZURE_KINECT, ("/rgb/image_raw", "/depth_to_rgb/image_raw", "/rgb/camera_info")),
        (
            OPENNI,
            (
                "/camera/rgb/image_rect_color",
                "/camera/depth_registered/image_raw",
                "/camera/rgb/camera_info",
            ),
        ),
        (
            ORBBEC,
            ("/camera/color/image_raw", "/camera/depth/image_raw", "/camera/color/camera_info"),
        ),
        (
            ZED,
            (
                "/zed/zed_node/rgb/image_rect_color",
                "/zed/zed_node/depth/depth_registered",
                "/zed/zed_node/rgb/camera_info",
            ),
        ),
    ],
    ids=["realsense", "realsense_compressed", "azure_kinect", "openni", "orbbec", "zed"],
)
def test_topics_are_found_by_type_and_name(recorded: str, expected: tuple[str, ...]) -> None:
    choice = choose_topics(topics(recorded), RecordingSettings())
    assert choice.names == expected
    assert all(name in choice.description for name in expected)
    assert "\n" not in choice.description


def test_the_order_of_the_topics_does_not_matter() -> None:
    available = topics(AZURE_KINECT)
    assert choose_topics(available[::-1], RecordingSettings()) == choose_topics(
        available, RecordingSettings()
    )


def test_depth_and_camera_info_come_from_the_camera_of_the_colour_image() -> None:
    both = topics(REALSENSE.replace("/camera/camera", "/left_arm/cam")) + topics(REALSENSE)
    settings = RecordingSettings(color_topic="/left_arm/cam/color/image_raw")
    choice = choose_topics(both, settings)
    assert all(name.startswith("/left_arm/cam/") for name in choice.names)


def test_a_topic_without_messages_or_with_a_few_is_passed_over() -> None:
    available = [
        BagTopic("/camera/color/image_raw", IMAGE, 2),
        *topics("/camera/color/image_raw/compressed compressed"),
        BagTopic("/camera/aligned_depth_to_color/image_raw", IMAGE, 0),
        *topics("/camera/depth/image_raw image"),
        *topics("/camera/color/camera_info info"),
    ]
    choice = choose_topics(available, RecordingSettings())
    assert choice.names[:2] == ("/camera/color/image_raw/compressed", "/camera/depth/image_raw")


def test_given_topics_go_before_found_ones() -> None:
    settings = RecordingSettings(
        color_topic="/camera/camera/infra1/image_rect_raw",
        depth_topic="/camera/camera/depth/image_rect_raw",
        camera_info_topic="/camera/camera/depth/camera_info",
    )
    assert choose_topics(topics(REALSENSE), settings).names == (
        settings.color_topic,
        settings.depth_topic,
        settings.camera_info_topic,
    )


@pytest.mark.parametrize(
    ("left_out", "setting"),
    [
        ("/camera/camera/color/image_raw image", "recording.color_topic"),
        ("depth", "recording.depth_topic"),
        ("info", "recording.camera_info_topic"),
    ],
)
def test_a_missing_topic_is_an_error_with_the_setting_and_what_there_is(
    left_out: str, setting: str
) -> None:
    lines = [line for line in REALSENSE.split("\n") if left_out not in line]
    with pytest.raises(RecordingError) as error:
        choose_topics(topics("\n".join(lines)), RecordingSettings())
    assert setting in str(error.value)
    assert "/camera/camera/infra1/image_rect_raw (sensor_msgs/msg/Image)" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_calibration_of_unaligned_depth_is_not_taken_for_the_colour_camera() -> None:
    available = topics(
        "/c/color/image_raw image\n/c/depth/image_raw image\n/c/depth/camera_info info"
    )
    with pytest.raises(RecordingError, match=r"recording\.camera_info_topic"):
        choose_topics(available, RecordingSettings())


def test_a_given_topic_that_is_not_there_is_answered_with_close_ones() -> None:
    settings = RecordingSettings(color_topic="/camera/color/image_raw")
    with pytest.raises(RecordingError, match=r"color_topic is '/camera/color/image_raw'") as error:
        choose_topics(topics(REALSENSE), settings)
    assert "close are /camera/camera/color/image_raw" in str(error.value)


def test_a_given_topic_unlike_any_is_answered_with_all() -> None:
    with pytest.raises(RecordingError, match=r"there are /camera.*/tf_static"):
        choose_topics(topics(REALSENSE), RecordingSettings(color_topic="xyz"))


def test_a_given_topic_of_another_type_is_refused() -> None:
    settings = RecordingSettings(depth_topic="/tf_static")
    with pytest.raises(RecordingError, match=r"whose type is tf2_msgs/msg/TFMessage"):
        choose_topics(topics(REALSENSE), settings)


def test_a_given_topic_without_messages_is_refused() -> None:
    available = [*topics(REALSENSE), BagTopic("/other/color", IMAGE, 0)]
    with pytest.raises(RecordingError, match="'/other/color', which holds no message"):
        choose_topics(available, RecordingSettings(color_topic="/other/color"))


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        (AZURE_KINECT, "/depth_to_rgb/camera_info"),
        (AZURE_KINECT.replace("/depth_to_rgb/image_raw image\n", ""), "/depth/camera_info"),
        (ORBBEC, "/camera/depth/camera_info"),
        (OPENNI, None),
        ("/cam/color image\n/cam/depth image\n/cam/camera_info info", None),
    ],
    ids=["aligned", "unaligned", "orbbec", "none", "that_of_colour"],
)
def test_the_depth_cameras_calibration_is_the_one_beside_its_image(
    recorded: str, expected: str | None
) -> None:
    found = choose_topics(topics(recorded), RecordingSettings()).depth_camera_info
    assert (found and found.name) == expected


def test_extrinsics_are_those_of_the_depth_camera() -> None:
    driver = [
        BagTopic(f"{camera}/extrinsics/{name}", "realsense2_camera_msgs/msg/Extrinsics", 1)
        for camera in ("/camera/camera", "/other")
        for name in ("depth_to_color", "depth_to_infra1")
    ]
    choice = choose_topics([*topics(REALSENSE), *driver, *topics("/tf tf")], RecordingSettings())
    assert [topic.name for topic in choice.extrinsics] == [
        "/tf_static",
        "/camera/camera/extrinsics/depth_to_color",
    ]
