"""The model of an object that is made while it is seen: a volume, and a mesh now and then."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.stage_settings import HeldObjectSettings
from hand_object_recon.held_objects.object_shape import Body, ObjectShape
from hand_object_recon.held_objects.surface_maker import SurfaceMaker
from hand_object_recon.object_model.fused_volume import FusedVolume
from hand_object_recon.object_model.object_view import ObjectView

Pose = NDArray[np.float64]

_SECOND_NS: Final = 1_000_000_000
_FIRST_VIEWS: Final = 20
_BETWEEN_VIEWS_NS: Final = 60_000_000


class FusedObject:
    """A volume fused from views, and the mesh made of it at the rate the settings ask for.

    shape
        The newest mesh; None until the first one is made.
    """

    def __init__(self, settings: HeldObjectSettings) -> None:
        self.volume = FusedVolume(1e-3 * settings.voxel_mm, settings.max_size_m)
        self.shape: ObjectShape | None = None
        self._maker = SurfaceMaker()
        self._begun_ns = 0
        self._views_in_mesh = 0
        self._view_ns = 0

    @property
    def body(self) -> Body:
        return Body(self.volume.grid, is_whole=False)

    def integrate(self, view: ObjectView, camera_from_object: Pose, stamp_ns: int) -> None:
        """Bring the volume up to date; of a well-known object not with every view."""
        is_young = self.volume.view_count < _FIRST_VIEWS
        if is_young or stamp_ns - self._view_ns >= _BETWEEN_VIEWS_NS:
            self.volume.integrate(view, camera_from_object)
            self._view_ns = stamp_ns

    def renew_mesh(self, stamp_ns: int, settings: HeldObjectSettings) -> None:
        """When it is time to, take the mesh that was begun last and begin the next one."""
        if (stamp_ns - self._begun_ns) * settings.mesh_rate_hz < _SECOND_NS:
            return
        made = self._maker.take()
        self.shape = made if made is not None else self.shape
        if self.volume.view_count != self._views_in_mesh:
            self._maker.begin(self.volume, settings)
            self._begun_ns, self._views_in_mesh = stamp_ns, self.volume.view_count
