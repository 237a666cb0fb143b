"""Where the fit starts from when the last frame does not say: keypoints lifted with depth."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandDetection
from hand_object_recon.core.keypoints import KNUCKLES, WRIST
from hand_object_recon.geometry.alignment import align
from hand_object_recon.geometry.projection import back_project
from hand_object_recon.hand_model.pose_differential import HandState
from hand_object_recon.reconstructors.rgbd_fit.fitter import HandFitter
from hand_object_recon.reconstructors.rgbd_fit.hand_points import depth_at

FloatArray = NDArray[np.floating[Any]]

_PALM: Final = [WRIST, *KNUCKLES]
_SKIN_TO_JOINT_M: Final = 0.010
_TRUSTED_STEP_M: Final = 0.030  # a reading farther from the guess shows another finger, or none
_GUESS_SIGMA_M: Final = 0.012


def lifted_keypoints(frame: RgbdFrame, detection: HandDetection) -> list[FloatArray]:
    """Two liftings of the keypoints, each (21, 3) metres in the camera optical frame.

    The first takes the measured depth of each keypoint where it is plausible, the second only
    the detector's own guess of the fingers' depth, put at the measured depth of the palm. Empty
    when nothing was measured at any keypoint.
    """
    if detection.keypoints_px is None:
        return []
    keypoints = detection.keypoints_px.astype(np.float64)
    measured = depth_at(frame.depth_m, keypoints) + _SKIN_TO_JOINT_M
    guess = _guessed_depth(detection, keypoints, measured, frame.camera)
    if guess is None:
        return []
    trusted = np.abs(measured - guess) < _TRUSTED_STEP_M
    by_sensor = np.where(trusted, measured, guess)
    return [back_project(keypoints, depth, frame.camera) for depth in (by_sensor, guess)]


def reach_keypoints(
    fitter: HandFitter, targets_m: FloatArray, start: HandState, iterations: int
) -> HandState:
    """Inverse kinematics to (21, 3) lifted keypoints, bending the fingers from ``start``'s pose
    after the palm was laid on its targets."""
    keypoints = fitter.landmarks_m(start)
    motion = align(keypoints[_PALM], targets_m[_PALM], with_scale=False)
    laid = HandState(
        orientation=motion.rotation @ start.orientation,
        wrist_m=motion.rotation @ start.wrist_m + motion.translation,
        angles_rad=start.angles_rad,
        shape=start.shape,
    )
    sigma = np.full(len(targets_m), _GUESS_SIGMA_M)
    return fitter.fit_targets(laid, targets_m, sigma, iterations).state


def _guessed_depth(
    detection: HandDetection, keypoints: FloatArray, measured: FloatArray, camera: CameraIntrinsics
) -> FloatArray | None:
    """(21,) metres: the detector's relative keypoints, scaled to the image and put at the
    measured depth of the palm; None when no palm keypoint was measured."""
    relative = detection.relative_keypoints_m
    seen = [index for index in _PALM if np.isfinite(measured[index])]
    if not seen:
        seen = [int(index) for index in np.flatnonzero(np.isfinite(measured))]
    if not seen:
        return None
    if relative is None:
        return np.full(len(keypoints), float(np.median(measured[seen])))
    middle = float(np.median(measured[seen]))
    flat = relative[:, :2].astype(np.float64)
    image = (keypoints - keypoints.mean(axis=0)) * middle / camera.fx
    scale = np.sqrt(np.square(image).sum() / np.square(flat - flat.mean(axis=0)).sum())
    depth = scale * relative[:, 2].astype(np.float64)
    return np.asarray(depth + np.median(measured[seen] - depth[seen]))
