"""Checkpoints of ObMan's baseline (Hasson et al., CVPR 2019), which the paper goes out from.

The paper's authors published none. The baseline has neither depth nor fusion, and works out the
object's place and size from the hand's feature. Its file is a dictionary with ``state_dict``, whose
keys begin with ``module.`` where it was trained on several GPUs. It counts in millimetres and was
trained on left hands; here both are changed in the weights, so that the network answers as ours do.
Only the images must be mirrored and normalised for it, which ``ObManNetwork`` does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.image_channels import CHANNEL_DEVIATIONS, CHANNEL_MEANS
from hand_object_recon.networks.official_checkpoint import (
    must_fit,
    our_name,
    read_checkpoint,
    state_within,
    trunk_rules,
)
from hand_object_recon.reconstructors.cross_branch.network import CrossBranchNetwork
from hand_object_recon.reconstructors.cross_branch.object_decoder import (
    SCALE_UNIT_M,
    TRANSLATION_UNIT_M,
)
from hand_object_recon.reconstructors.cross_branch.options import (
    CrossBranchOptions,
    DepthSource,
    Fusion,
    PlaceFeature,
)
from hand_object_recon.reconstructors.cross_branch.prediction import Prediction, View
from hand_object_recon.reconstructors.cross_branch.trained_network import TrainedCrossBranch

_WRAPPER: Final = "state_dict"
_LEFT_OUT: Final = re.compile(
    r"(atlas_)?base_net\.fc\."
    r"|mano_branch\.mano_layer_right\."
    r"|mano_branch\.mano_layer_left\.(?!th_hands_mean$|th_selected_comps$)"
    r"|(absolute|scaletrans)_branch\."
)
_RENAMED: Final = (
    (r"^base_net\.", "hand.encoder."),
    (r"^atlas_base_net\.", "object.encoder."),
    *trunk_rules(r"(?:hand|object)\.encoder\."),
    (r"^mano_branch\.base_layer\.", "hand.decoder.base."),
    (r"^mano_branch\.pose_reg\.", "hand.decoder.pose."),
    (r"^mano_branch\.shape_reg\.0\.", "hand.decoder.shape."),
    (r"^mano_branch\.mano_layer_left\.th_hands_mean$", "hand.decoder.pose_mean"),
    (r"^mano_branch\.mano_layer_left\.th_selected_comps$", "hand.decoder.pose_components"),
    (r"^atlas_branch\.decoder\.conv1\.", "object.decoder.mesh.first."),
    (r"^atlas_branch\.decoder\.conv2\.", "object.decoder.mesh.others.0."),
    (r"^atlas_branch\.decoder\.conv3\.", "object.decoder.mesh.others.1."),
    (r"^atlas_branch\.decoder\.conv4\.", "object.decoder.mesh.last."),
    (r"^atlas_branch\.decoder\.bn1\.", "object.decoder.mesh.norms.0."),
    (r"^atlas_branch\.decoder\.bn2\.", "object.decoder.mesh.norms.1."),
    (r"^atlas_branch\.decoder\.bn3\.", "object.decoder.mesh.norms.2."),
    (r"^atlas_branch\.decode_trans\.", "object.decoder.translation."),
    (r"^atlas_branch\.decode_scale\.", "object.decoder.scale."),
)
_OUR_PARTS: Final = ("hand.", "object.")
_FACES: Final = "mano_branch.mano_layer_right.th_faces"
_POSE: Final = "hand.decoder.pose.weight"
_MESH_UNIT_M: Final = 0.2  # of what its mesh decoder answers
_MM: Final = 1e-3
_OBMAN_IMAGE_MEAN: Final = 0.5
_TURN_MIRROR: Final = (1.0, -1.0, -1.0)
_MIRROR: Final = (-1.0, 1.0, 1.0)
_TRANSLATION: Final = _MM / TRANSLATION_UNIT_M
_FACTORS: Final = (
    ("hand.decoder.pose.", _TURN_MIRROR),
    ("object.decoder.mesh.last.", _MIRROR),
    ("object.decoder.translation.2.", (-_TRANSLATION, _TRANSLATION, _TRANSLATION)),
    ("object.decoder.scale.2.", (_MESH_UNIT_M / SCALE_UNIT_M,)),
)


class ObManNetwork(CrossBranchNetwork):
    """ObMan's baseline: gets views as our networks do."""

    def forward(self, view: View, sources: Sequence[DepthSource] | None = None) -> Prediction:
        return super().forward(view._replace(images=images_for_obman(view.images)), sources)


def official_for_use(checkpoint: Path, hand_model: str) -> TrainedCrossBranch:
    """The same as ``load_official``, held to the hand model that the checkpoint was made with.

    Raises
    ------
    InvalidValueError
        As ``load_official``, or the hand model's mesh is not the checkpoint's.
    """
    content = read_checkpoint(checkpoint)
    theirs = state_within(content, _WRAPPER).get(_FACES)
    ours = torch.from_numpy(load_hand_model(hand_model, HandSide.RIGHT).faces.copy()).long()
    if theirs is not None and not torch.equal(theirs.long(), ours):
        raise InvalidValueError(
            f"hand_model is {hand_model!r}, whose mesh is not the one of checkpoint {checkpoint}; "
            "import MANO (hand-object-recon hand-model import) and set hand_model to it"
        )
    return _network_of(checkpoint, content, hand_model)


def load_official(checkpoint: Path, hand_model: str) -> TrainedCrossBranch:
    """The network of a checkpoint of obman_train, in evaluation mode.

    hand_model
        The installed hand model that its pose and shape are those of: MANO under any name.

    Raises
    ------
    InvalidValueError
        The file is missing, damaged, or not of this method.
    """
    return _network_of(checkpoint, read_checkpoint(checkpoint), hand_model)


def official_options(hand_model: str, pose_components: int = 30) -> CrossBranchOptions:
    """What ObMan's baseline is built with."""
    return CrossBranchOptions(
        fusion=Fusion.NONE,
        depth_source=DepthSource.NONE,
        place_feature=PlaceFeature.HAND,
        hand_model=hand_model,
        pose_components=pose_components,
    )


def converted_state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The state dict of obman_train, wrapped or not, in our names, units and for right hands.

    A network with one encoder gets it for both branches, one without scale that of its meshes.

    Raises
    ------
    InvalidValueError
        It holds a key that no such checkpoint has.
    """
    state = {
        our_name(key, _RENAMED, _OUR_PARTS, "ObMan"): value
        for key, value in state_within(checkpoint, _WRAPPER).items()
        if not _LEFT_OUT.match(key)
    }
    if not any(name.startswith("object.encoder.") for name in state):
        state |= _of_hand_encoder(state)
    if "object.decoder.scale.2.bias" not in state and "object.decoder.translation.0.bias" in state:
        state |= _constant_scale(state)
    return {name: _as_ours(name, value) for name, value in state.items()}


def images_for_obman(images: Tensor) -> Tensor:
    """(B, 3, S, S) images normalised as for ImageNet, mirrored and normalised as ObMan's."""
    mean, deviation = (
        images.new_tensor(values)[:, None, None] for values in (CHANNEL_MEANS, CHANNEL_DEVIATIONS)
    )
    return (images * deviation + mean - _OBMAN_IMAGE_MEAN).flip(-1)


def _network_of(
    checkpoint: Path, content: Mapping[str, Any], hand_model: str
) -> TrainedCrossBranch:
    state = converted_state(content)
    if _POSE not in state:
        raise InvalidValueError(f"checkpoint {checkpoint} does not fit ObMan's: no pose_reg")
    options = official_options(hand_model, pose_components=len(state[_POSE]) - 3)
    network = ObManNetwork(options)
    with must_fit(checkpoint, "ObMan's"):
        network.load_state_dict(state)
    network.eval().requires_grad_(False)
    return TrainedCrossBranch(network, options)


def _of_hand_encoder(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.replace("hand.", "object.", 1): value.clone()
        for name, value in state.items()
        if name.startswith("hand.encoder.")
    }


def _constant_scale(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Layers that answer 1, as wide as those of the translation."""
    first = state["object.decoder.translation.0.weight"]
    return {
        "object.decoder.scale.0.weight": torch.zeros_like(first),
        "object.decoder.scale.0.bias": first.new_zeros(len(first)),
        "object.decoder.scale.2.weight": first.new_zeros(1, len(first)),
        "object.decoder.scale.2.bias": first.new_ones(1),
    }


def _as_ours(name: str, value: Tensor) -> Tensor:
    """In metres, for right hands, with a fourth channel that counts for nothing."""
    if name.endswith(".encoder.stem.0.weight"):
        return torch.cat([value, torch.zeros_like(value[:, :1])], dim=1)
    if name.startswith("hand.decoder.pose_"):
        mirrored = value * value.new_tensor(_TURN_MIRROR).repeat(value.shape[-1] // 3)
        return mirrored.squeeze(0) if name.endswith("mean") else mirrored
    if name == "object.decoder.mesh.first.weight":
        return _times(value.transpose(0, 1), _MIRROR).transpose(0, 1)
    for layer, factors in _FACTORS:
        if name.startswith(layer):
            return _times(value, factors)
    return value


def _times(value: Tensor, factors: tuple[float, ...]) -> Tensor:
    """The first rows each times its factor."""
    rows = value.new_tensor(factors).reshape(-1, *[1] * (value.ndim - 1))
    return torch.cat([rows * value[: len(rows)], value[len(rows) :]])
