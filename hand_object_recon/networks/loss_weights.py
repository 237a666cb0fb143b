"""Weights of a loss's terms where an option names some that are not the usual ones."""

from __future__ import annotations

from collections.abc import Mapping

from hand_object_recon.core.errors import ConfigError


def changed_weights(
    usual: Mapping[str, float], changed: Mapping[str, float], method: str
) -> dict[str, float]:
    """Of all terms by name.

    Raises
    ------
    ConfigError
        The method's loss has no term of a changed one's name.
    """
    unknown = set(changed) - set(usual)
    if unknown:
        raise ConfigError(
            f"method option 'weights' of {method} has {min(unknown)!r}; there is {', '.join(usual)}"
        )
    return {**usual, **changed}
