"""Command that builds the open hand's asset from its base mesh."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import ASSETS, HandModel, write_hand_model
from hand_object_recon.hand_model.open_hand.base_mesh import BaseMesh, read_base_mesh
from hand_object_recon.hand_model.open_hand.joint_regressor import build_joint_regressor
from hand_object_recon.hand_model.open_hand.pose_correctives import build_pose_correctives
from hand_object_recon.hand_model.open_hand.pose_space import (
    joint_limits_rad,
    pose_set_rad,
    to_axis_angle,
)
from hand_object_recon.hand_model.open_hand.proportions import with_adult_proportions
from hand_object_recon.hand_model.open_hand.rest_hand import RestHand
from hand_object_recon.hand_model.open_hand.shape_space import build_shape_space
from hand_object_recon.hand_model.open_hand.skeleton import build_skeleton
from hand_object_recon.hand_model.open_hand.skin_weights import build_skin_weights

_LICENCE = (
    "Apache-2.0; base mesh: generic hand of @webxr-input-profiles/assets 1.0.20, "
    "MIT, Copyright (c) 2019 Amazon (see NOTICE)"
)


FloatArray = NDArray[np.floating[Any]]


def build_open_hand(base: BaseMesh) -> HandModel:
    """The right open hand from its base mesh; the same arrays at every call."""
    skeleton = build_skeleton(base)
    weights = build_skin_weights(base, skeleton)
    vertices = with_adult_proportions(base.vertices_m, weights, skeleton)
    joints, limits, angles = skeleton.joints_m, joint_limits_rad(), pose_set_rad()
    posedirs = build_pose_correctives(vertices, base.faces, joints, weights, skeleton.axes, limits)
    rest = RestHand(vertices, joints, weights, posedirs, skeleton.axes)
    flat_angles = angles.reshape(len(angles), -1)
    poses = to_axis_angle(angles, skeleton.axes)
    mean = poses.mean(axis=0)
    _, _, components = np.linalg.svd(poses - mean, full_matrices=True)
    return HandModel(
        name="open_hand",
        side=HandSide.RIGHT,
        licence=_LICENCE,
        v_template=_float32(vertices),
        faces=base.faces,
        shapedirs=_float32(build_shape_space(vertices, weights, skeleton)),
        posedirs=_float32(posedirs),
        joint_regressor=_float32(build_joint_regressor(rest)),
        weights=_float32(weights),
        hands_mean=_float32(mean),
        hands_components=_float32(components),
        tip_vertices=skeleton.tip_vertices,
        joint_axes=_float32(skeleton.axes),
        joint_limits_rad=_float32(limits),
        pose_mean_rad=_float32(flat_angles.mean(axis=0)),
        pose_covariance_rad2=_float32(np.cov(flat_angles.T)),
    )


def _float32(array: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return array.astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path, help="npz of the right base mesh, 778 vertices")
    parser.add_argument("--out", type=Path, default=ASSETS / "open_hand.npz")
    arguments = parser.parse_args()
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    write_hand_model(build_open_hand(read_base_mesh(arguments.base)), arguments.out)
    print(f"wrote {arguments.out}")


if __name__ == "__main__":
    main()
