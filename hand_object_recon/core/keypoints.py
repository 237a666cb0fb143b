"""The 21 hand keypoints every part of the program speaks of, in one order.

Wrist, then thumb, index, middle, ring and pinky, four each, the tip last. It is the order of
OpenPose, FreiHAND, DexYCB and MediaPipe.
"""

from __future__ import annotations

from typing import Final

KEYPOINT_NAMES: Final[tuple[str, ...]] = (
    "wrist",
    "thumb_cmc",
    "thumb_mcp",
    "thumb_ip",
    "thumb_tip",
    "index_mcp",
    "index_pip",
    "index_dip",
    "index_tip",
    "middle_mcp",
    "middle_pip",
    "middle_dip",
    "middle_tip",
    "ring_mcp",
    "ring_pip",
    "ring_dip",
    "ring_tip",
    "pinky_mcp",
    "pinky_pip",
    "pinky_dip",
    "pinky_tip",
)
KEYPOINT_COUNT: Final = len(KEYPOINT_NAMES)

WRIST: Final = 0
MIDDLE_MCP: Final = 9
FINGER_NAMES: Final[tuple[str, ...]] = ("thumb", "index", "middle", "ring", "pinky")
KNUCKLES: Final[tuple[int, ...]] = (5, 9, 13, 17)
FINGERTIPS: Final[tuple[int, ...]] = (4, 8, 12, 16, 20)

KEYPOINT_PARENTS: Final[tuple[int, ...]] = (
    -1,
    *(WRIST if index % 4 == 1 else index - 1 for index in range(1, KEYPOINT_COUNT)),
)
BONES: Final[tuple[tuple[int, int], ...]] = tuple(
    (parent, child) for child, parent in enumerate(KEYPOINT_PARENTS) if parent >= 0
)
