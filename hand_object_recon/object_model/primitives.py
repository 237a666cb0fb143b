"""The box, cylinder or sphere that describes what is seen of a body's surface."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.objects import PrimitiveFit
from hand_object_recon.object_model.primitive_distances import distances_to, normal_agreement
from hand_object_recon.object_model.primitive_fits import fit_box, fit_cylinder, fit_sphere

FloatArray = NDArray[np.floating[Any]]

_LEAST_POINTS: Final = 60
_MOST_POINTS: Final = 300
_LARGEST_RESIDUAL_M: Final = 0.002
_LARGEST_RESIDUAL_SHARE: Final = 0.04
_NEAR_M: Final = 0.004
_LEAST_NEAR_SHARE: Final = 0.93
_LEAST_AGREEMENT: Final = 0.95
_SIMPLER_MAY_BE_WORSE: Final = 1.25


def describe(points_m: FloatArray, normals: FloatArray) -> PrimitiveFit | None:
    """The simplest body that describes points (N, 3) on a surface with outward normals (N, 3).

    None unless one does: a root mean square distance of at most 2 mm and 4 % of its largest
    extent, 93 % of the points within 4 mm, normals that agree (a mean cosine of 0.95), and so much
    of it seen that its size is known. A sphere is simpler than a cylinder, that than a box; the
    simpler is taken if its distance is at most a quarter larger than the best one's.
    """
    if len(points_m) < _LEAST_POINTS:
        return None
    step = -(-len(points_m) // _MOST_POINTS)
    points = np.asarray(points_m[::step], dtype=np.float64)
    directions = np.asarray(normals[::step], dtype=np.float64)
    fits = [fit(points, directions) for fit in (fit_sphere, fit_cylinder, fit_box)]
    good = [fit for fit in fits if fit is not None and _describes(fit, points, directions)]
    if not good:
        return None
    largest_m = _SIMPLER_MAY_BE_WORSE * min(fit.residual_m for fit in good)
    return next(fit for fit in good if fit.residual_m <= largest_m)


def _describes(fit: PrimitiveFit, points: FloatArray, directions: FloatArray) -> bool:
    largest_m = min(_LARGEST_RESIDUAL_M, _LARGEST_RESIDUAL_SHARE * float(fit.size_m.max()))
    distances = distances_to(fit.kind, fit.size_m, fit.pose, points)
    agreement = normal_agreement(fit.kind, fit.pose, points, directions)
    return bool(
        fit.residual_m <= largest_m
        and (np.abs(distances) < _NEAR_M).mean() >= _LEAST_NEAR_SHARE
        and agreement >= _LEAST_AGREEMENT
    )
