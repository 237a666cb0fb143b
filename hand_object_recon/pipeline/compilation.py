"""Compilation of what the default pipeline runs, ahead of its first start on a machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Final

from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.geometry.surface_reading import warm_up_surface_reading
from hand_object_recon.held_objects.stage import HeldObjects
from hand_object_recon.interaction.refinement import ContactRefinement
from hand_object_recon.reconstructors.base import RECONSTRUCTORS, Reconstructor


def compile_pipeline(config: PipelineConfig) -> Iterator[str]:
    """Compile the stages of a pipeline in processes side by side; gives each one's name when done.

    The machine code is kept on disk (``geometry/kernel_cache.py``), so every later start finds
    it. Without this the first ``warm_up`` does the same work one stage after another.
    """
    spawned = get_context("spawn")
    with ProcessPoolExecutor(len(_STAGES), mp_context=spawned) as pool:
        jobs = {pool.submit(_STAGES[name], config): name for name in _STAGES}
        for job in as_completed(jobs):
            job.result()
            yield jobs[job]


def _compile_reconstructor(config: PipelineConfig) -> None:
    _reconstructor(config).warm_up()
    warm_up_surface_reading()


def _compile_held_objects(config: PipelineConfig) -> None:
    HeldObjects(config.held_object, _reconstructor(config).topologies()).warm_up()


def _compile_refinement(config: PipelineConfig) -> None:
    ContactRefinement(config.contact_refinement, config.hand_model).warm_up()


def _reconstructor(config: PipelineConfig) -> Reconstructor:
    return RECONSTRUCTORS.load(config.reconstructor)(config)


_STAGES: Final[dict[str, Callable[[PipelineConfig], None]]] = {
    "reconstructor": _compile_reconstructor,
    "held objects": _compile_held_objects,
    "contact refinement": _compile_refinement,
}
