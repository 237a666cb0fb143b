"""From the vertices that the object's sphere got to a closed mesh seen from outside."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.closed_body import Body
from hand_object_recon.reconstructors.cross_branch.sphere import object_sphere

FloatArray = NDArray[np.floating[Any]]

_LEAST_EXTENT_M: Final = 0.015
_LEAST_VOLUME_SHARE: Final = 1e-3
"""Of the cube about an object; less is a sheet, which has no inside."""


def object_mesh(vertices_m: FloatArray) -> Body | None:
    """The mesh of (642, 3) vertices in any axes; None where they make no body of 15 mm or more.

    Which way round the faces are seen from outside depends on whether the axes are mirrored, and on
    the network, which may turn the sphere inside out; the volume tells.
    """
    if not np.isfinite(vertices_m).all():
        return None
    extent_m = float(np.ptp(vertices_m, axis=0).max())
    body = Body(vertices_m, object_sphere().faces)
    volume_m3 = body.signed_volume_m3
    if extent_m < _LEAST_EXTENT_M or abs(volume_m3) < _LEAST_VOLUME_SHARE * extent_m**3:
        return None
    if volume_m3 > 0.0:
        return body
    return Body(vertices_m, np.ascontiguousarray(body.faces[:, ::-1]))
