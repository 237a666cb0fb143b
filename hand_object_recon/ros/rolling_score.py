"""How far hands are from the truth over the last frames."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandEstimate
from hand_object_recon.core.keypoints import KEYPOINT_COUNT, MIDDLE_MCP
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.evaluation.metrics.metric_value import MetricValue
from hand_object_recon.evaluation.metrics.paired_points import pair_points, stack_rows
from hand_object_recon.evaluation.metrics.point_errors import (
    mean_point_error,
    procrustes_error,
    root_relative_error,
)

_MOST_WAITING: Final = 300

Joints = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class _Pair:
    estimate_m: Joints | None
    truth_m: Joints


class RollingScore:
    """Scores results against a truth that comes as results do, frame by frame.

    A result and a truth belong together when their stamps are equal, whichever comes first; a
    true hand without a result of its side counts as missed. ``unmatched`` counts the truths that
    no result ever came for.
    """

    def __init__(self, window_frames: int) -> None:
        self.unmatched = 0
        self._pairs: deque[tuple[_Pair, ...]] = deque(maxlen=window_frames)
        self._results: dict[int, Reconstruction] = {}
        self._truths: dict[int, Reconstruction] = {}

    def add_result(self, result: Reconstruction) -> None:
        truth = self._truths.pop(result.stamp_ns, None)
        if truth is None:
            _wait(self._results, result)
        else:
            self._pairs.append(_paired(result, truth))

    def add_truth(self, truth: Reconstruction) -> None:
        result = self._results.pop(truth.stamp_ns, None)
        if result is None:
            self.unmatched += _wait(self._truths, truth)
        else:
            self._pairs.append(_paired(result, truth))

    def metrics(self) -> dict[str, MetricValue]:
        """MPJPE, root-relative (middle knuckle) MPJPE and PA-MPJPE in mm over the last frames;
        empty before there was a true hand."""
        pairs = [pair for frame in self._pairs for pair in frame]
        if not pairs:
            return {}
        paired = pair_points(
            stack_rows([pair.estimate_m for pair in pairs], KEYPOINT_COUNT),
            np.stack([pair.truth_m for pair in pairs]),
        )
        return {
            "mpjpe": mean_point_error(paired),
            "root_relative_mpjpe": root_relative_error(paired, MIDDLE_MCP),
            "pa_mpjpe": procrustes_error(paired),
        }

    @property
    def frames(self) -> int:
        """Frames with result and truth in the window."""
        return len(self._pairs)


def score_values(score: RollingScore, metrics: Mapping[str, MetricValue]) -> dict[str, str]:
    """The score as texts by name: errors in mm, and how many hands are behind them."""
    values = {"frames": str(score.frames), "truths without a result": str(score.unmatched)}
    for name, metric in metrics.items():
        values[f"{name}_mm"] = "none" if metric.value is None else f"{metric.value:.2f}"
    if metrics:
        values["hands scored"] = str(metrics["mpjpe"].count_used)
        values["hands missed"] = str(metrics["mpjpe"].count_missing)
    return values


def _paired(result: Reconstruction, truth: Reconstruction) -> tuple[_Pair, ...]:
    return tuple(_Pair(_closest_joints(hand, result.hands), hand.joints_m) for hand in truth.hands)


def _closest_joints(truth: HandEstimate, hands: Sequence[HandEstimate]) -> Joints | None:
    """Joints of the hand of the same side that is closest to the true one."""
    same_side = [hand.joints_m for hand in hands if hand.side is truth.side]
    return min(
        same_side,
        key=lambda joints_m: float(np.linalg.norm(joints_m - truth.joints_m, axis=1).mean()),
        default=None,
    )


def _wait(waiting: dict[int, Reconstruction], message: Reconstruction) -> int:
    """Have a message wait, and as many as may; how many were dropped.

    Those that came first are dropped, not those of the smallest stamps: a bag that is played again
    begins with those.
    """
    waiting.pop(message.stamp_ns, None)
    waiting[message.stamp_ns] = message
    dropped = 0
    while len(waiting) > _MOST_WAITING:
        del waiting[next(iter(waiting))]
        dropped += 1
    return dropped
