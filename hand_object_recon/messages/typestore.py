"""The typestore that knows our messages beside those of a ROS 2 distribution."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from hand_object_recon.messages.definitions import message_definitions
from hand_object_recon.messages.vision_definitions import VISION_DEFINITIONS

Message: TypeAlias = Any
"""A message object of rosbags: its classes are generated at run time."""

RECONSTRUCTION_TYPE = "hand_object_recon/msg/Reconstruction"
TOPOLOGY_TYPE = "hand_object_recon/msg/HandTopology"
MARKERS_TYPE = "visualization_msgs/msg/MarkerArray"
TRANSFORMS_TYPE = "tf2_msgs/msg/TFMessage"
IMAGE_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE_TYPE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO_TYPE = "sensor_msgs/msg/CameraInfo"
POINT_CLOUD_TYPE = "sensor_msgs/msg/PointCloud2"
MESH_TYPE = "shape_msgs/msg/Mesh"
DETECTIONS_TYPE = "vision_msgs/msg/Detection3DArray"
DIAGNOSTICS_TYPE = "diagnostic_msgs/msg/DiagnosticArray"


@cache
def message_typestore(distribution: Stores = Stores.ROS2_JAZZY) -> Typestore:
    """Typestore of a ROS 2 distribution with our messages in it; made once.

    Raises
    ------
    DependencyError
        The ``.msg`` files are not where a checkout or an installation has them.
    """
    typestore = get_typestore(distribution)
    for type_name, text in {**VISION_DEFINITIONS, **message_definitions()}.items():
        typestore.register(get_types_from_msg(text, type_name))
    return typestore


def message_class(type_name: str) -> Any:
    """Class of a message type such as ``geometry_msgs/msg/Point``."""
    return message_typestore().types[type_name]


def new_message(type_name: str, **fields: Any) -> Message:
    """A message with all of its ``fields``; large ones are numpy arrays."""
    return message_class(type_name)(**fields)


def serialize(message: Message) -> memoryview:
    """CDR bytes of a message, as a bag stores them and a publisher sends them."""
    return message_typestore().serialize_cdr(message, message.__msgtype__)


def deserialize(data: bytes | memoryview, type_name: str) -> Message:
    """Message of the CDR bytes; its arrays are views of ``data``, not copies.

    Raises
    ------
    rosbags.serde.SerdeError
        The bytes are not a message of that type.
    """
    return message_typestore().deserialize_cdr(data, type_name)
