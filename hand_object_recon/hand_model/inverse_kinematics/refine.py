"""Damped least-squares steps for one hand, in NumPy.

Unknown are the wrist's orientation and position, 45 anatomical angles and, if wanted, the shape.
Everything is worked out in the wrist's frame. A finger's angles touch its own points only, so
they are eliminated finger by finger, and what is left is one small system for the wrist and the
shape.

A joint that turns about axis ``w`` through ``c`` moves a point ``p`` by ``w x p + c x w``, and the
same twist moves all points beyond the joint. So the Gauss-Newton matrix of a finger is made like
the mass matrix of a robot arm, from sums over the points beyond each joint (the composite rigid
body algorithm; Featherstone, "Rigid Body Dynamics Algorithms", 2008, section 6.2), with the
joints' weights in the place of masses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.geometry.rotations import cross_matrix, rotation_and_left_jacobian
from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.inverse_kinematics.options import InverseKinematicsOptions
from hand_object_recon.hand_model.inverse_kinematics.skeleton import KinematicSkeleton

FloatArray = NDArray[np.floating[Any]]

ANGLES: Final = 9
"""Angles of a finger."""

TWIST: Final = 6
"""Orientation and position of the wrist."""

FIRST_DAMPING: Final = 1e-3
DAMPING_AFTER_SUCCESS: Final = 0.2
DAMPING_AFTER_FAILURE: Final = 10.0

LEVER_M: Final = 0.03
"""Length at which damping takes a turn for as much as a move."""

PINNED: Final = 1e3
"""Stiffness that holds an angle at its limit, far above that of any joint."""

_UPPER: Final = np.triu(np.ones((ANGLES, ANGLES), dtype=bool))
_SUM_BEFORE: Final[FloatArray] = np.tril(np.ones((4, 4)))
_SUM_BEYOND: Final[FloatArray] = np.triu(np.ones((4, 4)))


@dataclass(frozen=True, eq=False)
class HandVariables:
    """What is solved for: orientation (3, 3), wrist_m (3,), angles_rad (5, 9), shape (10,)."""

    orientation: FloatArray
    wrist_m: FloatArray
    angles_rad: FloatArray
    shape: FloatArray


@dataclass(frozen=True, eq=False)
class JointGoal:
    """Joints (21, 3) to reach, finite, and their weights (21,)."""

    joints_m: FloatArray
    weights: FloatArray

    @property
    def finger_weights(self) -> FloatArray:
        """(5, 4)."""
        return np.asarray(self.weights[1:].reshape(5, 4))


def refine(
    skeleton: KinematicSkeleton,
    start: HandVariables,
    goal: JointGoal,
    options: InverseKinematicsOptions,
    *,
    with_shape: bool,
) -> tuple[PosedFingers, bool]:
    """The posed hand after up to ``options.max_steps`` damped steps, and whether it converged."""
    problem = _Problem(skeleton, goal, options.joint_sd_m, None if with_shape else start.shape)
    posed, damping = problem.posed(start), FIRST_DAMPING
    for _ in range(options.max_steps):
        ahead = problem.posed(problem.stepped(posed, damping))
        change_m = abs(posed.residual_rms_m - ahead.residual_rms_m)
        is_better = ahead.cost < posed.cost
        if is_better:
            posed = ahead
        if change_m < options.tolerance_m or posed.residual_rms_m < options.tolerance_m:
            return posed, True
        damping *= DAMPING_AFTER_SUCCESS if is_better else DAMPING_AFTER_FAILURE
    return posed, False


@dataclass(frozen=True, eq=False)
class PosedFingers:
    """A hand at given variables, in the wrist's frame.

    rotations (5, 3, 3, 3); axes (5, 3, 3, 3) the axis in the wrist's frame about which each
    angle turns, one a row; points_m (5, 4, 3) keypoints of the fingers; gaps_m (5, 4, 3) and
    wrist_gap_m (3,) what they lack to the joints; cost with and residual_rms_m without priors.
    """

    variables: HandVariables
    rotations: FloatArray
    axes: FloatArray
    points_m: FloatArray
    gaps_m: FloatArray
    wrist_gap_m: FloatArray
    cost: float
    residual_rms_m: float

    @property
    def joints_m(self) -> FloatArray:
        """(21, 3) keypoints in the frame of the joints."""
        fingers = self.points_m.reshape(20, 3) @ self.variables.orientation.T
        return np.concatenate([np.zeros((1, 3)), fingers]) + self.variables.wrist_m


class _Problem:
    """The least-squares problem of one hand: joints to reach and priors."""

    def __init__(
        self,
        skeleton: KinematicSkeleton,
        goal: JointGoal,
        joint_sd_m: float,
        fixed_shape: FloatArray | None,
    ) -> None:
        self.skeleton, self.goal = skeleton, goal
        self.with_shape = fixed_shape is None
        self.fixed_rest = None if fixed_shape is None else skeleton.shaped(fixed_shape)
        self.weights = goal.finger_weights
        self.total_weight = float(goal.weights.sum())
        self.angle_weight = np.square(joint_sd_m / skeleton.spread_rad)
        self.shape_weight = joint_sd_m * joint_sd_m

    def posed(self, variables: HandVariables) -> PosedFingers:
        """The fingers' points and what they lack to the joints."""
        skeleton, angles = self.skeleton, variables.angles_rad
        knuckles, bones = self.fixed_rest or skeleton.shaped(variables.shape)
        vectors = angles.reshape(15, 1, 3) @ skeleton.axes.reshape(15, 3, 3)
        local, left = rotation_and_left_jacobian(vectors[:, 0])
        rotations, left = local.reshape(5, 3, 3, 3), left.reshape(5, 3, 3, 3)
        for joint in (1, 2):
            left[:, joint] = rotations[:, joint - 1] @ left[:, joint]
            rotations[:, joint] = rotations[:, joint - 1] @ rotations[:, joint]
        links = np.empty((5, 4, 3))
        links[:, 0] = knuckles
        links[:, 1:] = (rotations @ bones[..., None])[..., 0]
        points = _SUM_BEFORE @ links
        reach = (self.goal.joints_m - variables.wrist_m) @ variables.orientation
        gaps = reach[1:].reshape(5, 4, 3) - points
        squared = float(self.weights.ravel() @ (gaps * gaps).sum(axis=-1).ravel())
        squared += float(self.goal.weights[0] * (reach[0] @ reach[0]))
        deviation = angles - skeleton.preferred_rad
        prior = float((self.angle_weight * deviation * deviation).sum())
        prior += float(self.shape_weight * (variables.shape @ variables.shape))
        return PosedFingers(
            variables,
            rotations,
            skeleton.axes @ left.swapaxes(-1, -2),
            points,
            gaps,
            reach[0],
            squared + prior,
            float(np.sqrt(squared / self.total_weight)),
        )

    def stepped(self, posed: PosedFingers, damping: float) -> HandVariables:
        """The variables after one step; angles that would leave their limits end on them."""
        variables, skeleton = posed.variables, self.skeleton
        equations = self._normal_equations(posed)
        stiffness = damping * LEVER_M * LEVER_M
        deviation = skeleton.preferred_rad - variables.angles_rad
        equations.coupling[..., -1] += self.angle_weight * deviation
        equations.angle_diagonal[...] += self.angle_weight + stiffness
        self._add_shared_terms(equations.shared, posed, stiffness)
        lowest = skeleton.lower_rad - variables.angles_rad
        highest = skeleton.upper_rad - variables.angles_rad
        shared, angles = equations.solved()
        within = np.minimum(np.maximum(angles, lowest), highest)
        is_outside = within != angles
        if is_outside.any():
            equations.hold(is_outside, within)
            shared, angles = equations.solved()
            within = np.minimum(np.maximum(angles, lowest), highest)
        orientation = variables.orientation
        turn = rotation_and_left_jacobian(shared[None, :3])[0][0]
        return HandVariables(
            orientation=orientation @ turn,
            wrist_m=variables.wrist_m + orientation @ shared[3:TWIST],
            angles_rad=variables.angles_rad + within,
            shape=variables.shape + shared[TWIST:] if self.with_shape else variables.shape,
        )

    def _normal_equations(self, posed: PosedFingers) -> _NormalEquations:
        """Those of the joints alone, but for the wrist's."""
        arms = cross_matrix(posed.points_m)
        motions = self._motions(posed, arms)
        weighted = self.weights[..., None, None] * motions
        wrenches = np.concatenate([arms @ weighted, weighted], axis=2)
        beyond = (_SUM_BEYOND @ wrenches.reshape(5, 4, -1)).reshape(wrenches.shape)
        twists = np.concatenate([posed.axes, posed.axes @ -arms[:, :3]], axis=-1)
        coupling = (twists @ beyond[:, 1:]).reshape(5, ANGLES, -1)
        forces = coupling[..., :TWIST].swapaxes(1, 2)
        fingers = twists.reshape(5, ANGLES, TWIST) @ forces
        fingers = np.where(_UPPER, fingers, fingers.swapaxes(1, 2))
        shared = beyond[:, 0].sum(axis=0)
        if self.with_shape:
            by_shape = motions[..., TWIST:-1].reshape(60, SHAPE_COUNT)
            shared = np.concatenate([shared, by_shape.T @ weighted.reshape(60, -1)])
        return _NormalEquations(fingers, coupling, shared)

    def _motions(self, posed: PosedFingers, arms: FloatArray) -> FloatArray:
        """(5, 4, 3, S + 1) how orientation, position and shape move the points, and the gaps."""
        count = TWIST + (SHAPE_COUNT if self.with_shape else 0) + 1
        motions = np.empty((5, 4, 3, count))
        motions[..., :3] = -arms
        motions[..., 3:TWIST] = np.eye(3)
        motions[..., -1] = posed.gaps_m
        if self.with_shape:
            by_shape = motions[..., TWIST:-1]
            by_shape[:, 0] = self.skeleton.knuckle_shapedirs
            by_shape[:, 1:] = posed.rotations @ self.skeleton.bone_shapedirs
            np.cumsum(by_shape, axis=1, out=by_shape)
        return motions

    def _add_shared_terms(self, shared: FloatArray, posed: PosedFingers, stiffness: float) -> None:
        """The wrist as a joint to reach, the shape's prior and the damping."""
        wrist_weight = self.goal.weights[0]
        diagonal = shared.reshape(-1)[:: shared.shape[1] + 1]
        diagonal[:3] += stiffness
        diagonal[3:TWIST] += wrist_weight + stiffness / (LEVER_M * LEVER_M)
        diagonal[TWIST:] += self.shape_weight
        shared[3:TWIST, -1] += wrist_weight * posed.wrist_gap_m
        if self.with_shape:
            shared[TWIST:, -1] -= self.shape_weight * posed.variables.shape


@dataclass(frozen=True, eq=False)
class _NormalEquations:
    """Gauss-Newton matrix and, as last columns, gradient.

    fingers (5, 9, 9) of the angles; coupling (5, 9, S + 1) of angles with wrist and shape;
    shared (S, S + 1) of wrist and shape.
    """

    fingers: FloatArray
    coupling: FloatArray
    shared: FloatArray

    @property
    def angle_diagonal(self) -> FloatArray:
        """(5, 9) view of the diagonals of ``fingers``."""
        return self.fingers.reshape(5, -1)[:, :: ANGLES + 1]

    def hold(self, is_held: NDArray[np.bool_], steps_rad: FloatArray) -> None:
        """Tie angles to given steps."""
        self.angle_diagonal[...] += PINNED * is_held
        self.coupling[..., -1] += (PINNED * is_held) * steps_rad

    def solved(self) -> tuple[FloatArray, FloatArray]:
        """Steps of wrist and shape (S,) and of the angles (5, 9)."""
        by_angles = np.linalg.solve(self.fingers, self.coupling)
        crossed = self.coupling[..., :-1].swapaxes(1, 2) @ by_angles
        reduced = self.shared - crossed.sum(axis=0)
        shared = np.linalg.solve(reduced[:, :-1], reduced[:, -1])
        return shared, by_angles[..., -1] - by_angles[..., :-1] @ shared
