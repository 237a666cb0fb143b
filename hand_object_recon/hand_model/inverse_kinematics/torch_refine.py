"""Damped least-squares steps for batches of hands in torch.

The same equations as ``refine.py``. The batch is the last dimension of every tensor here, so
that each operation runs over contiguous memory; coordinates come first, then joints and angles,
then the finger.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from hand_object_recon.core.keypoints import KEYPOINT_COUNT
from hand_object_recon.geometry.torch_quaternions import (
    axis_angle_to_quaternion,
    quaternion_product,
    quaternion_to_matrix,
)
from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.inverse_kinematics.options import InverseKinematicsOptions
from hand_object_recon.hand_model.inverse_kinematics.refine import (
    ANGLES,
    DAMPING_AFTER_FAILURE,
    DAMPING_AFTER_SUCCESS,
    FIRST_DAMPING,
    LEVER_M,
    PINNED,
    TWIST,
)
from hand_object_recon.hand_model.inverse_kinematics.torch_linear import (
    contract,
    cross,
    factorise,
    product,
    rotation_and_left_jacobian,
    substitute,
    turn,
)
from hand_object_recon.hand_model.inverse_kinematics.torch_skeleton import TorchSkeleton

_WORTH_PARTING = 0.7


class BatchedVariables(NamedTuple):
    """What is solved for: orientation (4, B) x, y, z, w; wrist_m (3, B); angles_rad (9, 5, B);
    shape (10, B)."""

    orientation: Tensor
    wrist_m: Tensor
    angles_rad: Tensor
    shape: Tensor


class BatchedGoal(NamedTuple):
    """Joints to reach: wrist_m (3, B) and points_m (3, 4, 5, B) of the fingers, with weights
    wrist_weight (B,) and finger_weights (4, 5, B)."""

    wrist_m: Tensor
    wrist_weight: Tensor
    points_m: Tensor
    finger_weights: Tensor

    @property
    def total_weight(self) -> Tensor:
        """(B,), one where there is none."""
        total = self.wrist_weight + self.finger_weights.sum(dim=(0, 1))
        return torch.where(total > 0, total, 1.0)


class BatchedFit(NamedTuple):
    """Where the steps ended: variables, joints_m (3, 21, B) reached, converged (B,)."""

    variables: BatchedVariables
    joints_m: Tensor
    converged: Tensor


class BatchedPosed(NamedTuple):
    """Hands at given variables, in the wrist's frame.

    to_camera (3, 3, B) the wrist's rotation; rotations (3, 3, 3, 5, B): row, column, joint;
    axes (3, 3, 3, 5, B): coordinate, joint, angle; points_m and gaps_m (3, 4, 5, B);
    wrist_gap_m (3, B); cost with and residual_rms_m without priors, (B,).
    """

    to_camera: Tensor
    rotations: Tensor
    axes: Tensor
    points_m: Tensor
    gaps_m: Tensor
    wrist_gap_m: Tensor
    cost: Tensor
    residual_rms_m: Tensor


def refine(
    skeleton: TorchSkeleton,
    start: BatchedVariables,
    goal: BatchedGoal,
    options: InverseKinematicsOptions,
    *,
    with_shape: bool,
) -> BatchedFit:
    """The hands after up to ``options.max_steps`` damped steps.

    Hands that have converged leave once they are enough to make up for the parting.
    """
    problem = _Problem(skeleton, options.joint_sd_m, with_shape)
    found = BatchedFit(
        BatchedVariables(*(part.clone() for part in start)),
        joints_m=goal.wrist_m.new_empty(3, KEYPOINT_COUNT, goal.wrist_m.shape[-1]),
        converged=torch.zeros_like(goal.wrist_weight, dtype=torch.bool),
    )
    going = torch.arange(len(found.converged), device=found.converged.device)
    hands, posed = start, problem.posed(start, goal)
    damping = torch.full_like(posed.cost, FIRST_DAMPING)
    for _ in range(options.max_steps):
        ahead = problem.stepped(hands, posed, goal, damping)
        posed_ahead = problem.posed(ahead, goal)
        is_better = posed_ahead.cost < posed.cost
        change_m = (posed.residual_rms_m - posed_ahead.residual_rms_m).abs()
        hands, posed = _where(is_better, ahead, hands), _where(is_better, posed_ahead, posed)
        damping = damping * torch.where(is_better, DAMPING_AFTER_SUCCESS, DAMPING_AFTER_FAILURE)
        is_done = torch.minimum(change_m, posed.residual_rms_m) < options.tolerance_m
        found.converged[going] = is_done
        rest = (~is_done).nonzero()[:, 0]
        if len(rest) == 0:
            break
        if len(rest) < _WORTH_PARTING * len(going):
            _put(found, going, hands, posed)
            going, damping = going[rest], damping[rest]
            hands, posed, goal = _take(rest, hands), _take(rest, posed), _take(rest, goal)
    _put(found, going, hands, posed)
    return found


class _Problem:
    """The least-squares problem of one skeleton: joints to reach and priors."""

    def __init__(self, skeleton: TorchSkeleton, joint_sd_m: float, with_shape: bool) -> None:
        self.skeleton, self.with_shape = skeleton, with_shape
        self.angle_weight = (joint_sd_m / skeleton.spread_rad).square()
        self.shape_weight = joint_sd_m * joint_sd_m

    def posed(self, hands: BatchedVariables, goal: BatchedGoal) -> BatchedPosed:
        """The fingers' points and what they lack to the joints."""
        knuckles, bones = self.skeleton.shaped(hands.shape)
        rotations, axes = _chain(self.skeleton, hands.angles_rad)
        points = torch.cat([knuckles[:, None], turn(rotations, bones)], dim=1).cumsum(dim=1)
        to_camera = quaternion_to_matrix(hands.orientation.T).permute(1, 2, 0).contiguous()
        to_wrist = to_camera.transpose(0, 1)
        reach = turn(to_wrist[:, :, None, None], goal.points_m - hands.wrist_m[:, None, None])
        gaps = reach - points
        wrist_gap = turn(to_wrist, goal.wrist_m - hands.wrist_m)
        squared = (goal.finger_weights * gaps.square().sum(dim=0)).sum(dim=(0, 1))
        squared = squared + goal.wrist_weight * wrist_gap.square().sum(dim=0)
        deviation = hands.angles_rad - self.skeleton.preferred_rad
        prior = (self.angle_weight * deviation.square()).sum(dim=(0, 1))
        prior = prior + self.shape_weight * hands.shape.square().sum(dim=0)
        rms = (squared / goal.total_weight).sqrt()
        cost = squared + prior
        return BatchedPosed(to_camera, rotations, axes, points, gaps, wrist_gap, cost, rms)

    def stepped(
        self, hands: BatchedVariables, posed: BatchedPosed, goal: BatchedGoal, damping: Tensor
    ) -> BatchedVariables:
        """The hands after one step; angles that would leave their limits end on them."""
        skeleton = self.skeleton
        fingers, shared = self._normal_equations(posed, goal)
        stiffness = damping * (LEVER_M * LEVER_M)
        deviation = skeleton.preferred_rad - hands.angles_rad
        fingers[:, -1] += self.angle_weight * deviation
        _diagonal(fingers).add_(self.angle_weight + stiffness)
        self._add_shared_terms(shared, hands, posed, goal, stiffness)
        lowest = skeleton.lower_rad - hands.angles_rad
        highest = skeleton.upper_rad - hands.angles_rad
        step, angles = _solved(fingers, shared)
        within = angles.clamp(lowest, highest)
        is_outside = within != angles
        if bool(is_outside.any()):
            pinned = PINNED * is_outside
            _diagonal(fingers).add_(pinned)
            fingers[:, -1].addcmul_(pinned, within)
            step, angles = _solved(fingers, shared)
            within = angles.clamp(lowest, highest)
        turned = axis_angle_to_quaternion(step[:3].T)
        orientation = quaternion_product(hands.orientation.T, turned)
        return BatchedVariables(
            orientation=functional.normalize(orientation, dim=-1).T,
            wrist_m=hands.wrist_m + turn(posed.to_camera, step[3:TWIST]),
            angles_rad=hands.angles_rad + within,
            shape=hands.shape + step[TWIST:] if self.with_shape else hands.shape,
        )

    def _normal_equations(self, posed: BatchedPosed, goal: BatchedGoal) -> tuple[Tensor, Tensor]:
        """Those of the joints alone, but for the wrist's: of the angles with themselves, wrist,
        shape and gap (9, 9 + S + 1, 5, B), upper triangle; of wrist and shape (S, S + 1, B)."""
        pulls = self._pulls(posed)
        weighted = goal.finger_weights * pulls
        wrenches = torch.cat([cross(posed.points_m[:, None], weighted), weighted])
        inertia = _Inertia.of(posed.points_m, goal.finger_weights)
        for part in (*inertia, wrenches):
            _sum_beyond(part)
        twists = torch.cat([posed.axes, cross(posed.points_m[:, :3, None], posed.axes)])
        momenta = inertia.beyond_joints().momenta(twists).flatten(1, 2)
        coupling = contract(twists[:, None], wrenches[:, :, 1:, None]).flatten(1, 2)
        twists = twists.flatten(1, 2)
        count = TWIST + pulls.shape[1]
        fingers = twists.new_empty(ANGLES, ANGLES + count, *twists.shape[2:])
        fingers[:, ANGLES : ANGLES + TWIST] = momenta.transpose(0, 1)
        fingers[:, ANGLES + TWIST :] = coupling.transpose(0, 1)
        for joint in range(3):
            before, own = slice(0, 3 * joint + 3), slice(3 * joint, 3 * joint + 3)
            fingers[before, own] = contract(twists[:, before, None], momenta[:, None, own])
        by_hand = wrenches[:, :, 0].sum(dim=2)
        shared = torch.cat([inertia.of_hand(), by_hand], dim=1)
        if self.with_shape:
            shared = torch.cat([shared, self._shape_rows(pulls, weighted, by_hand)])
        return fingers, shared

    def _shape_rows(self, pulls: Tensor, weighted: Tensor, by_hand: Tensor) -> Tensor:
        """(10, S + 1, B) of the shape with wrist, shape and gap."""
        ours = pulls[:, :-1].permute(4, 1, 0, 2, 3).flatten(2)
        all_pulls = weighted.permute(4, 0, 2, 3, 1).flatten(1, 3)
        among = (ours @ all_pulls).permute(1, 2, 0)
        return torch.cat([by_hand[:, :-1].transpose(0, 1), among], dim=1)

    def _pulls(self, posed: BatchedPosed) -> Tensor:
        """(3, S - 5, 4, 5, B) how the shape, if it is free, moves the points; then the gaps."""
        if not self.with_shape:
            return posed.gaps_m[:, None]
        knuckles = self.skeleton.knuckle_shapedirs[:, :, None]
        bones = product(posed.rotations, self.skeleton.bone_shapedirs)
        points = posed.points_m
        pulls = points.new_empty(3, SHAPE_COUNT + 1, *points.shape[1:])
        pulls[:, :-1, :1] = knuckles
        pulls[:, :-1, 1:] = bones
        for point in (1, 2, 3):
            pulls[:, :-1, point] += pulls[:, :-1, point - 1]
        pulls[:, -1] = posed.gaps_m
        return pulls

    def _add_shared_terms(
        self,
        shared: Tensor,
        hands: BatchedVariables,
        posed: BatchedPosed,
        goal: BatchedGoal,
        stiffness: Tensor,
    ) -> None:
        """The wrist as a joint to reach, the shape's prior and the damping."""
        diagonal = _diagonal(shared)
        diagonal[:3] += stiffness
        diagonal[3:TWIST] += goal.wrist_weight + stiffness / (LEVER_M * LEVER_M)
        diagonal[TWIST:] += self.shape_weight
        shared[3:TWIST, -1] += goal.wrist_weight * posed.wrist_gap_m
        if self.with_shape:
            shared[TWIST:, -1] -= self.shape_weight * hands.shape


def _chain(skeleton: TorchSkeleton, angles_rad: Tensor) -> tuple[Tensor, Tensor]:
    """Rotations of the joints and the axes about which their angles turn."""
    by_joint = angles_rad.reshape(3, 3, 5, -1)
    vectors = contract(skeleton.axes.movedim(2, 0), by_joint.transpose(0, 1)[:, None])
    rotations, left = rotation_and_left_jacobian(vectors)
    axes = contract(left.transpose(0, 1)[:, :, :, None], skeleton.axes[:, None])
    for joint in (1, 2):
        parent = rotations[:, :, joint - 1]
        axes[:, joint] = product(parent, axes[:, joint])
        rotations[:, :, joint] = product(parent, rotations[:, :, joint])
    return rotations, axes


class _Inertia(NamedTuple):
    """Sums over points with their weights in the place of masses: mass (P, 5, B), first moment
    (3, P, 5, B) and inertia (3, 3, P, 5, B) about the wrist."""

    mass: Tensor
    moment: Tensor
    inertia: Tensor

    @classmethod
    def of(cls, points_m: Tensor, weights: Tensor) -> _Inertia:
        """Each of (3, P, 5, B) points on its own."""
        moment = weights * points_m
        inertia = -points_m[:, None] * moment[None]
        inertia.diagonal().add_(contract(points_m, moment)[..., None])
        return cls(weights.clone(), moment, inertia)

    def beyond_joints(self) -> _Inertia:
        """Of the three points beyond the knuckle, which three joints carry."""
        return _Inertia(self.mass[1:], self.moment[:, 1:], self.inertia[:, :, 1:])

    def momenta(self, twists: Tensor) -> Tensor:
        """(6, 3, 3, 5, B) torques, then forces, of twists (turn, move) of the same shape."""
        turns, moves = twists[:3], twists[3:]
        moment = self.moment[:, :, None]
        torques = turn(self.inertia[:, :, :, None], turns) + cross(moment, moves)
        return torch.cat([torques, self.mass[:, None] * moves - cross(moment, turns)])

    def of_hand(self) -> Tensor:
        """(6, 6, B) of all points, given sums that hold those of a finger at its knuckle."""
        mass, moment, inertia = (part.sum(dim=-2)[..., 0, :] for part in self)
        matrix = moment.new_zeros(TWIST, TWIST, moment.shape[-1])
        matrix[:3, :3] = inertia
        for first, second, part in ((2, 1, 0), (0, 2, 1), (1, 0, 2)):
            matrix[first, 3 + second] = matrix[3 + second, first] = moment[part]
            matrix[second, 3 + first] = matrix[3 + first, second] = -moment[part]
        matrix[3:, 3:].diagonal().copy_(mass[:, None])
        return matrix


def _sum_beyond(values: Tensor) -> None:
    """Add to each point's (..., 4, 5, B) values those of the points beyond it, in place."""
    for point in (2, 1, 0):
        values[..., point, :, :] += values[..., point + 1, :, :]


def _solved(fingers: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
    """Steps of wrist and shape (S, B) and of the angles (9, 5, B)."""
    rows, pivots = factorise(fingers)
    tails = rows[:, ANGLES:]
    weighted = pivots[:, None] * tails[:, :-1]
    reduced = shared - contract(weighted[:, :, None], tails[:, None]).sum(dim=2)
    shared_rows, _ = factorise(reduced)
    step = substitute(shared_rows, shared_rows[:, -1])
    right = tails[:, -1] - contract(tails[:, :-1].transpose(0, 1), step[:, None, None])
    return step, substitute(rows, right)


def _diagonal(systems: Tensor) -> Tensor:
    """(N, ..., B) view of the diagonal of (N, N + K, ..., B) systems."""
    return systems.diagonal().movedim(-1, 0)


_Parts = TypeVar("_Parts", BatchedVariables, BatchedPosed, BatchedGoal)


def _where(is_first: Tensor, first: _Parts, second: _Parts) -> _Parts:
    if bool(is_first.all()):
        return first
    parts = (torch.where(is_first, *pair) for pair in zip(first, second, strict=True))
    return type(first)(*parts)


def _take(chosen: Tensor, hands: _Parts) -> _Parts:
    return type(hands)(*(part.index_select(-1, chosen) for part in hands))


def _put(found: BatchedFit, chosen: Tensor, hands: BatchedVariables, posed: BatchedPosed) -> None:
    for kept, part in zip(found.variables, hands, strict=True):
        kept[..., chosen] = part
    fingers = turn(posed.to_camera[:, :, None, None], posed.points_m).transpose(1, 2).flatten(1, 2)
    joints = torch.cat([torch.zeros_like(fingers[:, :1]), fingers], dim=1)
    found.joints_m[..., chosen] = joints + hands.wrist_m[:, None]
