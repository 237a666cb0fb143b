"""One side's hand model in torch: shape it, then pose and skin it, in as few steps as possible."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.hand_model.conventions import JOINT_COUNT, SHAPE_COUNT
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.posing_arrays import KEYPOINT_OF_JOINT, posing_arrays

_ONE_PRODUCT_BATCH: Final = 64
_FRAME_NUMBERS: Final = 2 * JOINT_COUNT * 16


class HandLayerOutput(NamedTuple):
    """vertices_m (B, V, 3), joints_m (B, 21, 3) in keypoint order, joint_rotations (B, 16, 3, 3).

    Vertices and joints are views of one tensor that keeps coordinates as planes.
    """

    vertices_m: Tensor
    joints_m: Tensor
    joint_rotations: Tensor

    @property
    def transforms(self) -> Tensor:
        """(B, 16, 4, 4) global transform of each joint of the model."""
        positions = self.joints_m[:, list(KEYPOINT_OF_JOINT)]
        upper = torch.cat([self.joint_rotations, positions[..., None]], dim=-1)
        last = upper.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(*upper.shape[:2], 1, 4)
        return torch.cat([upper, last], dim=-2)


class ShapedRest(NamedTuple):
    """Hands at rest, shaped: points_m (S, 3N), bones and to_joint (S, 16, 4, 4).

    S is the batch, or 1 for one shape of all; see ``PosingArrays``.
    """

    points_m: Tensor
    bones: Tensor
    to_joint: Tensor

    def of_rows(self, rows: Tensor) -> ShapedRest:
        """The shapes of some hands of the batch."""
        if self.points_m.shape[0] == 1:
            return self
        return ShapedRest(*(tensor[rows] for tensor in self))


class Skinning(nn.Module):
    """The arrays of one side's model, and what is done with them.

    In half precision only the shape and pose correctives are worked out in it, the rest in float32.
    """

    rest: Tensor
    shapedirs: Tensor
    posedirs: Tensor
    weights: Tensor
    turn_to_frame: Tensor
    mirrored_turn: Tensor
    mirrored_axes: Tensor

    def __init__(self, model: HandModel) -> None:
        super().__init__()
        arrays = posing_arrays(model)
        self.vertex_count = len(model.v_template)
        mirror = np.array([-1.0, 1.0, 1.0])
        buffers = {
            "rest": np.concatenate([arrays.template_m.ravel(), arrays.frames.ravel()])[None],
            "shapedirs": np.concatenate(
                [
                    arrays.shapedirs.reshape(SHAPE_COUNT, -1),
                    arrays.frame_shapedirs.reshape(SHAPE_COUNT, -1),
                ],
                axis=1,
            ),
            "posedirs": _with_wrist(arrays.posedirs.reshape(len(arrays.posedirs), -1)),
            "weights": arrays.weights,
            "turn_to_frame": _turn_to_frame(),
            "mirrored_turn": np.outer(mirror, mirror).reshape(9),
            "mirrored_axes": mirror.reshape(3, 1),
        }
        for name, array in buffers.items():
            tensor = torch.tensor(array, dtype=torch.float32)
            self.register_buffer(name, tensor, persistent=False)

    def shaped(self, shape: Tensor | None) -> ShapedRest:
        """The rest hands of (S, 10) shape coefficients; of none, of one zero shape."""
        stored = rest = self.rest
        if is_half(stored):
            rest = rest.float()
        if shape is not None:
            rest = torch.addmm(rest, shape.to(rest.dtype), self.shapedirs.to(rest.dtype))
        bones, to_joint = rest[:, -_FRAME_NUMBERS:].view(-1, 2, JOINT_COUNT, 4, 4).unbind(1)
        return ShapedRest(rest[:, :-_FRAME_NUMBERS].to(stored.dtype), bones, to_joint)

    def pose(
        self,
        turns: Tensor,
        rest: ShapedRest,
        translation_m: Tensor | None = None,
        is_mirrored: Tensor | None = None,
    ) -> HandLayerOutput:
        """Pose hands by the rows of their joints' rotations minus identity, (B, 16, 9).

        ``is_mirrored`` (B,) asks for the mirror image of this side's hand in the given pose.
        """
        batch, stored = turns.shape[0], rest.points_m.dtype
        if is_mirrored is not None:
            flips = torch.where(is_mirrored[:, None, None], self.mirrored_turn, 1.0)
            turns = turns * flips
        transforms = self._chain(turns, rest.bones)[:, :, :3] @ rest.to_joint
        rotations = transforms[..., :3]
        # (4, B, 3, 16): for x, y, z and one, how much of it each joint brings to each coordinate.
        columns = transforms.permute(3, 0, 2, 1)
        if is_mirrored is not None:
            columns = columns * torch.where(is_mirrored[:, None, None], self.mirrored_axes, 1.0)
            rotations = rotations * flips.view(batch, 1, 3, 3)
        features = turns.view(batch, 9 * JOINT_COUNT)
        if is_half(rest.points_m):
            features = features.to(stored)
        points = torch.addmm(rest.points_m, features, self.posedirs)
        posed = self._skin(columns, points, translation_m).transpose(1, 2)
        if is_half(rest.points_m):
            posed, rotations = posed.to(stored), rotations.to(stored)
        vertices, joints = posed.split_with_sizes((self.vertex_count, KEYPOINT_COUNT), 1)
        return HandLayerOutput(vertices, joints, rotations)

    def _chain(self, turns: Tensor, bones: Tensor) -> Tensor:
        """(B, 16, 4, 4) global transforms; the five fingers are walked side by side."""
        batch, to_frame = turns.shape[0], self.turn_to_frame
        if is_half(to_frame):
            to_frame = to_frame.float()
        local = torch.baddbmm(bones.flatten(2), turns, to_frame.expand(batch, 9, 16))
        local = local.view(batch, JOINT_COUNT, 4, 4)
        wrist = local[:, :1]
        first = wrist @ local[:, 1::3]
        second = first @ local[:, 2::3]
        third = second @ local[:, 3::3]
        fingers = torch.cat([first, second, third], dim=2).view(batch, JOINT_COUNT - 1, 4, 4)
        return torch.cat([wrist, fingers], dim=1)

    def _skin(self, columns: Tensor, points_m: Tensor, translation_m: Tensor | None) -> Tensor:
        """(B, 3, N) of (B, 3N); of large batches a plane at a time, which stays in cache."""
        weights = self.weights
        if is_half(weights):
            weights, points_m = weights.float(), points_m.float()
        x, y, z = points_m.view(-1, 3, 1, weights.shape[1]).unbind(1)
        columns = columns.contiguous()
        is_small = not torch.compiler.is_compiling() and len(x) <= _ONE_PRODUCT_BATCH
        planes = columns @ weights if is_small else None

        def blended(number: int) -> Tensor:
            return columns[number] @ weights if planes is None else planes[number]

        posed = torch.addcmul(blended(3), blended(0), x)
        posed.addcmul_(blended(1), y).addcmul_(blended(2), z)
        if translation_m is not None:
            posed += translation_m[..., None]
        return posed


def is_half(tensor: Tensor) -> bool:
    """Whether a tensor is of a type too coarse to turn joints with."""
    return tensor.itemsize < torch.float32.itemsize


def _with_wrist(posedirs: NDArray[np.float32]) -> NDArray[np.float32]:
    """(135, 3N) to (144, 3N): the wrist's rotation, which corrects nothing, comes first."""
    return np.concatenate([np.zeros_like(posedirs[:9]), posedirs])


def _turn_to_frame() -> NDArray[np.float64]:
    """(9, 16) puts the entries of a 3x3 matrix into a 4x4 one."""
    rows = np.zeros((3, 3, 4, 4))
    for row in range(3):
        for column in range(3):
            rows[row, column, row, column] = 1.0
    return rows.reshape(9, 16)
