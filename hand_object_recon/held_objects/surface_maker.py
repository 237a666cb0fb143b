"""The mesh of an object, made beside the frames that come meanwhile."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

from hand_object_recon.core.stage_settings import HeldObjectSettings
from hand_object_recon.held_objects.object_shape import ObjectShape
from hand_object_recon.object_model.fused_volume import FusedVolume
from hand_object_recon.object_model.object_surface import CompletionRule


class SurfaceMaker:
    """Makes one mesh at a time of a copy of a volume, in a thread.

    It is asked for when the next one is due and not when it is ready, so that a recording gives
    the same meshes at the same frames however fast the machine is.
    """

    def __init__(self) -> None:
        self._made: Future[ObjectShape | None] | None = None

    def begin(self, volume: FusedVolume, settings: HeldObjectSettings) -> None:
        """Begin to make the mesh of a volume as it is now."""
        rule = CompletionRule(settings.completion)
        frozen = volume.copy()
        self._made = _workers().submit(_made, frozen, rule, settings.mesh_faces)

    def take(self) -> ObjectShape | None:
        """What was begun last, waited for if need be; None where too little was seen."""
        made, self._made = self._made, None
        return made.result() if made is not None else None


@cache
def _workers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="object-mesh")


def _made(volume: FusedVolume, rule: CompletionRule, max_faces: int) -> ObjectShape | None:
    surface = volume.surface(rule, max_faces)
    if surface is None:
        return None
    return ObjectShape(
        vertices_m=surface.vertices_m,
        faces=surface.faces,
        vertex_seen=surface.vertex_seen,
        vertex_colors=surface.vertex_colors,
        primitive=surface.primitive,
    )
