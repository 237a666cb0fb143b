"""Both sides of the open hand, and a way to close a hand's mesh at the wrist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
import trimesh

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.open_hand.pose_space import pose_set_rad


@pytest.fixture(scope="session")
def right() -> HandModel:
    return load_hand_model("open_hand", HandSide.RIGHT)


@pytest.fixture(scope="session")
def left() -> HandModel:
    return load_hand_model("open_hand", HandSide.LEFT)


@pytest.fixture(scope="session", params=["right", "left"])
def either(request: pytest.FixtureRequest) -> HandModel:
    return load_hand_model("open_hand", HandSide(request.param))


@pytest.fixture(scope="session")
def pose_set() -> np.ndarray:
    """(4000, 15, 3) anatomical angles of the model's pose set."""
    return pose_set_rad()


@pytest.fixture(scope="session")
def closed_mesh() -> Callable[[np.ndarray, np.ndarray], trimesh.Trimesh]:
    """The mesh with a fan of triangles over its rim, wound as the faces beside the rim ask."""

    def close(vertices: np.ndarray, faces: np.ndarray) -> trimesh.Trimesh:
        directed = [
            (int(a), int(b)) for face in faces for a, b in zip(face, np.roll(face, -1), strict=True)
        ]
        count = Counter(tuple(sorted(edge)) for edge in directed)
        rim = [edge for edge in directed if count[tuple(sorted(edge))] == 1]
        centre = vertices[sorted({a for a, _ in rim})].mean(axis=0)
        cap = [(b, a, len(vertices)) for a, b in rim]
        return trimesh.Trimesh(
            np.vstack([vertices, centre]).astype(np.float64),
            np.vstack([faces, cap]),
            process=False,
        )

    return close
