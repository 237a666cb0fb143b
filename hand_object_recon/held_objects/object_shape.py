"""What an object is shaped like, and what it is tracked by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import PrimitiveFit
from hand_object_recon.core.stage_settings import HeldObjectSettings
from hand_object_recon.object_model.distance_grid import DistanceGrid
from hand_object_recon.object_model.object_view import ObjectView


class Body(NamedTuple):
    """Distances to an object's surface, and whether they are known all around."""

    grid: DistanceGrid
    is_whole: bool


@dataclass(frozen=True, eq=False)
class ObjectShape:
    """An object's mesh (V, 3), (F, 3) and what ``ObjectEstimate`` says of it beside its pose."""

    vertices_m: NDArray[np.float32]
    faces: NDArray[np.int32]
    vertex_seen: NDArray[np.bool_]
    vertex_colors: NDArray[np.uint8] | None = None
    primitive: PrimitiveFit | None = None
    name: str = ""


class ObjectModel(Protocol):
    """The model of a tracked object: fused while it is seen, or known beforehand."""

    @property
    def body(self) -> Body:
        """What poses are fitted to."""

    @property
    def shape(self) -> ObjectShape | None:
        """The newest mesh; None before there is one."""

    def integrate(
        self, view: ObjectView, camera_from_object: NDArray[np.float64], stamp_ns: int
    ) -> None:
        """Bring the model up to date with a view from a pose (4, 4)."""

    def renew_mesh(self, stamp_ns: int, settings: HeldObjectSettings) -> None:
        """Make the mesh anew if it is time to."""
