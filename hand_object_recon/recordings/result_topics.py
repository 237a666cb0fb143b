"""Topics of a result recording, the same as the live node's."""

from __future__ import annotations

RECONSTRUCTION_TOPIC = "/hand_object_recon/reconstruction"
TOPOLOGY_TOPIC = "/hand_object_recon/topology"
MARKERS_TOPIC = "/hand_object_recon/markers"
TRANSFORMS_TOPIC = "/tf"
