"""The authors' checkpoints: their names for what ``network`` holds.

Their file is a dictionary with ``state_dict``, whose keys begin with ``module.`` where it was
trained on several GPUs. MANO's arrays in it are left out, and so is one gate that is trained
but never used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from torch import Tensor

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.official_checkpoint import (
    must_fit,
    our_name,
    read_checkpoint,
    state_within,
)
from hand_object_recon.reconstructors.h2onet.network import MultiFrameNetwork, SingleFrameNetwork
from hand_object_recon.reconstructors.h2onet.occlusion import OFFICIAL_JOINTS
from hand_object_recon.reconstructors.h2onet.official_template import (
    official_faces,
    official_template,
)
from hand_object_recon.reconstructors.h2onet.options import FRAMES, H2ONetOptions
from hand_object_recon.reconstructors.h2onet.trained_network import HandNetwork, TrainedH2ONet

_WIDTH: Final = 128
_WRAPPER: Final = "state_dict"
_LEFT_OUT: Final = re.compile(
    r"mano_layer\."
    r"|decoder3d\.occ_pred\.finger_cls_layer\."  # the last of finger_cls_layer_list again
    r"|backbone\.dense_stack1\.senet3\."
)

_RENAMED: Final = (
    (r"^mano_joint_reg$", "joint_regressor"),
    (r"^backbone\.pre_layer\.0\.", "backbone.stem.0."),
    (r"^backbone\.pre_layer\.1\.", "backbone.stem.1."),
    (r"^backbone\.thrink\.", "backbone.shrink1."),
    (r"^backbone\.stack1_remap\.", "backbone.remap1."),
    (r"^backbone\.thrink2\.", "backbone.shrink2."),
    (r"^backbone\.mid_proj\.0\.", "backbone.shape_projection."),
    (r"^backbone\.reduce\.0\.", "backbone.joint_maps."),
    (r"^backbone\.uv_reg\.0\.0\.", "backbone.joint_places.0."),
    (r"^backbone\.uv_reg\.1\.0\.", "backbone.joint_places.2."),
    (r"^backbone\.uv_reg\.2\.0\.", "backbone.joint_places.4."),
    (r"^backbone\.dense_stack(\d)\.(dense[123]|senet[123])\.", r"backbone.down\1.\2."),
    (r"^backbone\.dense_stack(\d)\.dense4\.", r"backbone.down\1.deep.0."),
    (r"^backbone\.dense_stack(\d)\.dense5\.", r"backbone.down\1.deep.1."),
    (r"^backbone\.dense_stack(\d)\.thrink(\d)\.", r"backbone.up\1.shrink\2."),
    (r"^backbone\.dense_stack(\d)\.senet4\.", r"backbone.up\1.gate1."),
    (r"^backbone\.dense_stack(\d)\.senet5\.", r"backbone.up\1.gate2."),
    (r"^backbone\.dense_stack(\d)\.senet6\.", r"backbone.up\1.gate3."),
    (r"\.senet(\d)\.", r".gate\1."),
    (r"\.fc1\.", ".squeeze."),
    (r"\.fc2\.", ".excite."),
    (r"\.conv3x3\.", ".depthwise."),
    (r"\.conv1x1\.", ".pointwise."),
    (r"^decoder3d\.upsample$", "decoder.lifting"),
    (r"^decoder3d\.de_layer_conv\.0\.", "decoder.remap."),
    (r"^decoder3d\.de_layer\.(\d)\.conv\.layer\.", r"decoder.convolve.\1.linear."),
    (r"^decoder3d\.head\.layer\.", "decoder.head.linear."),
    (r"^decoder3d\.occ_pred\.pre_layer\.", "occlusion.joint_layer."),
    (r"^decoder3d\.occ_pred\.base_layer\.", "occlusion.finger_layer."),
    (r"^decoder3d\.occ_pred\.finger_cls_layer_list\.", "occlusion.finger_heads."),
    (r"^decoder3d\.occ_pred\.glob_cls_layer\.", "occlusion.hand_head."),
    (r"^decoder3d\.offset_pred\.block\.0\.layer\.", "finger_fusion.convolve.0.linear."),
    (r"^decoder3d\.offset_pred\.block\.2\.layer\.", "finger_fusion.convolve.1.linear."),
    (r"^decoder3d\.offset_pred\.block\.4\.layer\.", "finger_fusion.convolve.2.linear."),
    (r"^decoder3d\.offset_pred\.head\.layer\.", "finger_fusion.head.linear."),
    (r"^decoder3d\.rot_reg\.conv_block\.", "orientation_encoder.shrink."),
    (r"^decoder3d\.rot_reg\.pre_block\.", "orientation_encoder.join."),
    (r"^decoder3d\.rot_reg\.fc_block1?\.", "orientation_head."),
    (r"^decoder3d\.rot_reg\.fc_block2\.", "orientation_correction."),
    *((rf"\.conv{number}\.", f".units.{number - 1}.") for number in range(1, 10)),
)
_OUR_PARTS: Final = (
    "joint_regressor",
    "backbone.",
    "decoder.",
    "occlusion.",
    "finger_fusion.",
    "orientation_",
)


def load_official(checkpoint: Path, repository: Path) -> HandNetwork:
    """The network of one of the authors' checkpoints, in evaluation mode, equal to theirs.

    Whether it is that of single or of three frames is seen from what the file holds.

    repository
        A clone of the authors' repository: the mesh levels are not in the checkpoint.

    Raises
    ------
    InvalidValueError
        A file is missing, damaged, or not of this method.
    """
    state = converted_state(read_checkpoint(checkpoint))
    template = official_template(repository)
    network: HandNetwork
    if any(name.startswith("finger_fusion.") for name in state):
        network = MultiFrameNetwork(_WIDTH, template, OFFICIAL_JOINTS, turns_joints=False)
    else:
        network = SingleFrameNetwork(_WIDTH, template)
    with must_fit(checkpoint, "H2ONet"):
        network.load_state_dict(state)
    network.eval().requires_grad_(False)
    return network


def official_for_use(checkpoint: Path, repository: Path, hand_model: str) -> TrainedH2ONet:
    """The same as training here would have left it: with the options the plugin goes by.

    hand_model
        The installed hand model whose mesh the authors' network gives: MANO under any name.

    Raises
    ------
    InvalidValueError
        As ``load_official``, or the hand model has another mesh.
    """
    network = load_official(checkpoint, repository)
    faces = official_faces(repository)
    if not np.array_equal(load_hand_model(hand_model, HandSide.RIGHT).faces, faces):
        raise InvalidValueError(
            f"hand_model is {hand_model!r}, whose mesh is not the one that the authors' H2ONet "
            "gives; import MANO (hand-object-recon hand-model import) and set hand_model to it"
        )
    options = H2ONetOptions(
        width=_WIDTH,
        frames=FRAMES if isinstance(network, MultiFrameNetwork) else 1,
        hand_model=hand_model,
        orientation_from="camera",
    )
    return TrainedH2ONet(network, options)


def converted_state(checkpoint: Mapping[str, object]) -> dict[str, Tensor]:
    """The authors' state dict, wrapped or not, in our names.

    Raises
    ------
    InvalidValueError
        It holds a key that no H2ONet checkpoint has.
    """
    state = state_within(checkpoint, _WRAPPER)
    return {
        our_name(key, _RENAMED, _OUR_PARTS, "H2ONet"): value
        for key, value in state.items()
        if not _LEFT_OUT.match(key)
    }
