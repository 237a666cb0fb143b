"""Errors a user can act on: each message names the thing, the value and the fix."""


class HandObjectReconError(Exception):
    """Base of every error the program reports in one line, without a traceback."""


class InvalidValueError(HandObjectReconError, ValueError):
    """A value handed to a value type or a function is outside its contract."""


class ConfigError(HandObjectReconError, ValueError):
    """A configuration file or option names an unknown key or a value out of range."""


class PluginError(HandObjectReconError):
    """A plugin is unknown, does not import, or does not keep its contract."""


class RecordingError(HandObjectReconError):
    """A recording cannot be opened, or lacks what the pipeline needs."""


class DatasetError(HandObjectReconError):
    """A data set's folder, split or file is missing or damaged."""


class FrameError(HandObjectReconError):
    """One frame cannot be used; the frames around it still can."""


class StateError(HandObjectReconError):
    """What was asked does not fit the state the pipeline is in."""


class TransportError(HandObjectReconError):
    """The link to a ROS graph cannot be made, or can no longer be used."""


class DependencyError(HandObjectReconError, ImportError):
    """An optional library is needed for what was asked and is not installed."""
