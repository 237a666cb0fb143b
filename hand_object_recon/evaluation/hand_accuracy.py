"""How far reconstructed hands are from the truth, in millimetres.

Definitions follow the hand-pose papers: MPJPE in the camera frame as PDFNet reports it, without
any alignment; PA-MPJPE after a proper-rotation similarity alignment of the 21 joints
(Umeyama, 1991), so that a mirrored hand does not score well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandEstimate, HandSide, HandTopology
from hand_object_recon.core.keypoints import KEYPOINT_COUNT, MIDDLE_MCP
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.evaluation.hand_truth import HandTruth
from hand_object_recon.evaluation.metrics.paired_points import (
    PairedPoints,
    pair_points,
    stack_rows,
)
from hand_object_recon.evaluation.metrics.point_errors import (
    MM_PER_M,
    error_of_each_point,
    mean_point_error,
    point_distances,
    procrustes_error,
    root_relative_error,
)
from hand_object_recon.evaluation.surface_distance import distances_to_surface

Points = NDArray[np.float64]


@dataclass(frozen=True)
class FrameAccuracy:
    """The errors of one hand in one frame; ``mpvpe_mm`` is None across topologies.

    ``joints_mm`` holds the distance of each of the 21 joints in the camera frame.
    """

    stamp_ns: int
    side: HandSide
    mpjpe_mm: float
    root_relative_mpjpe_mm: float
    pa_mpjpe_mm: float
    surface_mm: float
    mpvpe_mm: float | None
    joints_mm: tuple[float, ...]


@dataclass(frozen=True)
class HandAccuracy:
    """The errors of a recording; a frame counts once for each hand the truth has in it.

    frames_scored, frames_missed
        True hands with and without an estimate at their stamp (of their side, where known).
    mpjpe_mm
        Mean distance of the 21 joints in the camera frame, over joints, then over frames.
    root_relative_mpjpe_mm
        The same with both middle knuckles (keypoint 9) moved to the origin.
    pa_mpjpe_mm
        The same after the similarity (rotation, scale, shift) that fits the estimate best.
    surface_mm
        Mean distance of the true vertices to the estimated surface.
    mpvpe_mm
        Mean distance of corresponding vertices, over the frames whose topologies agree.
    worst_frame_mm
        The largest ``mpjpe_mm`` of a single frame.
    by_joint_mm
        ``mpjpe_mm`` of each keypoint on its own, by its name.

    A metric is None where no frame could be scored by it.
    """

    frames_scored: int
    frames_missed: int
    mpjpe_mm: float | None
    root_relative_mpjpe_mm: float | None
    pa_mpjpe_mm: float | None
    surface_mm: float | None
    mpvpe_mm: float | None
    worst_frame_mm: float | None
    by_joint_mm: Mapping[str, float] | None = None
    frames: tuple[FrameAccuracy, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, lists and None, ready for JSON; ``frames`` is a list of dicts."""
        plain = asdict(self)
        plain["frames"] = [{**frame, "side": str(frame["side"])} for frame in plain["frames"]]
        return plain


def score_hands(
    truth: HandTruth,
    reconstructions: Iterable[Reconstruction],
    topologies: Mapping[str, HandTopology],
) -> HandAccuracy:
    """Compare the hands of ``reconstructions`` with the truth of exactly the same stamp.

    They are looked at one after the other, and only their joints are kept, so they may be read
    from a file.

    Where the truth names a side, the estimate of that side is compared; of several, and where
    it names none, the one whose joints are closest.

    topologies
        Triangles of the estimated meshes by topology name.

    Raises
    ------
    InvalidValueError
        An estimate's topology is not among ``topologies``.
    """
    rows_at = _rows_by_stamp(truth)
    found: dict[int, _FoundHand] = {}
    for reconstruction in reconstructions:
        for row in rows_at.get(reconstruction.stamp_ns, ()):
            estimate = _match(truth, row, reconstruction.hands)
            if estimate is not None:
                found[row] = _found_hand(truth, row, estimate, topologies)
    return _summarise(truth, found)


@dataclass(frozen=True, eq=False)
class _FoundHand:
    """What is kept of an estimate: its joints, and how far its surface is from the truth."""

    side: HandSide
    joints_m: Points
    surface_mm: float
    mpvpe_mm: float | None


def _rows_by_stamp(truth: HandTruth) -> dict[int, list[int]]:
    rows_at: dict[int, list[int]] = {}
    for row, stamp_ns in enumerate(truth.stamps_ns.tolist()):
        rows_at.setdefault(stamp_ns, []).append(row)
    return rows_at


def _match(truth: HandTruth, row: int, hands: Sequence[HandEstimate]) -> HandEstimate | None:
    side = truth.sides[row]
    candidates = [hand for hand in hands if side is None or hand.side is side]
    return min(
        candidates,
        key=lambda hand: _mean_distance_mm(_joints(hand), truth.joints_m[row]),
        default=None,
    )


def _found_hand(
    truth: HandTruth, row: int, hand: HandEstimate, topologies: Mapping[str, HandTopology]
) -> _FoundHand:
    vertices, true_vertices = hand.vertices_m.astype(np.float64), truth.vertices_m[row]
    same_mesh = hand.topology == truth.topologies[row] and vertices.shape == true_vertices.shape
    surface_m = distances_to_surface(true_vertices, vertices, _faces(hand, topologies))
    return _FoundHand(
        side=hand.side,
        joints_m=_joints(hand),
        surface_mm=MM_PER_M * float(surface_m.mean()),
        mpvpe_mm=_mean_distance_mm(vertices, true_vertices) if same_mesh else None,
    )


def _joints(hand: HandEstimate) -> Points:
    return hand.joints_m.astype(np.float64)


def _faces(hand: HandEstimate, topologies: Mapping[str, HandTopology]) -> NDArray[np.int32]:
    try:
        return topologies[hand.topology].faces
    except KeyError:
        known = ", ".join(sorted(topologies)) or "none"
        raise InvalidValueError(
            f"hand {hand.track_id} has topology {hand.topology!r}; "
            f"pass its triangles in topologies (given: {known})"
        ) from None


def _mean_distance_mm(estimate: Any, truth: Any) -> float:
    return MM_PER_M * float(np.linalg.norm(estimate - truth, axis=1).mean())


def _summarise(truth: HandTruth, found: Mapping[int, _FoundHand]) -> HandAccuracy:
    """The metrics of all hands at once; a hand that was not found is missing in each."""
    count = len(truth)
    pairs = pair_points(
        stack_rows(
            [found[row].joints_m if row in found else None for row in range(count)], KEYPOINT_COUNT
        ),
        truth.joints_m,
    )
    mpjpe = mean_point_error(pairs)
    root_relative = root_relative_error(pairs, MIDDLE_MCP)
    procrustes = procrustes_error(pairs)
    joints_mm = MM_PER_M * point_distances(pairs)
    frames = tuple(
        FrameAccuracy(
            stamp_ns=int(truth.stamps_ns[row]),
            side=found[row].side,
            mpjpe_mm=float(mpjpe.per_sample[row]),
            root_relative_mpjpe_mm=float(root_relative.per_sample[row]),
            pa_mpjpe_mm=float(procrustes.per_sample[row]),
            surface_mm=found[row].surface_mm,
            mpvpe_mm=found[row].mpvpe_mm,
            joints_mm=tuple(joints_mm[row].tolist()),
        )
        for row in sorted(found)
    )
    return HandAccuracy(
        frames_scored=mpjpe.count_used,
        frames_missed=mpjpe.count_missing,
        mpjpe_mm=mpjpe.value,
        root_relative_mpjpe_mm=root_relative.value,
        pa_mpjpe_mm=procrustes.value,
        surface_mm=_mean([frame.surface_mm for frame in frames]),
        mpvpe_mm=_mean([frame.mpvpe_mm for frame in frames if frame.mpvpe_mm is not None]),
        worst_frame_mm=max((frame.mpjpe_mm for frame in frames), default=None),
        by_joint_mm=_by_joint(pairs) if frames else None,
        frames=frames,
    )


def _by_joint(pairs: PairedPoints) -> dict[str, float]:
    metrics = error_of_each_point(pairs)
    return {name: metric.value for name, metric in metrics.items() if metric.value is not None}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
