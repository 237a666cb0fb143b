"""Small matrices over a batch that is the last dimension, in torch.

Libraries loop over batches of small matrices; here a few operations run over the whole batch.
"""

from __future__ import annotations

import torch
from torch import Tensor

_SMALL_SQUARED_ANGLE = 1e-6


def product(first: Tensor, second: Tensor) -> Tensor:
    """(N, K, ..., B) of (N, M, ..., B) and (M, K, ..., B) matrices."""
    return contract(first.transpose(0, 1)[:, :, None], second[:, None])


def turn(matrices: Tensor, vectors: Tensor) -> Tensor:
    """(N, ..., B) of (N, M, ..., B) matrices and (M, ..., B) vectors."""
    return contract(matrices.transpose(0, 1), vectors[:, None])


def contract(first: Tensor, second: Tensor) -> Tensor:
    """Sum over the first dimension of the product of two broadcastable tensors.

    Term by term, as the product itself may be too large for the processor's caches.
    """
    (one, *ones), (other, *others) = first.unbind(), second.unbind()
    total = one * other
    for one, other in zip(ones, others, strict=True):
        total.addcmul_(one, other)
    return total


def length(vectors: Tensor) -> Tensor:
    """(...) lengths of (3, ...) vectors; torch's own norm is slow along the first dimension."""
    return contract(vectors, vectors).sqrt()


def cross(first: Tensor, second: Tensor) -> Tensor:
    """(3, ...) cross products of broadcastable (3, ...)."""
    (ax, ay, az), (bx, by, bz) = first.unbind(), second.unbind()
    product = torch.stack([ay * bz, az * bx, ax * by])
    for part, one, other in zip(product.unbind(), (az, ax, ay), (by, bz, bx), strict=True):
        part.addcmul_(one, other, value=-1.0)
    return product


def factorise(systems: Tensor) -> tuple[Tensor, Tensor]:
    """Eliminate the unknowns of (N, N + K, ..., B) symmetric positive definite systems.

    Only the upper triangle of the first N columns is read; the K others are right sides. Returns
    rows (N, N + K, ..., B), of use right of the diagonal, and pivots (N, ..., B): with the rows'
    diagonal taken as one, ``rows.T @ (pivots * rows)`` is the system.
    """
    rows = systems.clone()
    count = len(rows)
    pivots = torch.empty_like(rows[:, 0])
    for pivot in range(count):
        pivots[pivot] = rows[pivot, pivot]
        tail = rows[pivot, pivot + 1 :]
        scaled = tail / pivots[pivot]
        below = tail[: count - pivot - 1]
        rows[pivot + 1 :, pivot + 1 :].addcmul_(below[:, None], scaled[None], value=-1.0)
        rows[pivot, pivot + 1 :] = scaled
    return rows, pivots


def substitute(rows: Tensor, right: Tensor) -> Tensor:
    """(N, ..., B) solution of unit upper triangular ``rows`` and (N, ..., B) right sides."""
    solution = right.clone()
    for row in reversed(range(len(right) - 1)):
        later = rows[row, row + 1 : len(right)] * solution[row + 1 :]
        solution[row] -= later.sum(dim=0)
    return solution


def solve(systems: Tensor) -> Tensor:
    """(N, K, ..., B) solutions of (N, N + K, ..., B) symmetric positive definite systems."""
    rows, _ = factorise(systems)
    count = len(rows)
    solution = rows[:, count:].clone()
    for row in reversed(range(count - 1)):
        later = rows[row, row + 1 : count, None] * solution[row + 1 :]
        solution[row] -= later.sum(dim=0)
    return solution


def rotation_and_left_jacobian(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """(3, 3, ...) rotations and left Jacobians of SO(3) of (3, ...) axis-angle vectors."""
    squared = contract(vectors, vectors).clamp_min(_SMALL_SQUARED_ANGLE)
    angle = squared.sqrt()
    first = angle.sin() / angle
    second = (1.0 - angle.cos()) / squared
    third = (1.0 - first) / squared
    outer = vectors[:, None] * vectors[None]
    rotation, left = second * outer, third * outer
    cosine = 1.0 - second * squared
    for row in range(3):
        rotation[row, row] += cosine
        left[row, row] += first
    for row, column, part in ((2, 1, vectors[0]), (0, 2, vectors[1]), (1, 0, vectors[2])):
        rotation[row, column] += first * part
        rotation[column, row] -= first * part
        left[row, column] += second * part
        left[column, row] -= second * part
    return rotation, left
