"""The shipped open hand is what its builder makes of the base mesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.open_hand.base_mesh import read_base_mesh
from hand_object_recon.hand_model.open_hand.build import build_open_hand

ARRAYS = (
    "v_template",
    "faces",
    "shapedirs",
    "posedirs",
    "joint_regressor",
    "weights",
    "hands_mean",
    "tip_vertices",
    "joint_axes",
    "joint_limits_rad",
    "pose_mean_rad",
    "pose_covariance_rad2",
)


def test_the_builder_reproduces_the_shipped_hand(reference_data: Path) -> None:
    base = read_base_mesh(reference_data / "data" / "open_hand_base" / "webxr_right_778.npz")
    built = build_open_hand(base)
    shipped = load_hand_model("open_hand", HandSide.RIGHT)
    for name in ARRAYS:
        np.testing.assert_allclose(
            getattr(built, name), getattr(shipped, name), atol=1e-5, rtol=0, err_msg=name
        )
    assert built.licence == shipped.licence
    # A linear-algebra library may turn a component round; the leading ones span the same space.
    overlap = np.abs(np.sum(built.hands_components * shipped.hands_components, axis=1))
    np.testing.assert_allclose(overlap[:10], 1.0, atol=1e-4)
