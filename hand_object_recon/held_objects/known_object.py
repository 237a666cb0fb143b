"""An object whose mesh was known beforehand and that was recognised."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.stage_settings import HeldObjectSettings
from hand_object_recon.held_objects.object_shape import Body, ObjectShape
from hand_object_recon.object_model.known_models.model_folder import KnownModel
from hand_object_recon.object_model.object_view import ObjectView


class KnownObject:
    """Nothing a view shows changes it; all of its surface counts as seen."""

    def __init__(self, model: KnownModel) -> None:
        self.body = Body(model.grid, is_whole=True)
        self.shape = ObjectShape(
            model.vertices_m,
            model.faces,
            vertex_seen=np.ones(len(model.vertices_m), dtype=np.bool_),
            name=model.name,
        )

    def integrate(
        self, view: ObjectView, camera_from_object: NDArray[np.float64], stamp_ns: int
    ) -> None:
        """Keep the model as it is."""

    def renew_mesh(self, stamp_ns: int, settings: HeldObjectSettings) -> None:
        """Keep the mesh as it is."""
