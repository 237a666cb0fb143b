"""Which depth the network sees of each hand: what is asked for, and what there is."""

from __future__ import annotations

from typing import Final

from hand_object_recon.core.errors import ConfigError
from hand_object_recon.core.method_settings import CrossBranchSettings
from hand_object_recon.reconstructors.cross_branch.options import CrossBranchOptions, DepthSource

NO_DEPTH: Final = (
    "too little depth on the hand, and the network of cross_branch.weights reads it and cannot "
    "estimate it"
)
BY_ESTIMATE: Final = (
    "too little depth on a hand for cross_branch: the depth that the network reads is the one it "
    "estimates from colour"
)

_AS_TRAINED: Final = "as_trained"
_LEAST_SHARE: Final = 0.05
"""Of the crop's middle third, so that measured depth says anything."""


class DepthChoice:
    """What the fourth channel of each hand holds.

    notes
        What a user should know of it whatever a frame shows.

    Raises
    ------
    ConfigError
        The setting asks for what the network has not.
    """

    def __init__(self, settings: CrossBranchSettings, options: CrossBranchOptions) -> None:
        trained = options.depth_source
        self._can_estimate = trained.is_estimated
        self._source = trained
        self.notes: tuple[str, ...] = ()
        if settings.depth_source == _AS_TRAINED:
            return
        self._source = DepthSource(settings.depth_source)
        _require_channel(self._source, trained)
        if self._source is not trained:
            self.notes = (
                f"cross_branch.depth_source is {self._source.value!r}, and the weights were "
                f"trained with {trained.value!r}: the network has not learned from such depth",
            )

    def of_hand(self, measured_share: float) -> DepthSource | None:
        """The depth of a hand with readings on that share of its crop's middle third.

        None where it has too little, and the network cannot do without.
        """
        is_measured = self._source in (DepthSource.SENSOR, DepthSource.BOTH)
        if not is_measured or measured_share >= _LEAST_SHARE:
            return self._source
        return DepthSource.ESTIMATED if self._can_estimate else None

    def is_replaced(self, source: DepthSource) -> bool:
        """Whether a hand got an estimate instead of the measured depth that it should have."""
        return source is not self._source


def _require_channel(asked: DepthSource, trained: DepthSource) -> None:
    if trained is DepthSource.NONE and asked is not trained:
        raise ConfigError(
            f"cross_branch.depth_source is {asked.value!r}, and the network of "
            "cross_branch.weights reads no depth; set it to 'as_trained'"
        )
    if asked.is_estimated and not trained.is_estimated:
        raise ConfigError(
            f"cross_branch.depth_source is {asked.value!r}, and the network of "
            "cross_branch.weights estimates no depth; set it to 'as_trained' or 'sensor'"
        )
