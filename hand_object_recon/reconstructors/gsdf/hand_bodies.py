"""The surfaces of each tracked hand and of what it holds, made now and then."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSurface
from hand_object_recon.core.method_settings import GSDFSettings
from hand_object_recon.networks.track_memory import TrackMemory
from hand_object_recon.reconstructors.gsdf.camera_field import CameraField, CameraMesh, QueryFrame
from hand_object_recon.reconstructors.gsdf.hand_placement import PlacedHand
from hand_object_recon.reconstructors.gsdf.object_track import ObjectTrack
from hand_object_recon.reconstructors.gsdf.sight import BodyFields
from hand_object_recon.reconstructors.gsdf.surface_extraction import (
    Extraction,
    Surface,
    extract_following,
    surface_of,
)

FloatArray = NDArray[np.floating[Any]]

_SECOND_NS: Final = 1_000_000_000
_LEAST_EXTENT_M: Final = 0.015
"""Of an object; smaller surfaces are crumbs of a field that shows nothing."""
_LEAST_DEPTH_M: Final = 0.002
"""Inside an object; a field that is nowhere farther inside guesses, and shows nothing either."""


@dataclass(frozen=True, eq=False)
class HandBodies:
    """What a frame shows of one hand: its surface, where it was made, and what it holds."""

    surface: HandSurface | None
    held: ObjectTrack | None


@dataclass(eq=False)
class _Memory:
    """Of a track: when meshes were made last, from what, and what it held."""

    made_ns: int | None = None
    extraction: Extraction | None = None
    held: ObjectTrack | None = None


class BodyMemory:
    """Follows the bodies of all tracks from frame to frame.

    Meshes are made by the frames' time stamps, so a recording gives the same ones however fast
    the machine is. A hand that is new, was lost, has changed its side or comes with an earlier
    stamp than before begins anew, with another object.
    """

    def __init__(self, unit_m: float, device: torch.device) -> None:
        self._unit_m, self._device = unit_m, device
        self._tracks = TrackMemory(_Memory)
        self._next_id = 0

    def update(
        self, hand: PlacedHand, fields: BodyFields, stamp_ns: int, settings: GSDFSettings
    ) -> HandBodies:
        """The bodies of a hand in a frame."""
        memory = self._tracks.of_hand(hand.view.hand, stamp_ns)
        frame = QueryFrame.of_hand(hand, self._unit_m)
        held_field = CameraField(fields.object, frame, self._device)
        if memory.held is not None:
            memory.held.follow(held_field, hand.wrist_pose)
        surface = None
        if _is_due(memory, stamp_ns, settings):
            memory.made_ns = stamp_ns
            memory.extraction = self._extracted(fields, memory.extraction, settings.mesh_cells)
            hand_field = CameraField(fields.hand, frame, self._device)
            surface = _hand_surface(memory.extraction, hand_field, settings.mesh_faces)
            mesh = _object_mesh(memory.extraction, frame, settings.mesh_faces)
            self._note(memory, mesh, held_field, hand.wrist_pose)
        return HandBodies(surface, memory.held)

    def forget(self, track_id: int) -> None:
        """Drop a track."""
        self._tracks.forget(track_id)

    def reset(self) -> None:
        """Drop all tracks."""
        self._tracks.reset()

    def _extracted(
        self, fields: BodyFields, before: Extraction | None, cells: int
    ) -> Extraction | None:
        """Samples of both bodies, asked first where they were before on as fine a lattice."""
        previous = before if before is not None and before.hand.cells == cells else None
        return extract_following(fields.hand, fields.object, previous, self._device, cells)

    def _note(
        self,
        memory: _Memory,
        mesh: CameraMesh | None,
        field: CameraField,
        wrist_pose: NDArray[np.float64],
    ) -> None:
        """Bring the object up to date with a new mesh, or with there being none."""
        if memory.held is not None:
            memory.held.renew(mesh, field)
            memory.held = None if memory.held.is_gone else memory.held
        elif mesh is not None:
            memory.held = ObjectTrack(self._next_id, mesh, wrist_pose)
            self._next_id += 1


def _is_due(memory: _Memory, stamp_ns: int, settings: GSDFSettings) -> bool:
    if memory.made_ns is None:
        return True
    return (stamp_ns - memory.made_ns) * settings.mesh_rate_hz >= _SECOND_NS


def _hand_surface(
    extraction: Extraction | None, field: CameraField, max_faces: int
) -> HandSurface | None:
    surface = surface_of(extraction.hand) if extraction is not None else None
    if surface is None:
        return None
    mesh = field.frame.mesh(surface, max_faces)
    return HandSurface(
        mesh.vertices_m.astype(np.float32),
        mesh.faces,
        field.normals(mesh.vertices_m).astype(np.float32),
    )


def _object_mesh(
    extraction: Extraction | None, frame: QueryFrame, max_faces: int
) -> CameraMesh | None:
    if extraction is None or _depth_m(extraction, frame) < _LEAST_DEPTH_M:
        return None
    surface = surface_of(extraction.object)
    if surface is None or _extent_m(surface, frame) < _LEAST_EXTENT_M:
        return None
    return frame.mesh(surface, max_faces)


def _depth_m(extraction: Extraction, frame: QueryFrame) -> float:
    """How far inside the object its field's innermost sample is."""
    return -float(extraction.object.values.min()) * frame.unit_m


def _extent_m(surface: Surface, frame: QueryFrame) -> float:
    return float(np.ptp(surface.vertices, axis=0).max()) * frame.unit_m
