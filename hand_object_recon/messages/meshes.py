"""Objects as meshes for planners, straight to the bytes that are published."""

from __future__ import annotations

import numpy as np

from hand_object_recon.core.objects import ObjectEstimate
from hand_object_recon.messages.cdr import CdrWriter


def serialized_mesh(item: ObjectEstimate) -> bytes:
    """CDR of the ``shape_msgs/Mesh`` of an object, in metres in the object's own frame.

    Triangles are counter-clockwise seen from outside, as MoveIt takes them for collision.
    """
    writer = CdrWriter()
    writer.sequence(item.faces.astype(np.uint32))
    writer.sequence(item.vertices_m.astype(np.float64))
    return writer.finished()
