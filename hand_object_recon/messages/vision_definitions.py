"""The ``vision_msgs`` that go out, as of version 4 (Humble and later); rosbags lacks them."""

from __future__ import annotations

from typing import Final

VISION_DEFINITIONS: Final = {
    "vision_msgs/msg/ObjectHypothesis": """\
string class_id
float64 score
""",
    "vision_msgs/msg/ObjectHypothesisWithPose": """\
vision_msgs/ObjectHypothesis hypothesis
geometry_msgs/PoseWithCovariance pose
""",
    "vision_msgs/msg/BoundingBox3D": """\
geometry_msgs/Pose center
geometry_msgs/Vector3 size
""",
    "vision_msgs/msg/Detection3D": """\
std_msgs/Header header
vision_msgs/ObjectHypothesisWithPose[] results
vision_msgs/BoundingBox3D bbox
string id
""",
    "vision_msgs/msg/Detection3DArray": """\
std_msgs/Header header
vision_msgs/Detection3D[] detections
""",
}
