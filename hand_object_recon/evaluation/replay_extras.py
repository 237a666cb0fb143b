"""What a replay gives beside results, overlay and summary, where it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.evaluation.result_sink import SinkOptions
from hand_object_recon.recordings.input_copy import RecordedInput
from hand_object_recon.recordings.reader import RgbdRecording
from hand_object_recon.visualization.rerun_viewer import require_viewer


@dataclass(frozen=True)
class ReplayExtras:
    """The extras of a replay; none by default.

    with_input
        The result recording holds the camera's messages too, so that it plays alone.
    opens_viewer, viewer_file
        Show the frames in a Rerun viewer that is opened, keep them in an ``.rrd`` file, or both.
    """

    with_input: bool = False
    opens_viewer: bool = False
    viewer_file: Path | None = None

    def require_usable(self) -> None:
        """Check before any work is done that the viewer can be used as asked.

        Raises
        ------
        DependencyError, InvalidValueError
            It cannot; the error says why.
        """
        if self.opens_viewer or self.viewer_file is not None:
            require_viewer(opens=self.opens_viewer, file=self.viewer_file)

    def sink_options(self, source: RgbdRecording, config: PipelineConfig) -> SinkOptions:
        """What the writing process needs to know of them."""
        slop_ms = config.recording.sync_slop_ms
        recorded_input = RecordedInput.of(source, slop_ms) if self.with_input else None
        return SinkOptions(recorded_input, self.opens_viewer, self.viewer_file)
