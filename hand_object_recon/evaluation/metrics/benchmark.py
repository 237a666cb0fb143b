"""Times the hand metrics of a whole test set beside a plain loop over frames.

``python -m hand_object_recon.evaluation.metrics.benchmark``; the figures of both are compared,
so that a fast wrong answer does not pass.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.evaluation.metrics.alignments import procrustes_aligned
from hand_object_recon.evaluation.metrics.curves import HO3D_THRESHOLDS_M, area_under_curve
from hand_object_recon.evaluation.metrics.f_scores import HAND_THRESHOLDS_M, f_scores
from hand_object_recon.evaluation.metrics.metric_value import FloatArray, MetricValue
from hand_object_recon.evaluation.metrics.paired_points import PairedPoints, pair_points
from hand_object_recon.evaluation.metrics.point_errors import MM_PER_M, mean_point_error
from hand_object_recon.geometry.alignment import align
from hand_object_recon.hand_model.model import load_hand_model

HO3D_FRAMES: Final = 11_524
DEFAULT_LOOP_FRAMES: Final = 500

_SEED: Final = 20261121
_ROUNDING: Final = 1e-9

ResultT = TypeVar("ResultT")
PerFrame = Callable[[FloatArray, FloatArray], Any]


@dataclass(frozen=True)
class TimedMetric:
    """Seconds for all frames and seconds that the loop would take for as many.

    batched_cpu_s, loop_cpu_s
        The processor's time, over all threads; on a busy machine the steadier figure.
    value, largest_difference
        The metric over all frames, and how far the two forms are apart in any frame of the loop.
    """

    name: str
    value: str
    batched_s: float
    batched_cpu_s: float
    loop_s: float
    loop_cpu_s: float
    largest_difference: float


def time_metrics(frames: int, loop_frames: int) -> Iterator[TimedMetric]:
    """Time each metric on random hands; the loop on the first ``loop_frames`` of them."""
    vertices = random_hands(frames)
    joints = pair_points(
        vertices.estimate_m[:, :: 778 // KEYPOINT_COUNT][:, :KEYPOINT_COUNT],
        vertices.truth_m[:, :: 778 // KEYPOINT_COUNT][:, :KEYPOINT_COUNT],
    )
    for name, pairs in (("MPJPE", joints), ("MPVPE", vertices)):
        yield _timed(name, pairs, lambda p: [mean_point_error(p)], _loop_error, loop_frames)
        yield _timed(
            f"AUC of {name}", pairs, lambda p: [area_under_curve(p)], _loop_area, loop_frames
        )
        yield _timed(
            f"PA-{name}",
            pairs,
            lambda p: [mean_point_error(procrustes_aligned(p))],
            lambda estimate, truth: _loop_error(_loop_aligned(estimate, truth), truth),
            loop_frames,
        )
    yield _timed(
        "F@5, F@15", vertices, lambda p: list(f_scores(p).values()), _loop_f_scores, loop_frames
    )
    yield _timed(
        "F@5, F@15 after PA",
        vertices,
        lambda p: list(f_scores(procrustes_aligned(p)).values()),
        lambda estimate, truth: _loop_f_scores(_loop_aligned(estimate, truth), truth),
        loop_frames,
    )


def random_hands(frames: int) -> PairedPoints:
    """Rest hands turned at random, with an error of about 1 cm that its parts share and 2 mm that
    each vertex has of its own."""
    random = np.random.default_rng(_SEED)
    template = load_hand_model("open_hand", HandSide.RIGHT).v_template
    directions = np.linalg.qr(random.normal(size=(frames, 3, 3)))[0]
    directions *= np.sign(np.linalg.det(directions))[:, None, None]
    truth = template @ directions + random.uniform(-0.3, 0.3, (frames, 1, 3))
    shared = random.normal(0.0, 0.006, (frames, 1, 3))
    own = random.normal(0.0, 0.002, truth.shape)
    return pair_points(truth + shared + own, truth)


def _timed(
    name: str,
    pairs: PairedPoints,
    batched: Callable[[PairedPoints], list[MetricValue]],
    one_frame: PerFrame,
    loop_frames: int,
) -> TimedMetric:
    count = min(loop_frames, len(pairs))
    share = count / len(pairs)
    found, batched_s, batched_cpu_s = _clocked(lambda: batched(pairs))
    looped, loop_s, loop_cpu_s = _clocked(
        lambda: [one_frame(pairs.estimate_m[row], pairs.truth_m[row]) for row in range(count)]
    )
    expected = np.array(looped).reshape(count, len(found))
    per_sample = np.stack([metric.per_sample[:count] for metric in found], axis=1)
    return TimedMetric(
        name=name,
        value=", ".join(f"{metric.value:.4g} {metric.unit}".rstrip() for metric in found),
        batched_s=batched_s,
        batched_cpu_s=batched_cpu_s,
        loop_s=loop_s / share,
        loop_cpu_s=loop_cpu_s / share,
        largest_difference=float(np.abs(per_sample - expected).max()),
    )


def _clocked(run: Callable[[], ResultT]) -> tuple[ResultT, float, float]:
    """What ``run`` gives, its seconds and its processor's seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = run()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def _loop_error(estimate: FloatArray, truth: FloatArray) -> float:
    return float(MM_PER_M * np.linalg.norm(estimate - truth, axis=1).mean())


def _loop_aligned(estimate: FloatArray, truth: FloatArray) -> FloatArray:
    return align(estimate, truth).apply(estimate)


def _loop_area(estimate: FloatArray, truth: FloatArray) -> float:
    distances = np.linalg.norm(estimate - truth, axis=1)
    curve = np.array([(distances <= threshold).mean() for threshold in HO3D_THRESHOLDS_M])
    gaps = np.diff(HO3D_THRESHOLDS_M)
    return float((0.5 * (curve[1:] + curve[:-1]) * gaps).sum() / gaps.sum())


def _loop_f_scores(estimate: FloatArray, truth: FloatArray) -> list[float]:
    from scipy.spatial import cKDTree

    to_truth = cKDTree(truth).query(estimate)[0]
    to_estimate = cKDTree(estimate).query(truth)[0]
    return [_f_score(to_truth, to_estimate, threshold) for threshold in HAND_THRESHOLDS_M]


def _f_score(to_truth: NDArray[Any], to_estimate: NDArray[Any], threshold: float) -> float:
    precision = float((to_truth < threshold).mean())
    recall = float((to_estimate < threshold).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0


def main() -> None:
    """Print a table; leaves with an error where the two forms differ."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--frames", type=int, default=HO3D_FRAMES, help="frames of 778 vertices")
    parser.add_argument(
        "--loop-frames",
        type=int,
        default=DEFAULT_LOOP_FRAMES,
        help="frames the loop is timed on; its time for all of them follows by proportion",
    )
    options = parser.parse_args()
    print(
        f"{options.frames} frames; loop timed on {min(options.loop_frames, options.frames)} "
        "and scaled up"
    )
    print(f"{'':42}{'wall s':^26}{'processor s':^26}")
    columns = f"{'batched':>10}{'loop':>9}{'ratio':>7}"
    print(f"{'metric':20}{'value':>22}{columns}{columns}{'difference':>12}")
    rows = []
    for row in time_metrics(options.frames, options.loop_frames):
        rows.append(row)
        print(f"{_line(row.name, row.value, [row])}{row.largest_difference:12.1e}", flush=True)
    print(_line("all", "", rows))
    wrong = [row.name for row in rows if row.largest_difference > _ROUNDING]
    if wrong:
        raise SystemExit(f"batched and looped metrics differ: {', '.join(wrong)}")


def _line(name: str, value: str, rows: Sequence[TimedMetric]) -> str:
    wall = _times(sum(r.batched_s for r in rows), sum(r.loop_s for r in rows))
    cpu = _times(sum(r.batched_cpu_s for r in rows), sum(r.loop_cpu_s for r in rows))
    return f"{name:20}{value:>22}{wall}{cpu}"


def _times(batched_s: float, loop_s: float) -> str:
    return f"{batched_s:10.2f}{loop_s:9.1f}{loop_s / batched_s:7.1f}"


if __name__ == "__main__":
    main()
