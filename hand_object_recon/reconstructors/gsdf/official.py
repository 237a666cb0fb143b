"""The authors' checkpoints: their names for what ``network`` holds.

Their file is a dictionary with ``network``, whose keys begin with ``module.``. Nobody has
published one yet; who trained with their code can bring the weights along.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from hand_object_recon.networks.official_checkpoint import (
    must_fit,
    our_name,
    read_checkpoint,
    state_within,
    trunk_rules,
)
from hand_object_recon.reconstructors.gsdf.conventions import Conventions, Source
from hand_object_recon.reconstructors.gsdf.network import FeatureChoice, GSDFNetwork, Visual

_WRAPPER: Final = "network"

_RENAMED: Final = (
    (r"^pose_model\.backbone\.", "pose.trunk."),
    (r"^backbone\.", "trunk."),
    (r"^pose_model\.neck\.deconv_layers\.", "pose.joints.neck."),
    (r"^pose_model\.volume_head\.layers\.0\.", "pose.joints.head."),
    (r"^neck\.deconv_layers\.", "center.neck."),
    (r"^volume_head\.layers\.0\.", "center.head."),
    (r"^backbone_2_sdf\.deconv_layers\.", "map_neck."),
    (r"^sdf_encoder\.", "encoder."),
    (r"^hand_sdf_head\.lin(\d)\.", r"hand_head.hidden.\1."),
    (r"^obj_sdf_head\.lin(\d)\.", r"object_head.hidden.\1."),
    (r"\.hidden\.4\.", ".last."),
    (r"\.weight_g$", ".parametrizations.weight.original0"),
    (r"\.weight_v$", ".parametrizations.weight.original1"),
    *trunk_rules(r"(?:pose\.)?trunk\."),
    (r"^feat_transformer\.pos_embedding$", "video.places"),
    (r"^feat_transformer\.to_patch_embedding\.1\.", "video.embed."),
    (r"^feat_transformer\.(spatial|temporal)_transformer\.", r"video.\1."),
    (r"^(video\..*\.layers\.\d)\.0\.norm\.", r"\1.norm1."),
    (r"^(video\..*\.layers\.\d)\.1\.norm\.", r"\1.norm2."),
    (r"\.0\.fn\.to_qkv\.", ".queries_keys_values."),
    (r"\.0\.fn\.to_out\.0\.", ".out."),
    (r"\.1\.fn\.net\.0\.", ".forward1."),
    (r"\.1\.fn\.net\.3\.", ".forward2."),
)
_OUR_PARTS: Final = (
    *("pose.", "trunk.", "center.", "map_neck.", "encoder.", "hand_head.", "object_head."),
    "video.",
)


def official_conventions(recon_scale: float, half_depth_m: float = 0.28) -> Conventions:
    """What the authors' weights go with; ``recon_scale`` is in their configuration."""
    return Conventions(half_depth_m, 2.0 / recon_scale, Source.CODE, Source.CODE)


def load_official(checkpoint: Path, rest_m: Tensor, recon_scale: float) -> GSDFNetwork:
    """The network of one of the authors' checkpoints, in evaluation mode, equal to theirs.

    rest_m
        (21, 3) keypoints of the rest hand; theirs is MANO's.
    recon_scale
        6.2 for DexYCB, 7.0 for ObMan.

    Raises
    ------
    InvalidValueError
        The file is missing, damaged, or not of this method.
    """
    state = converted_state(read_checkpoint(checkpoint))
    is_video = any(name.startswith("video.") for name in state)
    features = FeatureChoice(Visual.VIDEO if is_video else Visual.LOCAL)
    network = GSDFNetwork(rest_m, official_conventions(recon_scale), features=features)
    with must_fit(checkpoint, "gSDF"):
        network.load_state_dict(state)
    network.eval().requires_grad_(False)
    return network


def converted_state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The authors' state dict, wrapped or not, in our names.

    Raises
    ------
    InvalidValueError
        It holds a key that no gSDF checkpoint has.
    """
    state = state_within(checkpoint, _WRAPPER)
    return {our_name(key, _RENAMED, _OUR_PARTS, "gSDF"): value for key, value in state.items()}
