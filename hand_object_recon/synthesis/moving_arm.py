"""One arm of the person in the scene, and both arms joined to one surface for the rays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.hands import HandSide
from hand_object_recon.hand_model.forward import PosedHand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.synthesis.arm_mesh import grow_arm, ring_count, wrist_rim
from hand_object_recon.synthesis.hand_motion import HandMotion
from hand_object_recon.synthesis.lighting import Shade, lit_cloth, lit_skin, sphere_directions
from hand_object_recon.synthesis.ray_surface import Hits, RaySurface
from hand_object_recon.synthesis.skin_texture import SkinTexture

FloatArray = NDArray[np.floating[Any]]

_CLOTH: Final = -1
_CLOTH_COLOR: Final = np.array([0.045, 0.075, 0.13])
_SPHERE_RAYS: Final = 40
_RING_SPACING_M: Final = 0.025
_ELBOW_FOLLOWS: Final = 0.7


class MovingArm:
    """A hand model, how it moves, and where its elbow rests.

    wrist_m, elbow_m
        (x, y, z) metres in the camera optical frame, about which both move; the elbow follows
        most of the wrist's way.
    """

    def __init__(
        self,
        side: HandSide,
        wrist_m: tuple[float, float, float],
        elbow_m: tuple[float, float, float],
        rises_at_s: float | None = None,
        phase_s: float = 0.0,
    ) -> None:
        self.model = load_hand_model("open_hand", side)
        self.motion = HandMotion(self.model, wrist_m, phase_s, rises_at_s)
        self.texture = SkinTexture(self.model)
        self._wrist_m, self._elbow_m = np.array(wrist_m), np.array(elbow_m)
        self._rest_m, self._rest_normals = self._rest_of_skin()

    def surface(self, posed: PosedHand, number: int) -> BodyPart:
        """The arm around a posed hand; its skin carries ``number`` as its material."""
        followed_m = _ELBOW_FOLLOWS * (posed.joints_m[0] - self._wrist_m)
        arm = grow_arm(self.model, posed, self._elbow_m + followed_m)
        skin, cloth = len(arm.skin_vertices_m), len(arm.sleeve_vertices_m)
        nowhere = np.zeros((cloth, 3))
        return BodyPart(
            vertices_m=np.concatenate([arm.skin_vertices_m, arm.sleeve_vertices_m]),
            faces=np.concatenate([arm.skin_faces, arm.sleeve_faces + np.int32(skin)]),
            materials=np.repeat([number, _CLOTH], [skin, cloth]),
            rest_m=np.concatenate([self._rest_m, nowhere]),
            rest_normals=np.concatenate([self._rest_normals, nowhere]),
        )

    def _rest_of_skin(self) -> tuple[FloatArray, FloatArray]:
        """Places and normals of the skin in the rest pose, the forearm a straight tube."""
        hand = self.model.v_template
        normals = RaySurface(hand, self.model.faces).vertex_normals()
        rim = list(wrist_rim(self.model))
        out_of_hand = np.sign(hand[rim, 0].mean() - hand[:, 0].mean())
        steps = out_of_hand * _RING_SPACING_M * np.arange(1, ring_count())
        forearm = hand[rim] + steps[:, None, None] * np.array([1.0, 0.0, 0.0])
        tiled = np.tile(normals[rim], (len(steps), 1))
        return np.concatenate([hand, forearm.reshape(-1, 3)]), np.concatenate([normals, tiled])


@dataclass(frozen=True, eq=False)
class BodyPart:
    """A surface in the camera optical frame with the material and rest place of its vertices."""

    vertices_m: FloatArray
    faces: NDArray[np.int32]
    materials: NDArray[np.integer[Any]]
    rest_m: FloatArray
    rest_normals: FloatArray


class Body:
    """Arms joined to one surface that shadows itself.

    Occlusion and the lamp's shadow are found at the vertices that are seen and interpolated,
    which makes them as soft as a large lamp's; texture is evaluated at every pixel.
    """

    def __init__(self, parts: Sequence[BodyPart], textures: Sequence[SkinTexture]) -> None:
        starts = np.cumsum([0, *(len(part.vertices_m) for part in parts)])
        self.surface = RaySurface(
            np.concatenate([part.vertices_m for part in parts]),
            np.concatenate(
                [part.faces + np.int32(start) for part, start in zip(parts, starts, strict=False)]
            ),
        )
        self._textures = textures
        self._normals = self.surface.vertex_normals()
        self._materials = np.concatenate([part.materials for part in parts])
        self._rest = np.concatenate(
            [np.concatenate([part.rest_m, part.rest_normals], axis=1) for part in parts]
        )

    def shade(
        self, hits: Hits, directions: FloatArray, lamp: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Linear RGB (N, 3) and cosine (N,) between normal and line of sight at each hit."""
        corners = self.surface.faces[hits.faces]
        normals = _unit(_interpolate(self._normals, corners, hits.weights))
        towards_camera = -_unit(directions)
        facing = np.clip(np.einsum("ij,ij->i", normals, towards_camera), 0.0, 1.0)
        light = _interpolate(self._light_at_vertices(corners, lamp), corners, hits.weights)
        shade = Shade(lamp=light[:, 0], surroundings=light[:, 1])
        color = lit_cloth(_CLOTH_COLOR, normals, shade)
        materials = self._materials[corners[:, 0]]
        for number, texture in enumerate(self._textures):
            chosen = np.flatnonzero(materials == number)
            rest = _interpolate(self._rest, corners[chosen], hits.weights[chosen])
            skin = texture.color(rest[:, :3], _unit(rest[:, 3:]))
            color[chosen] = lit_skin(
                skin, normals[chosen], towards_camera[chosen], shade.at(chosen)
            )
        return color, facing

    def _light_at_vertices(self, corners: NDArray[np.int32], lamp: FloatArray) -> FloatArray:
        """(V, 2) open share of the lamp and of the surroundings, for the vertices in use."""
        seen = np.unique(corners)
        points, normals = self.surface.vertices_m[seen], self._normals[seen]
        light = np.zeros((len(self._normals), 2), dtype=np.float32)
        light[seen, 0] = self.surface.openness(points, normals, lamp)
        around = self.surface.openness(points, normals, sphere_directions(_SPHERE_RAYS))
        light[seen, 1] = np.minimum(2.0 * around, 1.0)
        return light


def _interpolate(values: FloatArray, corners: NDArray[np.int32], weights: FloatArray) -> FloatArray:
    first, second, third = (
        values[corners[:, corner]] * weights[:, corner, None] for corner in range(3)
    )
    return np.asarray(first + second + third)


def _unit(vectors: FloatArray) -> FloatArray:
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.asarray(vectors / np.maximum(length, 1e-12))
