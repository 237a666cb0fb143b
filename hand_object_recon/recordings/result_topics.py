"""Topics of a result recording, the same as the live node's."""

from __future__ import annotations

RECONSTRUCTION_TOPIC = "/hand_object_recon/reconstruction"
TOPOLOGY_TOPIC = "/hand_object_recon/topology"
MARKERS_TOPIC = "/hand_object_recon/markers"
TRANSFORMS_TOPIC = "/tf"
OVERLAY_TOPIC = "/hand_object_recon/overlay/compressed"
OVERLAY_CAMERA_INFO_TOPIC = "/hand_object_recon/camera_info"
"""Where image_transport looks for it: beside the image topic without its transport."""
