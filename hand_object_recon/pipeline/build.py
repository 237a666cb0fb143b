"""The composition root: a configuration in, a pipeline out."""

from __future__ import annotations

from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.detectors.base import DETECTORS
from hand_object_recon.held_objects.stage import HeldObjects
from hand_object_recon.interaction.refinement import ContactRefinement
from hand_object_recon.pipeline.pipeline import Pipeline
from hand_object_recon.pipeline.placement import MetricPlacement
from hand_object_recon.pipeline.smoother import Smoother
from hand_object_recon.pipeline.tracker import Tracker
from hand_object_recon.reconstructors.base import RECONSTRUCTORS


def build_pipeline(config: PipelineConfig) -> Pipeline:
    """Load the plugins a configuration names and put the pipeline together.

    Raises
    ------
    PluginError
        A plugin does not exist, does not import or breaks its contract.
    """
    detector_class = DETECTORS.load(config.detector)
    reconstructor_class = RECONSTRUCTORS.load(config.reconstructor)
    reconstructor = reconstructor_class(config)
    card = reconstructor.card
    topologies = reconstructor.topologies()
    held = config.held_object
    models_objects = held.enabled and (held.prefer_depth or not card.gives_object)
    return Pipeline(
        detector=detector_class(config),
        tracker=Tracker(config.tracker, card.history_frames),
        reconstructor=reconstructor,
        placement=MetricPlacement(
            topologies, is_metric=card.is_metric, turns=config.depth_turn.enabled
        ),
        smoother=Smoother(config.smoother),
        held_objects=HeldObjects(held, topologies) if models_objects else None,
        refinement=ContactRefinement(config.contact_refinement, config.hand_model),
    )
