"""Unions and differences of closed meshes (manifold3d)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from hand_object_recon.core.errors import DependencyError, InvalidValueError
from hand_object_recon.synthesis.objects.closed_mesh import TriangleMesh

_SEAM_TOLERANCE_M: Final = 5e-5


def united(meshes: list[TriangleMesh], edge_m: float) -> TriangleMesh:
    """All that lies in at least one of the meshes; edges are divided as in ``extruded``."""
    manifold = _import_manifold()
    solids = [_solid(mesh) for mesh in meshes]
    return _mesh(manifold.Manifold.batch_boolean(solids, manifold.OpType.Add), edge_m)


def without(mesh: TriangleMesh, removed: TriangleMesh, edge_m: float) -> TriangleMesh:
    """All of a mesh that does not lie in another; edges are divided as in ``extruded``."""
    return _mesh(_solid(mesh) - _solid(removed), edge_m)


def extruded(contours_m: list[Any], height_m: float, edge_m: float) -> TriangleMesh:
    """The solid of a plane shape, contours (N, 2) counter-clockwise or, for holes, clockwise.

    It stands on the plane z = 0. Edges are divided until none is longer than ``edge_m``; the new
    ones within a divided face may be up to about twice as long.
    """
    manifold = _import_manifold()
    section = manifold.CrossSection(contours_m, manifold.FillRule.Positive)
    return _mesh(manifold.Manifold.extrude(section, height_m), edge_m)


def simplified(mesh: TriangleMesh, tolerance_m: float) -> TriangleMesh:
    """The mesh with as few faces as keep its surface within a tolerance; it stays closed."""
    return _plain(_solid(mesh).as_original().simplify(tolerance_m))


def _solid(mesh: TriangleMesh) -> Any:
    manifold = _import_manifold()
    solid = manifold.Manifold(
        manifold.Mesh64(
            np.ascontiguousarray(mesh.vertices_m, dtype=np.float64),
            np.ascontiguousarray(mesh.faces, dtype=np.uint64),
        )
    )
    if solid.status() != manifold.Error.NoError:
        raise InvalidValueError(
            f"a mesh of {len(mesh.faces)} faces is no solid ({solid.status().name}); close it"
        )
    return solid


def _mesh(solid: Any, edge_m: float) -> TriangleMesh:
    """The mesh of a solid, the slivers along its seams merged and its long edges divided."""
    return _plain(solid.as_original().simplify(_SEAM_TOLERANCE_M).refine_to_length(edge_m))


def _plain(solid: Any) -> TriangleMesh:
    plain = solid.to_mesh64()
    vertices = np.array(plain.vert_properties, dtype=np.float64)[:, :3]
    return TriangleMesh(vertices, np.array(plain.tri_verts, dtype=np.int32))


def _import_manifold() -> Any:
    try:
        import manifold3d
    except ImportError:
        raise DependencyError(
            "objects put together from parts need manifold3d, which is not installed: "
            "pip install manifold3d"
        ) from None
    return manifold3d
