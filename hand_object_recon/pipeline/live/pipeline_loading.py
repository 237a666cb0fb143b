"""Pipelines loaded while a robot runs: whatever third parties' plugins raise, and their memory."""

from __future__ import annotations

import gc
from contextlib import suppress

from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import HandObjectReconError, PluginError
from hand_object_recon.pipeline.build import build_pipeline
from hand_object_recon.pipeline.live.statistics import free_gpu_memory
from hand_object_recon.pipeline.pipeline import Pipeline


def loaded_pipeline(config: PipelineConfig) -> Pipeline:
    """A pipeline that is ready to run; whatever its plugins raise comes as a PluginError."""
    try:
        pipeline = build_pipeline(config)
        try:
            pipeline.warm_up()
        except Exception:
            with suppress(Exception):  # the first error is the one to tell
                pipeline.close()
            raise
    except HandObjectReconError:
        raise
    except Exception as error:  # a third party's plugin may raise anything
        raise PluginError(
            f"detector {config.detector!r} and reconstructor {config.reconstructor!r} cannot be "
            f"started: {error_text(error)}"
        ) from error
    return pipeline


def give_back_memory() -> None:
    """Free what a pipeline that was dropped held."""
    gc.collect()  # a network's modules hold each other
    free_gpu_memory()


def error_text(error: Exception) -> str:
    """What to tell of an error: its type too, where it is not one of ours."""
    if isinstance(error, HandObjectReconError):
        return str(error)
    return f"{type(error).__name__}: {error}"
