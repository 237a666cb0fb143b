"""Joining the ROS graph of the environment."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hand_object_recon.core.errors import DependencyError
from hand_object_recon.dds.graph_settings import GraphSettings
from hand_object_recon.dds.transport import Transport


@contextmanager
def join_graph(domain_id: int | None = None) -> Iterator[Transport]:
    """A link to the graph of the environment variables, in another domain if one is given.

    Raises
    ------
    DependencyError
        CycloneDDS is not installed.
    ConfigError, TransportError
        The environment is wrong, or the graph cannot be joined.
    """
    settings = GraphSettings.from_environment(domain_id)
    try:
        from hand_object_recon.dds.cyclone import CycloneTransport
    except ImportError as error:
        raise DependencyError(
            "the link to ROS 2 needs CycloneDDS: pip install 'hand_object_recon[dds]' "
            "(x86_64, Python 3.10 to 3.13)"
        ) from error
    transport = CycloneTransport(settings)
    try:
        yield transport
    finally:
        transport.close()
