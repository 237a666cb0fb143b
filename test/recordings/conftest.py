"""Small recordings, written with plain rosbags so that they do not share our writer's mistakes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame

COLOR = "/camera/camera/color/image_raw"
DEPTH = "/camera/camera/aligned_depth_to_color/image_raw"
INFO = "/camera/camera/color/camera_info"
FRAME_ID = "camera_color_optical_frame"
WIDTH, HEIGHT = 8, 6
TYPESTORE = get_typestore(Stores.ROS2_HUMBLE)


class Item(NamedTuple):
    """One message of a bag to be written; ``raw`` replaces its bytes."""

    topic: str
    stamp_ns: int
    message: Any
    raw: bytes | None = None


class Messages:
    """ROS messages with a header, made with rosbags alone."""

    @staticmethod
    def make(name: str, **fields: Any) -> Any:
        return TYPESTORE.types[name](**fields)

    @classmethod
    def header(cls, stamp_ns: int, frame_id: str = FRAME_ID) -> Any:
        time = cls.make(
            "builtin_interfaces/msg/Time", sec=stamp_ns // 10**9, nanosec=stamp_ns % 10**9
        )
        return cls.make("std_msgs/msg/Header", stamp=time, frame_id=frame_id)

    @classmethod
    def image(
        cls,
        stamp_ns: int,
        pixels: np.ndarray,
        encoding: str,
        *,
        padding: int = 0,
        big_endian: bool = False,
        frame_id: str = FRAME_ID,
    ) -> Any:
        order = ">" if big_endian else "<"
        ordered = np.ascontiguousarray(pixels, dtype=pixels.dtype.newbyteorder(order))
        rows = ordered.view(np.uint8).reshape(len(pixels), -1)
        padded = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
        return cls.make(
            "sensor_msgs/msg/Image",
            header=cls.header(stamp_ns, frame_id),
            height=pixels.shape[0],
            width=pixels.shape[1],
            encoding=encoding,
            is_bigendian=int(big_endian),
            step=padded.shape[1],
            data=padded.reshape(-1),
        )

    @classmethod
    def compressed(cls, stamp_ns: int, data: bytes, image_format: str) -> Any:
        return cls.make(
            "sensor_msgs/msg/CompressedImage",
            header=cls.header(stamp_ns),
            format=image_format,
            data=np.frombuffer(data, np.uint8),
        )

    @classmethod
    def camera_info(
        cls, stamp_ns: int, fx: float = 10.0, size: tuple[int, int] = (WIDTH, HEIGHT), **fields: Any
    ) -> Any:
        roi = cls.make(
            "sensor_msgs/msg/RegionOfInterest",
            **dict.fromkeys(("x_offset", "y_offset", "height", "width"), 0),
            do_rectify=False,
        )
        values = {
            "distortion_model": "plumb_bob",
            "d": np.zeros(5),
            "k": np.array([fx, 0, 4, 0, fx, 3, 0, 0, 1.0]),
            "r": np.eye(3).reshape(-1),
            "p": np.array([fx + 1, 0, 4, 0, 0, fx + 1, 3, 0, 0, 0, 1.0, 0]),
            "binning_x": 0,
            "binning_y": 0,
            "roi": roi,
            **fields,
        }
        header = cls.header(stamp_ns)
        width, height = size
        return cls.make(
            "sensor_msgs/msg/CameraInfo", header=header, width=width, height=height, **values
        )


@pytest.fixture
def messages() -> type[Messages]:
    return Messages


@pytest.fixture
def item() -> type[Item]:
    return Item


@pytest.fixture
def write_bag(tmp_path: Path) -> Callable[..., Path]:
    """Write items in the order given into a new bag and return its folder."""

    def write(
        items: Iterable[Item],
        *,
        name: str = "bag",
        storage: str = "MCAP",
        typestore: Any = TYPESTORE,
    ) -> Path:
        folder = tmp_path / name
        plugin = StoragePlugin[storage]
        with Writer(folder, version=9, storage_plugin=plugin) as writer:
            connections: dict[str, Any] = {}
            for topic, stamp_ns, message, raw in items:
                kind = message.__msgtype__
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=typestore)
                data = TYPESTORE.serialize_cdr(message, kind) if raw is None else raw
                writer.write(connections[topic], stamp_ns, data)
        return folder

    return write


@pytest.fixture
def rgbd_items() -> Callable[..., list[Item]]:
    """Raw colour, depth and one camera info of frames at these stamps; depth is stamp mm."""

    def make(
        color_ms: Iterable[int] = (100, 200, 300), depth_ms: Iterable[int] | None = None
    ) -> list[Item]:
        color_ms = list(color_ms)
        items = [Item(INFO, color_ms[0] * 10**6, Messages.camera_info(color_ms[0] * 10**6))]
        for ms in color_ms:
            rgb = np.full((HEIGHT, WIDTH, 3), (ms % 256, 1, 2), np.uint8)
            items.append(Item(COLOR, ms * 10**6, Messages.image(ms * 10**6, rgb, "rgb8")))
        for ms in color_ms if depth_ms is None else depth_ms:
            depth = np.full((HEIGHT, WIDTH), ms, np.uint16)
            items.append(Item(DEPTH, ms * 10**6, Messages.image(ms * 10**6, depth, "16UC1")))
        return sorted(items, key=lambda item: item.stamp_ns)

    return make


@pytest.fixture
def make_frame() -> Callable[..., RgbdFrame]:
    """Smooth colour (so that JPEG keeps it) and depth in whole millimetres with a hole."""

    def make(stamp_ns: int = 100, width: int = 64, height: int = 48) -> RgbdFrame:
        rows, columns = np.mgrid[0:height, 0:width]
        rgb = np.stack([columns * 3, rows * 4, np.full_like(rows, stamp_ns % 200)], axis=-1)
        depth_mm = 400 + rows * width + columns % 900
        depth_m = (np.clip(depth_mm, 400, 1900) / 1000).astype(np.float32)
        depth_m[5:9, 5:9] = np.nan
        camera = CameraIntrinsics(width, height, 60.0, 61.0, 32.0, 24.0)
        return RgbdFrame(rgb.astype(np.uint8), depth_m, camera, stamp_ns, FRAME_ID)

    return make


@pytest.fixture
def png() -> Callable[[np.ndarray], bytes]:
    def encode(pixels: np.ndarray) -> bytes:
        succeeded, data = cv2.imencode(".png", pixels)
        assert succeeded
        return data.tobytes()

    return encode
