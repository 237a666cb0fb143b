"""Whether what a truth file holds can be hands at all: unit, order of the joints, stamps."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.keypoints import BONES, KEYPOINT_NAMES, WRIST
from hand_object_recon.hand_model.joint_orders import JOINT_ORDERS, convert_joints

OURS: Final = "openpose21"

_SORTED: Final = sorted(KEYPOINT_NAMES)
_LARGEST_HAND_M: Final = 1.0
_NS_PER_S: Final = 1e9

_SHORTER: Final = 0.95
"""Of a pinching hand in our order, the finger bones read in another are 1.4 to 1.5 times as long
together; those of the same hand in another order, read in ours, 1.1 to 1.5 times."""

_FINGER_BONES: Final = np.array([bone for bone in BONES if bone[0] != WRIST])


def require_plausible_hands(joints_m: NDArray[Any]) -> None:
    """Refuse joints (N, 21, 3) that are not in metres, or are in another known order.

    Raises
    ------
    InvalidValueError
        Half of the hands span over a metre, or another order of joints makes shorter fingers.
    """
    if not len(joints_m):
        return
    span_m = float(np.median(np.ptp(joints_m, axis=1).max(axis=1)))
    if span_m > _LARGEST_HAND_M:
        raise InvalidValueError(
            f"joints span {span_m:.4g} m in half of the hands; they must be in metres "
            "(millimetres have to be divided by 1000)"
        )
    likely = likely_order(joints_m, OURS)
    if likely is not None:
        raise InvalidValueError(
            f"joints are not in this program's order: finger bones {likely}; convert them with "
            "hand_model.joint_orders.convert_joints"
        )


def likely_order(joints_m: NDArray[Any], expected: str) -> str | None:
    """What speaks for joints (N, 21, 3) to be in another order than expected, None if nothing
    does: another order makes shorter fingers."""
    lengths = {name: _bones_m(joints) for name, joints in _in_known_orders(joints_m).items()}
    shortest = min(lengths, key=lambda name: lengths[name])
    length_m = lengths[expected]
    if lengths[shortest] >= _SHORTER * length_m:
        return None
    return (
        f"add up to {1000 * length_m:.0f} mm a hand, and to {1000 * lengths[shortest]:.0f} mm if "
        f"the joints are in the order of {shortest}"
    )


def require_matching_stamps(
    truth_stamps_ns: NDArray[np.int64], frame_stamps_ns: NDArray[np.int64]
) -> None:
    """Refuse a truth none of whose stamps (N,) is that of a frame (F,), F at least one.

    Raises
    ------
    InvalidValueError
        None is; the message says how far the nearest is off.
    """
    if np.isin(truth_stamps_ns, frame_stamps_ns).any():
        return
    if not len(truth_stamps_ns):
        raise InvalidValueError("truth has no stamps; there is nothing to compare with")
    ordered = np.sort(frame_stamps_ns)
    after = np.clip(np.searchsorted(ordered, truth_stamps_ns), 1, max(len(ordered) - 1, 1))
    neighbours = ordered[np.stack([after - 1, np.minimum(after, len(ordered) - 1)])]
    off_ns = int(np.abs(neighbours - truth_stamps_ns).min())
    raise InvalidValueError(
        f"none of the truth's {len(truth_stamps_ns)} stamps is that of a frame; the nearest is "
        f"{off_ns / _NS_PER_S:.6g} s off; give the truth of this recording, with its frames' stamps"
    )


def _in_known_orders(joints_m: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """The joints as they would be in our order if they were in each known one."""
    names = [name for name, order in JOINT_ORDERS.items() if sorted(order.joints) == _SORTED]
    return {name: convert_joints(joints_m, name, OURS) for name in names}


def _bones_m(joints_m: NDArray[Any]) -> float:
    """Length of all finger bones together, the median over hands."""
    parents, children = _FINGER_BONES.T
    bones = np.linalg.norm(joints_m[:, children] - joints_m[:, parents], axis=2)
    return float(np.median(bones.sum(axis=1)))
