"""The authors' checkpoints: their names for what ``network`` holds.

Their file is a dictionary with ``state_dict``, whose keys begin with ``module.`` where it was
trained on several GPUs. What their code has and does not use is left out: IntagHand's attention
to the image, the classifier, decoders of other experiments. Each hand's weights of a layer become
one tensor, and masks, which they have the other way round, are put left first.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.networks.official_checkpoint import (
    must_fit,
    our_name,
    read_checkpoint,
    state_within,
    trunk_rules,
)
from hand_object_recon.reconstructors.pdfnet.conventions import HANDS, OFFICIAL, SIDES
from hand_object_recon.reconstructors.pdfnet.hand_template import HandTemplate, keypoint_regressor
from hand_object_recon.reconstructors.pdfnet.network import PDFNetwork
from hand_object_recon.reconstructors.pdfnet.official_graphs import OfficialGraphs, official_graphs
from hand_object_recon.reconstructors.pdfnet.options import PDFNetOptions, PointChoice
from hand_object_recon.reconstructors.pdfnet.trained_network import TrainedPDFNet

_WRAPPER: Final = "state_dict"
_VERTEX_COLORS: Final = "decoder.dense_coor"
_LEFT_OUT: Final = re.compile(
    r"mid_model\."
    r"|encoder\.(resnet\.fc|pointnet_plus\.netR_FC|mano_head|joint_head_[lr])\."
    r"|decoder\.dense_coor$"
    r"|decoder\.dual_gcn\.layers\.\d\.img_ex_(left|right)\."
    r"|.*\.GCN_blocks\.\d\.norm1\."
)

_GRAPHS: Final = r"^decoder\.dual_gcn\.layers\.(\d)\."
_RENAMED: Final = (
    (r"^encoder\.resnet\.", "image.trunk."),
    *trunk_rules(r"image\.trunk\."),
    (r"^encoder\.p2\.", "image.neck.enlarge.0."),
    (r"^encoder\.p3\.", "image.neck.enlarge.1."),
    (r"^encoder\.p4\.", "image.neck.enlarge.2."),
    (r"^encoder\.p5\.", "image.neck.enlarge.3."),
    (r"^encoder\.p2_l2\.", "image.neck.lengths.0."),
    (r"^encoder\.p3_l2\.", "image.neck.lengths.1."),
    (r"^encoder\.p4_l2\.", "image.neck.lengths.2."),
    (r"^encoder\.p5_l2\.", "image.neck.lengths.3."),
    (r"^encoder\.feat\.", "image.neck.join.0."),
    (r"^encoder\.feat_bn\.", "image.neck.join.1."),
    (r"^encoder\.e_conv1\.", "image.pixel_features."),
    (r"^encoder\.hm\.", "image.center_head."),
    (r"^encoder\.wh\.", "image.size_head."),
    (r"^encoder\.params\.", "image.parameter_head."),
    (r"^encoder\.hms_decoder\.", "image.heatmaps."),
    (r"^encoder\.dp_decoder\.", "image.masks."),
    (r"^(image\.\w+)\.models\.0\.", r"\1.shrink."),
    (r"^(image\.\w+)\.models\.1\.", r"\1.doublings.0."),
    (r"^(image\.\w+)\.models\.2\.", r"\1.doublings.1."),
    (r"^(image\.\w+)\.models\.3\.", r"\1.doublings.2."),
    (r"^(image\.\w+\.doublings\.\d)\.1\.", r"\1.0."),
    (r"^(image\.\w+\.doublings\.\d)\.3\.", r"\1.2."),
    (r"^(image\.\w+)\.final_layer\.[01]\.", r"\1.last."),
    (r"^encoder\.pointnet_plus\.sft(\d)\.", r"hand.points.fusions.\1."),
    (r"^encoder\.pointnet_plus\.netR_1\.", "hand.points.levels.0."),
    (r"^encoder\.pointnet_plus\.netR_2\.", "hand.points.levels.1."),
    (r"^encoder\.pointnet_plus\.netR_3\.", "hand.points.levels.2."),
    (r"^encoder\.center_feat_up0\.", "hand.center.first."),
    (r"^encoder\.center_feat_up1\.", "hand.center.second."),
    (r"^encoder\.sft\.", "hand.fusion."),
    (r"\.SFT_(scale|shift)_conv0\.", r".\1.first."),
    (r"\.SFT_(scale|shift)_conv1\.", r".\1.second."),
    (r"^decoder\.gf_layer_(left|right)\.0\.", r"decoder.enter.\1."),
    (r"^decoder\.gf_layer_(left|right)\.1\.", r"decoder.enter_norm.\1."),
    (_GRAPHS + r"position_embeddings\.weight$", r"decoder.graphs.\1.node_code"),
    (
        _GRAPHS + r"graph_(left|right)\.GCN_blocks\.(\d)\.(\w+)\.",
        r"decoder.graphs.\1.blocks.\3.\4.\2.",
    ),
    (r"(\.blocks\.\d)\.fc1\.", r"\1.first."),
    (r"(\.blocks\.\d)\.norm2\.", r"\1.first_norm."),
    (r"(\.blocks\.\d)\.fc2\.", r"\1.second."),
    (r"(\.blocks\.\d)\.norm3\.", r"\1.last_norm."),
    (_GRAPHS + r"attn\.", r"decoder.graphs.\1.attention."),
    (r"\.attention\.L_self_attn_layer\.(ff\.)?(\w+)\.", r".attention.own_\1\2.left."),
    (r"\.attention\.R_self_attn_layer\.(ff\.)?(\w+)\.", r".attention.own_\1\2.right."),
    (r"\.attention\.ffL\.(\w+)\.", r".attention.ff.\1.left."),
    (r"\.attention\.ffR\.(\w+)\.", r".attention.ff.\1.right."),
    (r"\.attention\.layer_norm1\.", ".attention.layer_norm.left."),
    (r"\.attention\.layer_norm2\.", ".attention.layer_norm.right."),
    (r"\.attention\.(own_)?ff\.", r".attention.\1forward_layers."),
    (r"\.(own_)?forward_layers\.fc1\.", r".\1forward_layers.first."),
    (r"\.(own_)?forward_layers\.fc2\.", r".\1forward_layers.second."),
    (r"(\.attention\..*|\.attention\.)layer_norm\.", r"\1norm."),
    (r"(\.attention\.(?:own_)?)w_qs\.", r"\1queries."),
    (r"(\.attention\.(?:own_)?)w_ks\.", r"\1keys."),
    (r"(\.attention\.(?:own_)?)w_vs\.", r"\1values."),
    (r"(\.attention\.(?:own_)?)fc\.", r"\1out."),
    (r"^decoder\.unsample_layer\.weight$", "decoder.lifting"),
    (r"^decoder\.coord_head\.", "decoder.places."),
    (r"^decoder\.avg_head\.", "decoder.average."),
    (r"^decoder\.params_head\.", "decoder.orthographic."),
    (r"^decoder\.root_head\.", "decoder.root."),
)
_OUR_PARTS: Final = ("image.", "hand.", "decoder.")
_OF_ONE_HAND: Final = re.compile(r"\.(left|right)\.(weight|bias)$")
_GRAPH_CONVOLUTION: Final = re.compile(r"\.blocks\.\d\.(first|second)\.weight$")
_ORDER: Final = 2  # of the Chebyshev polynomials, the zeroth included


def load_official(checkpoint: Path, repository: Path, hand_model: str) -> PDFNetwork:
    """The network of one of the authors' checkpoints, in evaluation mode, equal to theirs.

    repository
        A clone of the authors' repository: the graphs are not in the checkpoint.
    hand_model
        The installed hand model whose mesh and joints the authors' network gives: MANO under any
        name.

    Raises
    ------
    InvalidValueError
        A file is missing, damaged, or not of this method, or the hand model has another mesh.
    """
    content = state_within(read_checkpoint(checkpoint), _WRAPPER)
    graphs = official_graphs(repository)
    _require_mesh(graphs, hand_model)
    if _VERTEX_COLORS not in content:
        raise InvalidValueError(f"checkpoint {checkpoint} does not fit PDFNet: no {_VERTEX_COLORS}")
    template = official_template(graphs, content[_VERTEX_COLORS], hand_model)
    network = PDFNetwork(official_options(hand_model), template, OFFICIAL)
    with must_fit(checkpoint, "PDFNet"):
        network.load_state_dict(converted_state(content))
    network.eval().requires_grad_(False)
    return network


def official_for_use(checkpoint: Path, repository: Path, hand_model: str) -> TrainedPDFNet:
    """The same as training here would have left it: with the options the plugin goes by."""
    network = load_official(checkpoint, repository, hand_model)
    return TrainedPDFNet(network, network.options)


def official_options(hand_model: str) -> PDFNetOptions:
    """What the authors' network is built with."""
    return PDFNetOptions(hand_model=hand_model, point_choice=PointChoice.RANDOM)


def official_template(graphs: OfficialGraphs, colors: Tensor, hand_model: str) -> HandTemplate:
    """The template of the authors' graphs.

    colors
        (V, 3) their code of each vertex, 0 to 1, from a checkpoint.
    """
    nodes = 2.0 * colors.numpy()[graphs.vertex_of_node] - 1.0
    coarsest = len(graphs.laplacians[0])
    models = [load_hand_model(hand_model, side) for side in SIDES]
    return HandTemplate(
        laplacians=graphs.laplacians,
        vertex_code=nodes.reshape(coarsest, -1, nodes.shape[1]).mean(axis=1),
        node_of_vertex=graphs.node_of_vertex,
        lifting=np.zeros((len(colors), len(graphs.laplacians[-1])), np.float32),
        joint_regressors=np.stack([keypoint_regressor(model) for model in models]),
    )


def converted_state(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The authors' state dict, wrapped or not, in our names and order.

    Raises
    ------
    InvalidValueError
        It holds a key that no PDFNet checkpoint has, or a layer of one hand alone.
    """
    state: dict[str, Tensor] = {}
    of_hands: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for key, value in state_within(checkpoint, _WRAPPER).items():
        if _LEFT_OUT.match(key):
            continue
        name = our_name(key, _RENAMED, _OUR_PARTS, "PDFNet")
        side = _OF_ONE_HAND.search(name)
        if side is None:
            state[name] = _in_our_order(name, value)
        else:
            shared = _OF_ONE_HAND.sub(r".\2", name)
            of_hands[shared][side.group(1)] = _in_our_order(shared, value)
    for name, hands in of_hands.items():
        if len(hands) < HANDS:
            raise InvalidValueError(f"checkpoint has {name!r} of the {next(iter(hands))} hand only")
        state[name] = torch.stack([hands[side.value] for side in SIDES])
    return state


def _in_our_order(name: str, value: Tensor) -> Tensor:
    if name.startswith("image.masks.last."):
        return value.flip(0)
    if name.startswith(("hand.points.", "hand.fusion.")) and value.ndim > 1:
        return value.flatten(1)
    if _GRAPH_CONVOLUTION.search(name):
        return value.reshape(len(value), -1, _ORDER).transpose(1, 2).flatten(1)
    return value


def _require_mesh(graphs: OfficialGraphs, hand_model: str) -> None:
    if not np.array_equal(load_hand_model(hand_model, HandSide.RIGHT).faces, graphs.right_faces):
        raise InvalidValueError(
            f"hand_model is {hand_model!r}, whose mesh is not the one that the authors' PDFNet "
            "gives; import MANO (hand-object-recon hand-model import) and set hand_model to it"
        )
