"""Where a detector's landmarks sit on the hand model, measured on rendered hands.

``python -m hand_object_recon.synthesis.landmark_calibration --views 400 --seed 3`` prints the
tables of ``reconstructors.rgbd_fit.landmarks``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import HandObjectReconError, InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import KEYPOINT_COUNT, KEYPOINT_NAMES
from hand_object_recon.detectors.base import DETECTORS, Detector
from hand_object_recon.hand_model.pose_differential import AttachedPoints, PosedLinearHand
from hand_object_recon.synthesis.still_views import StillView, StillViews

FloatArray = NDArray[np.floating[Any]]

_ROUNDS: Final = 15
_ROBUST_M: Final = 0.008
_RIDGE: Final = 1e-3
_LEAST_VIEWS: Final = 2


@dataclass(frozen=True, eq=False)
class LandmarkView:
    """The landmarks found in one view and the true keypoints they belong to.

    keypoints_m
        (21, 3) keypoints in the camera optical frame, each fixed to its joint as
        ``AttachedPoints`` has it.
    to_camera
        (21, 3, 3) from offsets in the rest frame of a right hand's joints to the camera frame;
        mirroring for a left hand.
    rays
        (21, 2) x / z and y / z of the landmarks found.
    """

    keypoints_m: FloatArray
    to_camera: FloatArray
    rays: FloatArray

    @classmethod
    def of(
        cls, hand: PosedLinearHand, landmarks_px: FloatArray, camera: CameraIntrinsics
    ) -> LandmarkView:
        """The view of a posed hand in which (21, 2) landmarks were found, in pixels."""
        model = hand.shaped.model
        points = AttachedPoints.keypoints(model)
        mirror = 1.0 if model.side is HandSide.RIGHT else -1.0
        centered = landmarks_px - np.array([camera.cx, camera.cy])
        return cls(
            keypoints_m=hand.attached(points),
            to_camera=hand.rotations[points.joints] * np.array([mirror, 1.0, 1.0]),
            rays=centered / np.array([camera.fx, camera.fy]),
        )


@dataclass(frozen=True, eq=False)
class MeasuredPlacement:
    """offsets_m (21, 3) of the landmarks from the keypoints, in their joints' rest frames of a
    right hand, and median_error_m (21,) their median distance from there across the image."""

    offsets_m: FloatArray
    median_error_m: FloatArray


@dataclass(frozen=True)
class FoundViews:
    """Views with a detection of the right side, and how many there were of each kind."""

    used: tuple[LandmarkView, ...]
    found: int
    rendered: int


def find_landmarks(
    detector: Detector,
    stills: StillViews,
    count: int,
    on_view: Callable[[int], None] = lambda done: None,
) -> FoundViews:
    """Render ``count`` views and keep those whose hand is found with the right side.

    on_view
        Called after each view with the number of views done, for a progress display.
    """
    used: list[LandmarkView] = []
    found = 0
    for number in range(count):
        still = stills.take()
        detector.reset()
        detections = detector.detect(still.frame)
        if detections:
            found += 1
            landmarks_px = detections[0].keypoints_px
            if detections[0].side is still.side and landmarks_px is not None:
                used.append(_landmark_view(still, landmarks_px))
        on_view(number + 1)
    return FoundViews(tuple(used), found, count)


def solve_placement(views: Sequence[LandmarkView]) -> MeasuredPlacement:
    """Offsets and errors of the landmarks from their reprojection in all views.

    A landmark at offset o from keypoint k lies on its ray (x, y) where the first two components
    of k + R o are (x, y) times the third: two linear equations a view. They are solved by
    iteratively reweighted least squares with Geman and McClure's weights.

    Raises
    ------
    InvalidValueError
        There are too few views.
    """
    if len(views) < _LEAST_VIEWS:
        raise InvalidValueError(
            f"{len(views)} views have landmarks; at least {_LEAST_VIEWS} are needed"
        )
    coefficients, targets = _equations(views)
    weights: FloatArray = np.ones(targets.shape[:2])
    for _ in range(_ROUNDS):
        offsets_m = _weighted_solution(coefficients, targets, weights)
        distances_m = residuals_m(views, offsets_m)
        weights = (1.0 + (distances_m / _ROBUST_M) ** 2) ** -2
    return MeasuredPlacement(offsets_m, np.median(distances_m, axis=0))


def residuals_m(views: Sequence[LandmarkView], offsets_m: FloatArray) -> FloatArray:
    """(V, 21) metres across the image, at the keypoints' depth, between the landmarks found and
    the points at (21, 3) offsets from the keypoints."""
    coefficients, targets = _equations(views)
    misses = np.einsum("vkac,kc->vka", coefficients, offsets_m) - targets
    return np.asarray(np.linalg.norm(misses, axis=2))


def report(views: FoundViews, placement: MeasuredPlacement) -> str:
    """The tables in millimetres, and how far landmarks are from keypoints without and with
    them."""
    return "\n".join(
        [
            f"{views.rendered} views, {views.found} with a hand found, "
            f"{len(views.used)} of them with the right side",
            "",
            *_offset_table(placement.offsets_m),
            *_error_table(placement.median_error_m),
            "",
            *_residual_table(views.used, placement),
        ]
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Calibrate the configured detector and print the tables."""
    options = _options(arguments)
    try:
        detector = DETECTORS.load(options.detector)(PipelineConfig())
        stills = StillViews(options.seed)
        views = find_landmarks(detector, stills, options.views, _ProgressLine(options.views))
        detector.close()
        print(report(views, solve_placement(views.used)))
    except HandObjectReconError as error:
        sys.exit(f"error: {error}")


def _landmark_view(still: StillView, landmarks_px: FloatArray) -> LandmarkView:
    return LandmarkView.of(still.hand, landmarks_px, still.frame.camera)


def _equations(views: Sequence[LandmarkView]) -> tuple[FloatArray, FloatArray]:
    """Coefficients (V, 21, 2, 3) of the offsets and targets (V, 21, 2) in metres."""
    keypoints = np.stack([view.keypoints_m for view in views])
    to_camera = np.stack([view.to_camera for view in views])
    rays = np.stack([view.rays for view in views])
    coefficients = to_camera[:, :, :2] - rays[..., None] * to_camera[:, :, 2:]
    targets = rays * keypoints[..., 2:] - keypoints[..., :2]
    return coefficients, targets


def _weighted_solution(
    coefficients: FloatArray, targets: FloatArray, weights: FloatArray
) -> FloatArray:
    """(21, 3) least-squares offsets; ``weights`` (V, 21)."""
    normal = np.einsum("vk,vkac,vkad->kcd", weights, coefficients, coefficients)
    moment = np.einsum("vk,vkac,vka->kc", weights, coefficients, targets)
    regular = normal + _RIDGE * np.eye(3)
    return np.asarray(np.linalg.solve(regular, moment[..., None])[..., 0])


def _offset_table(offsets_m: FloatArray) -> list[str]:
    rows = (", ".join(f"{1e3 * value:.1f}" for value in row) for row in offsets_m)
    return _pasteable("_MEDIAPIPE_OFFSETS_MM", [f"({row})" for row in rows])


def _error_table(median_error_m: FloatArray) -> list[str]:
    entries = [f"{1e3 * value:.1f}" for value in median_error_m]
    return _pasteable("_MEDIAPIPE_MEDIAN_ERROR_MM", entries)


def _pasteable(name: str, entries: Sequence[str]) -> list[str]:
    """The wrist's entry on a line of its own, then a finger a line."""
    lines = [entries[:1], *(entries[first : first + 4] for first in range(1, len(entries), 4))]
    return [f"{name}: Final = (", *(f"    {', '.join(line)}," for line in lines), ")"]


def _residual_table(views: Sequence[LandmarkView], placement: MeasuredPlacement) -> list[str]:
    before = np.median(residuals_m(views, np.zeros((KEYPOINT_COUNT, 3))), axis=0)
    columns = 1e3 * np.stack([before, placement.median_error_m], axis=1)
    named = zip((*KEYPOINT_NAMES, "mean"), (*columns, columns.mean(axis=0)), strict=True)
    return [
        f"{'Median residual, mm':<20}{'before':>8}{'after':>8}",
        *(f"{name:<20}" + "".join(f"{value:8.1f}" for value in row) for name, row in named),
    ]


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--views", type=int, default=400, help="views to render")
    parser.add_argument("--seed", type=int, default=3, help="seed of everything random")
    parser.add_argument(
        "--detector",
        default=PipelineConfig().detector,
        help="detector plugin: name or package.module:Class",
    )
    return parser.parse_args(arguments)


class _ProgressLine:
    """A line on standard error that counts up to ``total``."""

    _WIDTH: Final = 40

    def __init__(self, total: int) -> None:
        self._total = total

    def __call__(self, done: int) -> None:
        filled = self._WIDTH * done // self._total
        bar = "#" * filled + "." * (self._WIDTH - filled)
        end = "\n" if done == self._total else ""
        print(f"\rFinding landmarks {bar} {done}/{self._total}", end=end, file=sys.stderr)


if __name__ == "__main__":
    main()
