"""Which graph to join, read from the environment variables that ROS 2 programs read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from xml.sax.saxutils import quoteattr

from hand_object_recon.core.errors import ConfigError

LARGEST_DOMAIN_ID = 232

_LOCALHOST = "127.0.0.1"
_MOST_PARTICIPANTS = 32
"""Programs found on a machine that is asked without multicast."""


class DiscoveryRange(str, Enum):
    """Where other programs are looked for: ``ROS_AUTOMATIC_DISCOVERY_RANGE``."""

    SUBNET = "SUBNET"
    LOCALHOST = "LOCALHOST"
    OFF = "OFF"
    SYSTEM_DEFAULT = "SYSTEM_DEFAULT"


@dataclass(frozen=True)
class GraphSettings:
    """A ROS 2 graph: its domain, and how its programs find each other.

    static_peers
        Addresses asked besides those of the range.
    has_own_configuration
        ``CYCLONEDDS_URI`` is set: then it alone says how programs find each other.
    """

    domain_id: int = 0
    discovery_range: DiscoveryRange = DiscoveryRange.SUBNET
    static_peers: tuple[str, ...] = ()
    has_own_configuration: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.domain_id <= LARGEST_DOMAIN_ID:
            raise ConfigError(
                f"domain id is {self.domain_id}; it must be between 0 and {LARGEST_DOMAIN_ID}"
            )

    @classmethod
    def from_environment(
        cls, domain_id: int | None = None, environment: Mapping[str, str] = os.environ
    ) -> GraphSettings:
        """The graph that ROS 2 programs started here would join, or another domain of it.

        Raises
        ------
        ConfigError
            A variable has a value that ROS 2 does not know.
        """
        return cls(
            _domain_id(environment) if domain_id is None else domain_id,
            _discovery_range(environment),
            tuple(filter(None, environment.get("ROS_STATIC_PEERS", "").split(";"))),
            bool(environment.get("CYCLONEDDS_URI")),
        )

    def cyclone_configuration(self) -> str | None:
        """XML for CycloneDDS; None where its defaults or the user's own file hold."""
        if self.has_own_configuration or self._is_default:
            return None
        return (
            f'<CycloneDDS><Domain Id="any"><General>{self._interfaces()}</General>'
            f"<Discovery>{self._discovery()}</Discovery></Domain></CycloneDDS>"
        )

    @property
    def _is_default(self) -> bool:
        return not self.static_peers and self.discovery_range in (
            DiscoveryRange.SUBNET,
            DiscoveryRange.SYSTEM_DEFAULT,
        )

    def _interfaces(self) -> str:
        if self.discovery_range is DiscoveryRange.LOCALHOST:
            # The loopback interface has no multicast on many machines, and packets of 64 KB.
            return (
                f'<Interfaces><NetworkInterface address="{_LOCALHOST}"/></Interfaces>'
                "<AllowMulticast>false</AllowMulticast>"
                "<MaxMessageSize>65500B</MaxMessageSize><FragmentSize>64000B</FragmentSize>"
            )
        if self.discovery_range is DiscoveryRange.OFF:
            return "<AllowMulticast>false</AllowMulticast>"
        return ""

    def _discovery(self) -> str:
        peers = self.static_peers
        if self.discovery_range is DiscoveryRange.LOCALHOST:
            peers = (_LOCALHOST, *peers)
        elif self.discovery_range is DiscoveryRange.OFF:
            peers = ()
        addresses = "".join(f"<Peer address={quoteattr(peer)}/>" for peer in peers)
        return (
            "<ParticipantIndex>auto</ParticipantIndex>"
            f"<MaxAutoParticipantIndex>{_MOST_PARTICIPANTS}</MaxAutoParticipantIndex>"
            f"<Peers>{addresses}</Peers>"
        )


def _domain_id(environment: Mapping[str, str]) -> int:
    text = environment.get("ROS_DOMAIN_ID", "").strip() or "0"
    try:
        return int(text)
    except ValueError:
        raise ConfigError(f"ROS_DOMAIN_ID is {text!r}; it must be a number") from None


def _discovery_range(environment: Mapping[str, str]) -> DiscoveryRange:
    if environment.get("ROS_LOCALHOST_ONLY", "") == "1":
        return DiscoveryRange.LOCALHOST
    text = environment.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "").strip().upper()
    try:
        return DiscoveryRange(text or DiscoveryRange.SUBNET)
    except ValueError:
        known = ", ".join(item.value for item in DiscoveryRange)
        raise ConfigError(f"ROS_AUTOMATIC_DISCOVERY_RANGE is {text!r}; known are {known}") from None
