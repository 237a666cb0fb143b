"""The hand model as a differentiable torch layer over batches of left and right hands."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.onnx import is_in_onnx_export

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.geometry.rotations import PRODUCTS_TO_ROTATION_MINUS_IDENTITY
from hand_object_recon.geometry.single_precision import in_single_precision
from hand_object_recon.geometry.torch_rotations import (
    axis_angle_to_rotation_minus_identity,
    rotation_6d_to_matrix,
)
from hand_object_recon.hand_model.conventions import JOINT_COUNT, SHAPE_COUNT
from hand_object_recon.hand_model.model import HandModel, load_hand_model
from hand_object_recon.hand_model.skinning import HandLayerOutput, ShapedRest, Skinning, is_half

__all__ = ["HandLayer", "HandLayerOutput", "ShapedHandLayer"]

_GEOMETRY = (
    *("v_template", "shapedirs", "posedirs", "joint_regressor", "weights", "tip_vertices"),
    *("hands_mean", "hands_components"),
)


class HandLayer(nn.Module):
    """Pose, shape and translation to vertices and joints (MANO, Romero et al., 2017).

    The pose is given as axis-angle (B, 48) radians or as 6-D rotations (B, 16, 6), the global
    orientation first; ``pose_from_components`` makes it from principal components. A layer of
    one model poses that side. A layer of both sides is told by ``is_left``, a (B,) bool tensor,
    which hand is which; where the left model is the mirror image of the right one the batch is
    not split for it.
    """

    hands_mean: Tensor
    hands_components: Tensor
    tip_vertices: Tensor
    faces: Tensor
    products_to_turn: Tensor
    mirrored_vector: Tensor

    def __init__(self, model: HandModel, left_model: HandModel | None = None) -> None:
        super().__init__()
        self.topology = model.topology
        self.has_both_sides = left_model is not None
        self.skinning = Skinning(model)
        self.left_layer: HandLayer | None = None
        if left_model is not None:
            _require_a_pair(model, left_model)
            if not _are_mirror_images(model, left_model):
                self.left_layer = HandLayer(left_model)
        buffers = {
            "hands_mean": torch.tensor(model.hands_mean.copy()),
            "hands_components": torch.tensor(model.hands_components.copy()),
            "tip_vertices": torch.tensor(model.tip_vertices.copy(), dtype=torch.long),
            "faces": torch.tensor(model.faces.copy()),
            "products_to_turn": torch.tensor(PRODUCTS_TO_ROTATION_MINUS_IDENTITY).float(),
            "mirrored_vector": torch.tensor([1.0, -1.0, -1.0]),
        }
        for name, tensor in buffers.items():
            self.register_buffer(name, tensor, persistent=False)

    @classmethod
    def load(cls, name: str, side: HandSide) -> HandLayer:
        """The layer of one side of an installed hand model."""
        return cls(load_hand_model(name, side))

    @classmethod
    def both_sides(cls, name: str) -> HandLayer:
        """The layer of both sides of an installed hand model."""
        return cls(load_hand_model(name, HandSide.RIGHT), load_hand_model(name, HandSide.LEFT))

    @in_single_precision
    def forward(
        self,
        pose: Tensor,
        shape: Tensor | None = None,
        translation_m: Tensor | None = None,
        is_left: Tensor | None = None,
    ) -> HandLayerOutput:
        """Pose a batch of hands given by axis-angle (B, 48) radians or 6-D (B, 16, 6).

        ``shape`` is (B, 10) or (1, 10), zero when left out; ``translation_m`` (B, 3) is added
        after the global orientation; ``is_left`` (B,) is for a layer of both sides.
        """
        return self.pose_shaped(self.rest_of(shape), pose, translation_m, is_left)

    def with_shape(self, shape: Tensor) -> ShapedHandLayer:
        """A layer with one shape for all hands (1, 10), or one for each of a batch (B, 10)."""
        return ShapedHandLayer(self, shape)

    def rest_of(self, shape: Tensor | None) -> tuple[ShapedRest, ...]:
        """The rest hands of (S, 10) shapes, for each model the layer keeps."""
        if shape is not None and (shape.ndim != 2 or shape.shape[1] != SHAPE_COUNT):
            raise InvalidValueError(
                f"shape has shape {tuple(shape.shape)}; give (B, 10), or (1, 10) for all hands"
            )
        own = self.skinning.shaped(shape)
        if self.left_layer is None:
            return (own,)
        return own, self.left_layer.skinning.shaped(shape)

    @in_single_precision
    def pose_shaped(
        self,
        rest: tuple[ShapedRest, ...],
        pose: Tensor,
        translation_m: Tensor | None = None,
        is_left: Tensor | None = None,
    ) -> HandLayerOutput:
        """Pose what ``rest_of`` gave."""
        turns = self._turns(pose)
        self._require_sides(is_left, turns.shape[0])
        if self.left_layer is None or is_left is None:
            return self.skinning.pose(turns, rest[0], translation_m, is_left)
        right, left = self.skinning, self.left_layer.skinning
        if torch.compiler.is_compiling() or is_in_onnx_export():
            return _selected(
                is_left,
                right.pose(turns, rest[0], translation_m),
                left.pose(turns, rest[1], translation_m),
            )

        def pose_rows(side: Skinning, shaped: ShapedRest, rows: Tensor) -> HandLayerOutput:
            moved = None if translation_m is None else translation_m[rows]
            return side.pose(turns[rows], shaped.of_rows(rows), moved)

        return _split_and_joined(
            is_left,
            lambda rows: pose_rows(right, rest[0], rows),
            lambda rows: pose_rows(left, rest[1], rows),
        )

    def pose_from_components(
        self, orientation_rad: Tensor, coefficients: Tensor, is_left: Tensor | None = None
    ) -> Tensor:
        """Axis-angle pose (B, 48) of (B, 3) orientation and (B, n) principal components."""
        self._require_sides(is_left, orientation_rad.shape[0])
        fingers = self._fingers(coefficients)
        if is_left is not None:
            if self.left_layer is None:
                left = fingers * self.mirrored_vector.repeat(JOINT_COUNT - 1)
            else:
                left = self.left_layer._fingers(coefficients)
            fingers = torch.where(is_left[:, None], left, fingers)
        return torch.cat([orientation_rad, fingers], dim=-1)

    def _fingers(self, coefficients: Tensor) -> Tensor:
        return self.hands_mean + coefficients @ self.hands_components[: coefficients.shape[-1]]

    def _turns(self, pose: Tensor) -> Tensor:
        """(B, 16, 9) rows of the joints' rotations minus identity, float32 or better."""
        batch = pose.shape[0]
        if is_half(pose):
            pose = pose.float()
        if pose.ndim == 2 and pose.shape[1] == 3 * JOINT_COUNT:
            turns = axis_angle_to_rotation_minus_identity(
                pose.reshape(-1, 3), self.products_to_turn.to(pose.dtype)
            )
            return turns.view(batch, JOINT_COUNT, 9)
        if pose.ndim == 3 and pose.shape[1:] == (JOINT_COUNT, 6):
            identity = torch.eye(3, dtype=pose.dtype, device=pose.device)
            return (rotation_6d_to_matrix(pose) - identity).flatten(2)
        raise InvalidValueError(
            f"pose has shape {tuple(pose.shape)}; give axis-angle (B, 48) or 6-D (B, 16, 6), or "
            "turn principal components into axis-angle with pose_from_components"
        )

    def _require_sides(self, is_left: Tensor | None, batch: int) -> None:
        if is_left is None:
            if self.has_both_sides:
                raise InvalidValueError(
                    "is_left is missing: this layer holds both sides; give a (B,) bool tensor"
                )
            return
        if not self.has_both_sides:
            raise InvalidValueError(
                f"is_left is given but this layer holds {self.topology.name} only; "
                "make it with HandLayer.both_sides"
            )
        if is_left.dtype is not torch.bool or is_left.shape != (batch,):
            raise InvalidValueError(
                f"is_left is {is_left.dtype} {tuple(is_left.shape)}; give bool ({batch},)"
            )


class ShapedHandLayer(nn.Module):
    """A hand layer whose shape is worked out once; only the pose is left to give.

    Gradients reach the pose and translation, and the shape it was made with as long as that
    shape's graph is kept.
    """

    def __init__(self, layer: HandLayer, shape: Tensor) -> None:
        super().__init__()
        self.layer = layer
        self._rest_names: list[tuple[str, ...]] = []
        for number, rest in enumerate(layer.rest_of(shape)):
            names = tuple(f"{name}_{number}" for name in ShapedRest._fields)
            for name, tensor in zip(names, rest, strict=True):
                self.register_buffer(name, tensor, persistent=False)
            self._rest_names.append(names)

    def forward(
        self,
        pose: Tensor,
        translation_m: Tensor | None = None,
        is_left: Tensor | None = None,
    ) -> HandLayerOutput:
        """``HandLayer.forward`` without its shape."""
        rest = tuple(
            ShapedRest(*(self.get_buffer(name) for name in names)) for names in self._rest_names
        )
        return self.layer.pose_shaped(rest, pose, translation_m, is_left)


def _require_a_pair(right: HandModel, left: HandModel) -> None:
    if right.side is not HandSide.RIGHT or left.side is not HandSide.LEFT:
        raise InvalidValueError(
            f"the models are of the {right.side} and {left.side} hand; give right, then left"
        )
    if len(right.v_template) != len(left.v_template):
        raise InvalidValueError(
            f"the right model has {len(right.v_template)} vertices, the left one "
            f"{len(left.v_template)}; one batch needs the same number, use a layer for each side"
        )


def _are_mirror_images(right: HandModel, left: HandModel) -> bool:
    image = right.mirrored()
    return all(np.array_equal(getattr(image, name), getattr(left, name)) for name in _GEOMETRY)


def _selected(is_left: Tensor, right: HandLayerOutput, left: HandLayerOutput) -> HandLayerOutput:
    """Of both sides' outputs for all hands, each hand's own; no shape depends on the data."""
    pairs = zip(left, right, strict=True)
    chosen = [torch.where(is_left.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in pairs]
    return HandLayerOutput(*chosen)


def _split_and_joined(
    is_left: Tensor,
    pose_right: Callable[[Tensor], HandLayerOutput],
    pose_left: Callable[[Tensor], HandLayerOutput],
) -> HandLayerOutput:
    """Each side poses its own rows of the batch; the outputs are put back in order."""
    rows = [(~is_left).nonzero()[:, 0], is_left.nonzero()[:, 0]]
    place = torch.cat(rows).argsort()
    parts = zip(pose_right(rows[0]), pose_left(rows[1]), strict=True)
    return HandLayerOutput(*(torch.cat(pair)[place] for pair in parts))
