"""The straight way a frame takes: detect, track, reconstruct, place, smooth, objects, refine."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import PluginError
from hand_object_recon.core.hands import HandDetection, HandEstimate, HandTopology, TrackedHand
from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.core.reconstruction import Reconstruction
from hand_object_recon.detectors.base import Detector
from hand_object_recon.held_objects.stage import HeldObjects
from hand_object_recon.interaction.refinement import ContactRefinement
from hand_object_recon.pipeline.placement import MetricPlacement
from hand_object_recon.pipeline.smoother import Smoother
from hand_object_recon.pipeline.stage_clock import StageClock
from hand_object_recon.pipeline.tracker import Tracker
from hand_object_recon.reconstructors.base import Reconstructor, ReconstructorOutput


@dataclass(frozen=True, eq=False)
class DetectedFrame:
    """A frame with the hands found in it, the surest first, and the clock of its stages so far."""

    frame: RgbdFrame
    detections: tuple[HandDetection, ...]
    clock: StageClock


@dataclass(frozen=True, eq=False)
class FrameResult:
    """What became of a frame.

    tracked
        The detections that the reconstruction came from.
    notes
        What a user should hear about the frame.
    stage_cpu_ms
        Processor time by stage, as :class:`StageClock` measures it.
    """

    reconstruction: Reconstruction
    tracked: tuple[TrackedHand, ...]
    notes: tuple[str, ...] = ()
    stage_cpu_ms: Mapping[str, float] = field(default_factory=dict)


class Pipeline:
    """Runs the stages on one frame after another of one camera.

    ``process`` is ``detect`` and then ``reconstruct``. Detection looks at nothing that the later
    stages leave behind, so one thread may detect a frame while another reconstructs the one
    before it: each on one frame after another in their order, and neither while anything else
    is called. The results are the same.
    """

    def __init__(
        self,
        detector: Detector,
        tracker: Tracker,
        reconstructor: Reconstructor,
        placement: MetricPlacement,
        smoother: Smoother,
        held_objects: HeldObjects | None,
        refinement: ContactRefinement,
    ) -> None:
        self._detector = detector
        self._tracker = tracker
        self._reconstructor = reconstructor
        self._placement = placement
        self._smoother = smoother
        self._held_objects = held_objects
        self._refinement = refinement
        self._last_objects: tuple[ObjectEstimate, ...] = ()

    @property
    def method(self) -> str:
        """Name of the reconstructor."""
        return self.reconstructor_card.name

    @property
    def reconstructor_card(self) -> PluginCard:
        """What the reconstructor is."""
        return self._reconstructor.card

    def topologies(self) -> tuple[HandTopology, ...]:
        """The meshes the hands come in."""
        return self._reconstructor.topologies()

    def warm_up(self) -> None:
        """Do once what makes a first frame slow, so that no camera waits for it."""
        self._detector.warm_up()
        self._reconstructor.warm_up()
        self._placement.warm_up()
        if self._held_objects is not None:
            self._held_objects.warm_up()
        self._refinement.warm_up()

    def process(self, frame: RgbdFrame) -> FrameResult:
        """Reconstruct one frame; frames are to come in the order they were taken."""
        return self.reconstruct(self.detect(frame))

    def detect(self, frame: RgbdFrame) -> DetectedFrame:
        """Find the hands of a frame."""
        clock = StageClock()
        with clock.stage("detect"):
            detections = self._detector.detect(frame)
        return DetectedFrame(frame, tuple(detections), clock)

    def reconstruct(self, detected: DetectedFrame) -> FrameResult:
        """Reconstruct the hands that were found, and what they hold."""
        frame, clock = detected.frame, detected.clock
        with clock.stage("track"):
            tracked = self._tracker.update(frame, detected.detections)
            self._forget_ended()
        with clock.stage("reconstruct"):
            self._reconstructor.expect_objects(self._last_objects)
            output = self._reconstructor.reconstruct(frame, tracked)
        with clock.stage("place"):
            placed = self._placed(frame, output, tracked)
        with clock.stage("smooth"):
            hands = self._smoothed(frame, placed, tracked)
        with clock.stage("object"):
            objects = self._objects(frame, hands, output.objects)
        with clock.stage("refine"):
            hands, objects = self._refinement.refine(frame, hands, objects)
        self._last_objects = objects
        reconstruction = Reconstruction(
            stamp_ns=frame.stamp_ns,
            frame_id=frame.frame_id,
            method=self.method,
            hands=hands,
            objects=objects,
            stage_ms=clock.stage_ms,
        )
        notes = _notes(frame, tracked, hands, self.reconstructor_card, output)
        return FrameResult(reconstruction, tuple(tracked), notes, clock.stage_cpu_ms)

    def change_settings(self, config: PipelineConfig) -> None:
        """Use a configuration that differs in run-time settings only, from the next frame on."""
        self._detector.change_settings(config)
        self._tracker.change_settings(config.tracker)
        self._reconstructor.change_settings(config)
        self._smoother.change_settings(config.smoother)
        if self._held_objects is not None:
            self._held_objects.change_settings(config.held_object)
        self._refinement.change_settings(config.contact_refinement)

    def continue_ids_of(self, earlier: Pipeline) -> None:
        """Give hands and objects that are modelled from depth no id that another pipeline gave."""
        self._tracker.continue_ids_of(earlier._tracker)
        if self._held_objects is not None and earlier._held_objects is not None:
            self._held_objects.continue_ids_of(earlier._held_objects)

    def reset(self) -> None:
        """Forget earlier frames, as before another recording."""
        self._detector.reset()
        self._tracker.reset()
        self._reconstructor.reset()
        self._smoother.reset()
        if self._held_objects is not None:
            self._held_objects.reset()
        self._last_objects = ()

    def close(self) -> None:
        """Free models and memory."""
        self._detector.close()
        self._reconstructor.close()

    def _forget_ended(self) -> None:
        for track_id in self._tracker.ended:
            self._reconstructor.forget(track_id)
            self._smoother.forget(track_id)

    def _objects(
        self, frame: RgbdFrame, hands: Sequence[HandEstimate], given: tuple[ObjectEstimate, ...]
    ) -> tuple[ObjectEstimate, ...]:
        """The reconstructor's own objects, or what depth shows in the hands."""
        if self._held_objects is None:
            return given
        return self._held_objects.update(frame, hands)

    def _placed(
        self, frame: RgbdFrame, output: ReconstructorOutput, tracked: Sequence[TrackedHand]
    ) -> list[HandEstimate]:
        detection = {hand.track_id: hand.detection for hand in tracked}
        for hand in output.hands:
            self._check_contract(hand, detection)
        placed = (
            self._placement.place(
                frame, hand, detection[hand.track_id], output.keypoints_px.get(hand.track_id)
            )
            for hand in output.hands
        )
        return [hand for hand in placed if hand is not None]

    def _check_contract(self, hand: HandEstimate, known: Container[int]) -> None:
        """A third party's reconstructor may name tracks or meshes nobody gave it."""
        if hand.track_id not in known:
            raise PluginError(
                f"reconstructor {self.method!r} returned a hand of track {hand.track_id}, which "
                "is not among those it was given"
            )
        if not self._placement.knows(hand.topology):
            raise PluginError(
                f"reconstructor {self.method!r} returned a hand of topology {hand.topology!r}, "
                "which is not among its topologies()"
            )

    def _smoothed(
        self, frame: RgbdFrame, hands: Sequence[HandEstimate], tracked: Sequence[TrackedHand]
    ) -> tuple[HandEstimate, ...]:
        new = {hand.track_id for hand in tracked if hand.is_new}
        for track_id in new - {hand.track_id for hand in hands}:
            self._smoother.forget(track_id)  # its first estimate is yet to come
        return tuple(
            self._smoother.smooth(hand, frame.stamp_ns, is_new=hand.track_id in new)
            for hand in hands
        )


def _notes(
    frame: RgbdFrame,
    tracked: Sequence[TrackedHand],
    hands: Sequence[HandEstimate],
    method: PluginCard,
    output: ReconstructorOutput,
) -> tuple[str, ...]:
    notes = []
    if frame.camera.is_distorted:
        notes.append(
            f"the lens distortion ({frame.camera.distortion_model}) is not undone: hands near the "
            "image's edge are off; use the camera driver's rectified topics"
        )
    has_depth = not np.isnan(frame.depth_m).all()
    if not has_depth:
        notes.append("no depth reading in the whole image (is the depth stream covered or off?)")
    if len(hands) < len(tracked) and (has_depth or not method.needs_depth):
        notes.append(
            f"{len(tracked) - len(hands)} of {len(tracked)} detected hands could not be "
            f"reconstructed ({_reason_of_absence(method, output)})"
        )
    return (*notes, *output.notes)


def _reason_of_absence(method: PluginCard, output: ReconstructorOutput) -> str:
    if output.left_out:
        return "; ".join(sorted(set(output.left_out.values())))
    if method.needs_depth:
        return "no depth on the hand: out of the sensor's range, or depth not aligned to colour"
    return "too small in the image, mostly outside it, or found without keypoints"
