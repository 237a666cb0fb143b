"""Bones as graphs: which keypoints or joints of a hand are neighbours."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from hand_object_recon.core.keypoints import BONES, KEYPOINT_COUNT
from hand_object_recon.hand_model.conventions import JOINT_COUNT, JOINT_PARENTS
from hand_object_recon.hand_model.topology.adjacency import adjacency_matrix


def keypoint_adjacency() -> csr_matrix:
    """(21, 21) which keypoints a bone joins, in the order of ``core.keypoints``."""
    return adjacency_matrix(np.array(BONES, dtype=np.int32), KEYPOINT_COUNT)


def joint_adjacency() -> csr_matrix:
    """(16, 16) which joints of a hand model are parent and child, in the model's order."""
    bones = [(parent, child) for child, parent in enumerate(JOINT_PARENTS) if parent >= 0]
    return adjacency_matrix(np.array(bones, dtype=np.int32), JOINT_COUNT)
