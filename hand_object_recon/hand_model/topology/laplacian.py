"""Laplacians of graphs and meshes as sparse matrices, float64."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix, diags, identity
from scipy.sparse.linalg import eigsh

from hand_object_recon.geometry.mesh_normals import face_area_vectors

FloatArray = NDArray[np.floating[Any]]


def combinatorial_laplacian(adjacency: csr_matrix) -> csr_matrix:
    """(V, V) D - A, where D holds the row sums of the symmetric (V, V) adjacency A."""
    degrees = np.asarray(adjacency.sum(axis=1)).ravel()
    return (diags(degrees) - adjacency).tocsr()


def normalised_laplacian(adjacency: csr_matrix) -> csr_matrix:
    """(V, V) I - D^-1/2 A D^-1/2, eigenvalues in [0, 2]; a node without an edge has the row of I.

    Chung, *Spectral Graph Theory*, 1997, except for nodes without an edge (hers are zero rows).
    """
    degrees = np.asarray(adjacency.sum(axis=1)).ravel()
    scale = np.divide(1.0, np.sqrt(degrees), out=np.zeros_like(degrees), where=degrees > 0)
    return (identity(len(degrees)) - diags(scale) @ adjacency @ diags(scale)).tocsr()


def chebyshev_laplacian(laplacian: csr_matrix) -> csr_matrix:
    """2 L / (largest eigenvalue) - I: a Laplacian with its eigenvalues brought to [-1, 1].

    The argument that Chebyshev polynomials need; Defferrard et al., *Convolutional Neural
    Networks on Graphs*, 2016, section 2.1.
    """
    largest = largest_eigenvalue(laplacian)
    return (2.0 / largest * laplacian - identity(laplacian.shape[0])).tocsr()


def largest_eigenvalue(laplacian: csr_matrix) -> float:
    """The greatest eigenvalue of a symmetric (V, V) matrix; the same number at every call."""
    start = np.random.default_rng(0).normal(size=laplacian.shape[0])
    return float(eigsh(laplacian, k=1, which="LA", v0=start, return_eigenvectors=False)[0])


def cotangent_laplacian(vertices: FloatArray, faces: NDArray[np.int32]) -> csr_matrix:
    """(V, V) stiffness matrix of linear finite elements: x . L x is the Dirichlet energy of x.

    An edge has minus half the sum of the cotangents of the angles opposite to it; rows sum to
    zero (Pinkall & Polthier, *Computing Discrete Minimal Surfaces*, 1993). vertices (V, 3),
    faces (F, 3); a face without area adds nothing.
    """
    rows, columns, values = [], [], []
    cotangents = corner_cotangents(vertices, faces)
    for corner in range(3):
        start, end = faces[:, (corner + 1) % 3], faces[:, (corner + 2) % 3]
        rows += [start, end]
        columns += [end, start]
        values += [0.5 * cotangents[:, corner]] * 2
    count = len(vertices)
    weights = coo_matrix(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), (count, count)
    )
    return combinatorial_laplacian(weights.tocsr())


def corner_cotangents(vertices: FloatArray, faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """(F, 3) cotangent of the angle at each corner of a face; zero for a face without area."""
    corners = vertices.astype(np.float64)[faces]
    doubled_area = np.linalg.norm(face_area_vectors(vertices.astype(np.float64), faces), axis=1)
    cotangents = np.zeros(faces.shape)
    for corner in range(3):
        first = corners[:, (corner + 1) % 3] - corners[:, corner]
        second = corners[:, (corner + 2) % 3] - corners[:, corner]
        dot = np.einsum("fc,fc->f", first, second)
        np.divide(dot, doubled_area, out=cotangents[:, corner], where=doubled_area > 0)
    return cotangents
