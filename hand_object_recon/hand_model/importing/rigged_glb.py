"""Makes a hand model of a rigged hand mesh in a .glb file.

The mesh, its skin weights and its joints are the rig's own, in the bind pose. WebXR's 25 joints
become MANO's 16: finger metacarpals move with the wrist, tips with the last joint.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import FINGER_NAMES
from hand_object_recon.hand_model.conventions import (
    FINGERS_IN_JOINT_ORDER,
    JOINT_COUNT,
    finger_joints,
)
from hand_object_recon.hand_model.importing.anatomy import (
    anatomical_axes,
    palm_normal,
    pose_statistics,
)
from hand_object_recon.hand_model.importing.glb_file import GlbFile, read_glb
from hand_object_recon.hand_model.importing.model_checks import require_hand_size
from hand_object_recon.hand_model.importing.rig_joint_names import (
    RigJoint,
    joints_of_side,
    read_rig_joints,
    side_of,
)
from hand_object_recon.hand_model.joint_orders import joint_order
from hand_object_recon.hand_model.model import HandModel
from hand_object_recon.hand_model.open_hand.joint_regressor import build_joint_regressor
from hand_object_recon.hand_model.open_hand.rest_hand import RestHand
from hand_object_recon.hand_model.open_hand.shape_space import build_shape_space
from hand_object_recon.hand_model.open_hand.skeleton import FingerLine, Skeleton

FloatArray = NDArray[np.floating[Any]]

RIG_NOTES: Final = (
    "shape: the open hand's ten constructed modes (size, palm, fingers, thickness) on this mesh",
    "pose correctives: none, plain linear blend skinning",
    "joint limits and pose statistics: the open hand's, counted from this rig's bind pose",
)
_TRIANGLES: Final = 4
_SAME_PLACE_M: Final = 1e-5
_SAME_WEIGHT: Final = 1e-3


@dataclass(frozen=True, eq=False)
class RiggedHand:
    """vertices_m (V, 3) and joints_m (16, 3) in the rest frame, wrist at the origin; faces
    (F, 3), counter-clockwise seen from outside; weights (V, 16)."""

    side: HandSide
    vertices_m: FloatArray
    faces: NDArray[np.int32]
    weights: FloatArray
    joints_m: FloatArray


def read_rigged_hand(path: Path, side: HandSide | None) -> RiggedHand:
    """Read the hand of a .glb file.

    side
        None: as the joints' names or the file's name tell.

    Raises
    ------
    InvalidValueError
        The file does not read, holds no skinned mesh with a hand's joints, tells no side or
        another one, or is not of a hand's size in metres.
    """
    file = read_glb(path)
    try:
        return _read_hand(file, side)
    except InvalidValueError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise InvalidValueError(
            f"{path} is damaged: its parts do not fit together ({type(error).__name__}: {error})"
        ) from None


def rig_model(hand: RiggedHand, name: str, licence: str) -> HandModel:
    """A hand model of a rigged mesh; what it leaves open is constructed (``RIG_NOTES``)."""
    tips = _tip_vertices(hand)
    axes = anatomical_axes(hand.joints_m, hand.vertices_m[tips], hand.side)
    statistics = pose_statistics()
    poses = np.einsum("nja,jac->njc", statistics.poses_rad, axes).reshape(-1, 45)
    _, _, components = np.linalg.svd(poses - poses.mean(axis=0), full_matrices=False)
    posedirs = np.zeros((len(hand.vertices_m), 3, 9 * (JOINT_COUNT - 1)))
    rest = RestHand(hand.vertices_m, hand.joints_m, hand.weights, posedirs, axes)
    return HandModel(
        name=name,
        side=hand.side,
        licence=licence,
        v_template=hand.vertices_m.astype(np.float32),
        faces=hand.faces,
        shapedirs=_shape_space(hand, tips, axes).astype(np.float32),
        posedirs=posedirs.astype(np.float32),
        joint_regressor=build_joint_regressor(rest).astype(np.float32),
        weights=hand.weights.astype(np.float32),
        hands_mean=poses.mean(axis=0).astype(np.float32),
        hands_components=components.astype(np.float32),
        tip_vertices=tips,
        joint_axes=axes.astype(np.float32),
        joint_limits_rad=statistics.limits_rad.astype(np.float32),
        pose_mean_rad=statistics.mean_rad.astype(np.float32),
        pose_covariance_rad2=statistics.covariance_rad2.astype(np.float32),
    )


def _read_hand(file: GlbFile, side: HandSide | None) -> RiggedHand:
    path = file.path
    mesh_node, skin_number = _skinned_node(file)
    skin = file.part("skins", skin_number)
    bones = [int(node) for node in skin["joints"]]
    named = read_rig_joints([str(file.part("nodes", node).get("name", "")) for node in bones])
    side = _side(path, named, side)
    places = joints_of_side(named, side)
    binds = _bind_transforms(file, skin, bones)
    to_scene = file.node_transforms()[bones[places["wrist"]]] @ np.linalg.inv(
        binds[places["wrist"]]
    )
    mesh = _read_mesh(file, mesh_node, len(bones))
    placed = mesh.vertices @ to_scene[:3, :3].T + to_scene[:3, 3]
    order = [places[name] for name in joint_order("mano16").joints]
    joints = (to_scene @ binds[order])[:, :3, 3]
    weights = mesh.weights @ _merging(file, bones, named, side)
    faces = mesh.faces if np.linalg.det(to_scene[:3, :3]) > 0 else mesh.faces[:, ::-1]
    require_hand_size(placed)
    vertices, triangles, shares = _without_seams(placed, faces, weights)
    rotation = _rotation_to_rest(joints, side)
    hand = RiggedHand(
        side,
        (vertices - joints[0]) @ rotation.T,
        triangles,
        shares,
        (joints - joints[0]) @ rotation.T,
    )
    _refuse_thumb_behind_palm(path, hand)
    return hand


@dataclass(frozen=True, eq=False)
class _SkinnedMesh:
    """vertices (V, 3) and faces (F, 3) in the bind frame; weights (V, bones)."""

    vertices: FloatArray
    faces: NDArray[np.int32]
    weights: FloatArray


def _skinned_node(file: GlbFile) -> tuple[int, int]:
    found = [
        (number, int(node["skin"]))
        for number, node in enumerate(file.nodes)
        if "mesh" in node and "skin" in node
    ]
    if not found:
        raise InvalidValueError(f"{file.path} has no skinned mesh; export it with its armature")
    if len(found) > 1:
        names = ", ".join(str(file.nodes[number].get("name", number)) for number, _ in found)
        raise InvalidValueError(
            f"{file.path} has {len(found)} skinned meshes ({names}); export one hand a file"
        )
    return found[0]


def _side(path: Path, joints: list[RigJoint | None], wanted: HandSide | None) -> HandSide:
    told = side_of(joints)
    if told is not None and wanted not in (told, None):
        raise InvalidValueError(
            f"{path} has joints of the {told} hand; import it with --side {told}"
        )
    from_file = [side for side in HandSide if str(side) in path.stem.lower()]
    if wanted is not None:
        return wanted
    if told is not None:
        return told
    if len(from_file) == 1:
        return from_file[0]
    raise InvalidValueError(f"{path} does not tell its side; give --side right or --side left")


def _bind_transforms(file: GlbFile, skin: dict[str, Any], bones: list[int]) -> FloatArray:
    """(bones, 4, 4) of each joint in the frame the vertices are in."""
    if "inverseBindMatrices" not in skin:
        return file.node_transforms()[bones]
    inverse = file.accessor(skin["inverseBindMatrices"]).astype(np.float64)
    if len(inverse) != len(bones):
        raise InvalidValueError(
            f"{file.path} has {len(inverse)} inverse bind matrices for {len(bones)} joints"
        )
    transforms = inverse.reshape(-1, 4, 4).transpose(0, 2, 1)
    if (np.abs(np.linalg.det(transforms)) < 1e-12).any():
        raise InvalidValueError(f"{file.path} has an inverse bind matrix without inverse")
    return np.asarray(np.linalg.inv(transforms))


def _read_mesh(file: GlbFile, mesh_node: int, bone_count: int) -> _SkinnedMesh:
    mesh = file.part("meshes", file.nodes[mesh_node]["mesh"])
    parts = [_read_primitive(file, primitive, bone_count) for primitive in mesh["primitives"]]
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    return _SkinnedMesh(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate(
            [part.faces + start for part, start in zip(parts, starts, strict=False)]
        ).astype(np.int32),
        np.concatenate([part.weights for part in parts]),
    )


def _read_primitive(file: GlbFile, primitive: dict[str, Any], bone_count: int) -> _SkinnedMesh:
    attributes = primitive.get("attributes", {})
    missing = [name for name in ("POSITION", "JOINTS_0", "WEIGHTS_0") if name not in attributes]
    if missing:
        raise InvalidValueError(f"{file.path} has a mesh without {', '.join(missing)}")
    if primitive.get("mode", _TRIANGLES) != _TRIANGLES:
        raise InvalidValueError(f"{file.path} has a mesh that is not of triangles; triangulate it")
    vertices = file.accessor(attributes["POSITION"]).astype(np.float64)
    if "indices" in primitive:
        corners = file.accessor(primitive["indices"]).astype(np.int64).ravel()
    else:
        corners = np.arange(len(vertices))
    if corners.size % 3 or (corners.size and corners.max() >= len(vertices)):
        raise InvalidValueError(f"{file.path} has triangles that name vertices there are not")
    weights = np.zeros((len(vertices), bone_count))
    for group in range(8):
        if f"JOINTS_{group}" not in attributes:
            break
        bones = file.accessor(attributes[f"JOINTS_{group}"]).astype(np.int64)
        shares = file.accessor(attributes[f"WEIGHTS_{group}"]).astype(np.float64)
        if bones.max() >= bone_count or bones.shape != shares.shape:
            raise InvalidValueError(f"{file.path} has skin weights of joints there are not")
        np.add.at(weights, (np.arange(len(vertices))[:, None], bones), shares)
    sums = weights.sum(axis=1)
    if (sums < 0.5).any():
        raise InvalidValueError(
            f"{file.path} has vertex {int(np.argmin(sums))} with skin weights of {sums.min():.3f} "
            "in all; they must sum to 1"
        )
    return _SkinnedMesh(vertices, corners.reshape(-1, 3).astype(np.int32), weights / sums[:, None])


def _merging(
    file: GlbFile, bones: list[int], named: list[RigJoint | None], side: HandSide
) -> FloatArray:
    """(bones, 16) 0 or 1: which of the sixteen joints each bone's weights go to.

    A bone that is no hand joint moves with the next hand joint above it, or the wrist.
    """
    order = joint_order("mano16").joints
    parents, place_of = file.node_parents(), {node: place for place, node in enumerate(bones)}
    merging = np.zeros((len(bones), JOINT_COUNT))
    for place, bone in enumerate(bones):
        node, target = bone, 0
        while node >= 0:
            joint = named[place_of[node]] if node in place_of else None
            if joint is not None and joint.side in (side, None):
                target = _moves_with(joint.name, order)
                break
            node = parents[node]
        merging[place, target] = 1.0
    return merging


def _moves_with(name: str, order: tuple[str, ...]) -> int:
    finger, _, part = name.partition("_")
    if part == "tip":
        return finger_joints(finger)[2]
    return order.index(name) if name in order else 0


def _without_seams(
    vertices: FloatArray, faces: NDArray[np.int32], weights: FloatArray
) -> tuple[FloatArray, NDArray[np.int32], FloatArray]:
    """One vertex where several lie that move alike, and none that no face uses."""
    used = np.unique(faces)
    keys = np.hstack(
        [np.round(vertices[used] / _SAME_PLACE_M), np.round(weights[used] / _SAME_WEIGHT)]
    )
    _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    kept = used[np.sort(first)]
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    renumbered = np.full(len(vertices), -1, dtype=np.int32)
    renumbered[used] = rank[group.ravel()]
    merged = renumbered[faces]
    proper = (
        (merged[:, 0] != merged[:, 1])
        & (merged[:, 1] != merged[:, 2])
        & (merged[:, 2] != merged[:, 0])
    )
    return vertices[kept], np.ascontiguousarray(merged[proper]), weights[kept]


def _rotation_to_rest(joints: FloatArray, side: HandSide) -> FloatArray:
    """(3, 3) to fingers along -x (left: +x) and palm along -y, by wrist and knuckles."""
    fingers = joints[4] - joints[0]
    fingers = fingers / np.linalg.norm(fingers)
    palmar = palm_normal(joints, side)
    palmar = palmar - (palmar @ fingers) * fingers
    x = -fingers if side is HandSide.RIGHT else fingers
    y = -palmar / np.linalg.norm(palmar)
    return np.stack([x, y, np.cross(x, y)])


def _refuse_thumb_behind_palm(path: Path, hand: RiggedHand) -> None:
    reach = np.linalg.norm(hand.joints_m[4])
    thumb_end = hand.joints_m[finger_joints("thumb")[2]]
    if thumb_end[1] > 0.1 * reach:
        other = HandSide.LEFT if hand.side is HandSide.RIGHT else HandSide.RIGHT
        raise InvalidValueError(
            f"{path} read as a {hand.side} hand has its thumb behind the palm; try --side {other}"
        )


def _shape_space(hand: RiggedHand, tips: NDArray[np.int32], axes: FloatArray) -> FloatArray:
    """(V, 3, 10) the open hand's modes, along lines through this rig's joints."""
    lines = {}
    for finger in FINGERS_IN_JOINT_ORDER:
        tip = hand.vertices_m[tips[FINGER_NAMES.index(finger)]]
        lines[finger] = FingerLine(np.vstack([hand.joints_m[list(finger_joints(finger))], tip]))
    skeleton = Skeleton(hand.joints_m, tips, lines, axes)
    return build_shape_space(hand.vertices_m, hand.weights, skeleton)


def _tip_vertices(hand: RiggedHand) -> NDArray[np.int32]:
    """(5,) for each finger, thumb first, the vertex at the far end of its last bone."""
    tips = []
    for finger in FINGER_NAMES:
        _, middle, last = finger_joints(finger)
        direction = hand.joints_m[last] - hand.joints_m[middle]
        belongs = hand.weights[:, last] > 0.5
        along = np.where(belongs, hand.vertices_m @ direction, -np.inf)
        if not belongs.any():
            raise InvalidValueError(f"no vertex moves with the last joint of the {finger}")
        tips.append(int(np.argmax(along)))
    return np.array(tips, dtype=np.int32)
