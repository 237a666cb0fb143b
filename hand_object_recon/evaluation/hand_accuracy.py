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
from hand_object_recon.core.keypoints import KEYPOINT_NAMES, MIDDLE_MCP
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.evaluation.hand_truth import HandTruth
from hand_object_recon.evaluation.surface_distance import distances_to_surface
from hand_object_recon.geometry.alignment import align

_MM_PER_M = 1000.0

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

    They are looked at one after the other and not kept, so they may be read from a file.

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
    frames: dict[int, FrameAccuracy] = {}
    for reconstruction in reconstructions:
        for row in rows_at.get(reconstruction.stamp_ns, ()):
            estimate = _match(truth, row, reconstruction.hands)
            if estimate is not None:
                frames[row] = _score_frame(truth, row, estimate, topologies)
    ordered = [frames[row] for row in sorted(frames)]
    return _summarise(ordered, missed=len(truth) - len(ordered))


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


def _score_frame(
    truth: HandTruth, row: int, hand: HandEstimate, topologies: Mapping[str, HandTopology]
) -> FrameAccuracy:
    joints, true_joints = _joints(hand), truth.joints_m[row]
    vertices, true_vertices = hand.vertices_m.astype(np.float64), truth.vertices_m[row]
    same_mesh = hand.topology == truth.topologies[row] and vertices.shape == true_vertices.shape
    surface_m = distances_to_surface(true_vertices, vertices, _faces(hand, topologies))
    return FrameAccuracy(
        stamp_ns=int(truth.stamps_ns[row]),
        side=hand.side,
        mpjpe_mm=_mean_distance_mm(joints, true_joints),
        root_relative_mpjpe_mm=_mean_distance_mm(
            joints - joints[MIDDLE_MCP], true_joints - true_joints[MIDDLE_MCP]
        ),
        pa_mpjpe_mm=_mean_distance_mm(align(joints, true_joints).apply(joints), true_joints),
        surface_mm=_MM_PER_M * float(surface_m.mean()),
        mpvpe_mm=_mean_distance_mm(vertices, true_vertices) if same_mesh else None,
        joints_mm=tuple(float(error) for error in _distances_mm(joints, true_joints)),
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


def _distances_mm(estimate: Any, truth: Any) -> Points:
    return np.asarray(_MM_PER_M * np.linalg.norm(estimate - truth, axis=1))


def _mean_distance_mm(estimate: Any, truth: Any) -> float:
    return float(_distances_mm(estimate, truth).mean())


def _summarise(frames: Sequence[FrameAccuracy], missed: int) -> HandAccuracy:
    joint_errors = [frame.mpjpe_mm for frame in frames]
    return HandAccuracy(
        frames_scored=len(frames),
        frames_missed=missed,
        mpjpe_mm=_mean(joint_errors),
        root_relative_mpjpe_mm=_mean([frame.root_relative_mpjpe_mm for frame in frames]),
        pa_mpjpe_mm=_mean([frame.pa_mpjpe_mm for frame in frames]),
        surface_mm=_mean([frame.surface_mm for frame in frames]),
        mpvpe_mm=_mean([frame.mpvpe_mm for frame in frames if frame.mpvpe_mm is not None]),
        worst_frame_mm=max(joint_errors, default=None),
        by_joint_mm=_by_joint(frames),
        frames=tuple(frames),
    )


def _by_joint(frames: Sequence[FrameAccuracy]) -> dict[str, float] | None:
    if not frames:
        return None
    means = np.mean([frame.joints_mm for frame in frames], axis=0)
    return {name: float(mean) for name, mean in zip(KEYPOINT_NAMES, means, strict=True)}


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
