"""Deformations of a mesh that lies along the z axis: its triangles stay, its vertices move."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.synthesis.objects.closed_mesh import TriangleMesh, extent_m

FloatArray = NDArray[np.floating[Any]]

_WAVES: Final = 6


def bent(mesh: TriangleMesh, angle_rad: float) -> TriangleMesh:
    """The z axis bent towards +x into an arc of ``angle_rad`` from end to end.

    The middle of the axis stays where it is and upright. Half the arc's radius must be more
    than the mesh reaches to +x, or the inner side folds over.
    """
    x, y, z = mesh.vertices_m.T
    low, high = z.min(), z.max()
    radius = (high - low) / angle_rad
    turn = (z - (low + high) / 2.0) / radius
    along_x = radius - (radius - x) * np.cos(turn)
    along_z = (low + high) / 2.0 + (radius - x) * np.sin(turn)
    return TriangleMesh(np.stack([along_x, y, along_z], axis=1), mesh.faces)


def twisted(mesh: TriangleMesh, angle_rad: float) -> TriangleMesh:
    """Cross-sections turned about the z axis, by ``angle_rad`` between the two ends."""
    x, y, z = mesh.vertices_m.T
    turn = angle_rad * _share_of_length(z)
    cosine, sine = np.cos(turn), np.sin(turn)
    return TriangleMesh(
        np.stack([cosine * x - sine * y, sine * x + cosine * y, z], axis=1), mesh.faces
    )


def tapered(mesh: TriangleMesh, top_scale: float) -> TriangleMesh:
    """Cross-sections scaled evenly from 1 at the bottom to ``top_scale`` at the top."""
    scale = 1.0 + (top_scale - 1.0) * (_share_of_length(mesh.vertices_m[:, 2]) + 0.5)
    return mesh.scaled(np.stack([scale, scale, np.ones_like(scale)], axis=1))


def bumpy(mesh: TriangleMesh, strength: float, random: np.random.Generator) -> TriangleMesh:
    """Space shifted by a sum of a few waves as long as the mesh or half of it.

    strength
        Steepest slope the shift may have, below 1: then no two points change places, so a
        surface that does not cut itself never will.
    """
    wave_numbers = 2.0 * np.pi / extent_m(mesh.vertices_m) * random.uniform(1.0, 2.0, _WAVES)
    directions = random.normal(size=(_WAVES, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    shifts = random.normal(size=(_WAVES, 3))
    shifts /= np.linalg.norm(shifts, axis=1, keepdims=True)
    phases = mesh.vertices_m @ (directions * wave_numbers[:, None]).T
    waves = np.sin(phases + random.uniform(0.0, 2.0 * np.pi, _WAVES))
    heights = strength / _WAVES / wave_numbers
    return mesh.moved((waves * heights) @ shifts)


def ridged(mesh: TriangleMesh, count: int, height_share: float) -> TriangleMesh:
    """A solid of revolution with soft ridges along the z axis, a share of its radius high."""
    x, y, _ = mesh.vertices_m.T
    scale = 1.0 + height_share * np.cos(count * np.arctan2(y, x))
    return mesh.scaled(np.stack([scale, scale, np.ones_like(scale)], axis=1))


def _share_of_length(z: FloatArray) -> FloatArray:
    """From -0.5 at the lowest to 0.5 at the highest."""
    return np.asarray((z - z.min()) / (z.max() - z.min()) - 0.5)
