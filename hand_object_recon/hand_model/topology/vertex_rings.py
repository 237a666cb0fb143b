"""The neighbours of each vertex in the order in which they lie around it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError

Indices = NDArray[np.int32]


def vertex_rings(faces: Indices, vertex_count: int) -> tuple[tuple[int, ...], ...]:
    """For each vertex its neighbours, clockwise seen from outside, as OpenMesh goes round.

    Around a vertex inside the mesh OpenMesh starts at the corner that follows it in the last of
    its faces; on a rim, at the neighbour to which no face runs. Where several fans of faces meet
    in a vertex they come one after the other, the fan of the earliest face first (OpenMesh may
    start with another). A vertex without a face has no neighbour.

    Raises
    ------
    InvalidValueError
        Two faces run along an edge in the same direction: the faces are wound differently or
        three meet in an edge.
    """
    previous = _previous_neighbours(faces, vertex_count)
    return tuple(_ring(around) for around in previous)


def _previous_neighbours(faces: Indices, vertex_count: int) -> list[dict[int, int]]:
    """For each vertex and each corner that follows it in a face, the corner that comes before.

    In the order of the faces.
    """
    around: list[dict[int, int]] = [{} for _ in range(vertex_count)]
    for face in faces.tolist():
        for corner in range(3):
            vertex, following, preceding = (face[(corner + turn) % 3] for turn in range(3))
            if following in around[vertex]:
                raise InvalidValueError(
                    f"faces run twice from vertex {vertex} to vertex {following}; "
                    "wind them alike, with at most two faces at an edge"
                )
            around[vertex][following] = preceding
    return around


def _ring(preceding: dict[int, int]) -> tuple[int, ...]:
    """Neighbours clockwise, given for each the next one counter-clockwise."""
    following = {before: after for after, before in preceding.items()}
    ring: list[int] = []
    starts = [before for before in following if before not in preceding]
    starts += reversed(preceding)
    for start in starts:
        neighbour: int | None = start
        while neighbour is not None and neighbour not in ring:
            ring.append(neighbour)
            neighbour = following.get(neighbour)
    return tuple(ring)
