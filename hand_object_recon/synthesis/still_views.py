"""Still pictures of one random hand each, for measuring how a detector sees the hand model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import CameraIntrinsics, RgbdFrame
from hand_object_recon.core.hands import HandSide
from hand_object_recon.core.keypoints import MIDDLE_MCP
from hand_object_recon.geometry.rotations import axis_angle_to_matrix
from hand_object_recon.hand_model.conventions import SHAPE_COUNT
from hand_object_recon.hand_model.forward import PosedHand
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.open_hand.pose_space import pose_set_rad
from hand_object_recon.hand_model.pose_differential import HandState, PosedLinearHand, ShapedHand
from hand_object_recon.synthesis.demo_scene import DEMO_CAMERA, FRAME_ID
from hand_object_recon.synthesis.lighting import lamp_directions
from hand_object_recon.synthesis.moving_arm import Body, MovingArm
from hand_object_recon.synthesis.room_wall import RoomWall, pixel_directions
from hand_object_recon.synthesis.view_rays import look_at

FloatArray = NDArray[np.floating[Any]]
Range = tuple[float, float]

_MODEL: Final = "open_hand"
_SHAPE_DEVIATION: Final = 0.7
_YAW_DEVIATION_RAD: Final = 0.6
_PITCH_DEVIATION_RAD: Final = 0.4
_ROLL_DEVIATION_RAD: Final = 0.5
_PALM_CENTER_M: Final[tuple[Range, Range, Range]] = ((-0.05, 0.05), (-0.03, 0.03), (0.35, 0.60))

_ELBOW_REACH_M: Final = 0.3
_ELBOW_DEVIATION_M: Final = 0.06
_NEAREST_ELBOW_M: Final = 0.2

_WALL_DISTANCE_M: Final = 1.2
_LAMP_RAYS: Final = 12
_PAINT_BRIGHTNESS: Final[Range] = (0.3, 1.8)
_PAINT_TINT: Final[Range] = (0.8, 1.2)
_EXPOSURE: Final[Range] = (0.6, 1.2)
_LENS_BLUR_PX: Final = 0.7
_IMAGE_NOISE: Final = 1.6


@dataclass(frozen=True, eq=False)
class StillView:
    """A picture of one hand, its depth free of noise, and the true hand in the camera frame."""

    frame: RgbdFrame
    hand: PosedLinearHand

    @property
    def side(self) -> HandSide:
        return self.hand.shaped.model.side


class StillViews:
    """An endless supply of views: left and right hands in turn, palm or back to the camera.

    Poses come from the model's pose set, shapes have a deviation of 0.7, and everything random
    comes from ``seed``.
    """

    def __init__(self, seed: int = 0, camera: CameraIntrinsics = DEMO_CAMERA) -> None:
        self._camera = camera
        self._random = np.random.default_rng(seed)
        self._poses_rad = pose_set_rad()
        self._wall = RoomWall(camera, _WALL_DISTANCE_M, self._random)
        self._directions = pixel_directions(camera)
        self._taken = 0

    def take(self) -> StillView:
        """Render the next view."""
        side = HandSide.RIGHT if self._taken % 2 == 0 else HandSide.LEFT
        hand = self._random_hand(side)
        rgb, depth_m = self._photograph(self._body(hand))
        frame = RgbdFrame(rgb, depth_m, self._camera, stamp_ns=self._taken, frame_id=FRAME_ID)
        self._taken += 1
        return StillView(frame, hand)

    def _random_hand(self, side: HandSide) -> PosedLinearHand:
        random = self._random
        shape = _SHAPE_DEVIATION * random.standard_normal(SHAPE_COUNT)
        shaped = ShapedHand(load_hand_model(_MODEL, side), shape)
        angles_rad = self._poses_rad[random.integers(len(self._poses_rad))].ravel()
        at_origin = HandState(self._random_orientation(side), np.zeros(3), angles_rad, shape)
        palm_center_m = np.array([random.uniform(*span) for span in _PALM_CENTER_M])
        wrist_m = palm_center_m - shaped.pose(at_origin).keypoints_m[MIDDLE_MCP]
        return shaped.pose(HandState(at_origin.orientation, wrist_m, angles_rad, shape))

    def _random_orientation(self, side: HandSide) -> FloatArray:
        """(3, 3): finger tips up, the palm or the back to the camera, then turned about."""
        random = self._random
        yaw = np.pi * random.integers(2) + _YAW_DEVIATION_RAD * random.standard_normal()
        pitch = _PITCH_DEVIATION_RAD * random.standard_normal()
        roll = _ROLL_DEVIATION_RAD * random.standard_normal()
        about_x, about_y, about_z = (
            axis_angle_to_matrix(angle * axis)
            for angle, axis in zip((pitch, yaw, roll), np.eye(3), strict=True)
        )
        return np.asarray(about_z @ about_x @ about_y @ _fingertips_up_palm_to_camera(side))

    def _body(self, hand: PosedLinearHand) -> Body:
        posed = PosedHand(hand.vertices_m, hand.keypoints_m, hand.rotations, hand.positions_m)
        arm = MovingArm(
            hand.shaped.model.side, _place(hand.positions_m[0]), _place(self._elbow_m(hand))
        )
        return Body([arm.surface(posed, 0)], [arm.texture])

    def _elbow_m(self, hand: PosedLinearHand) -> FloatArray:
        """(3,) about straight behind the hand, and never close to the camera."""
        out_of_hand = hand.positions_m[0] - hand.keypoints_m[MIDDLE_MCP]
        reach = _ELBOW_REACH_M * out_of_hand / np.linalg.norm(out_of_hand)
        elbow = hand.positions_m[0] + reach + _ELBOW_DEVIATION_M * self._random.standard_normal(3)
        elbow[2] = max(elbow[2], _NEAREST_ELBOW_M)
        return np.asarray(elbow)

    def _photograph(self, body: Body) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Colour (H, W, 3) uint8 and true depth (H, W) metres."""
        lamp = lamp_directions(_LAMP_RAYS, self._random)
        color = self._wall.color_behind(body.surface, lamp) * self._random_paint()
        depth_m = self._wall.depth_m.copy()
        pixels, rays, hits = look_at(body.surface, self._directions, self._camera)
        color[pixels], _ = body.shade(hits, rays, lamp)
        depth_m[pixels] = hits.distances
        return self._develop(color), depth_m

    def _random_paint(self) -> FloatArray:
        """(3,) factor on the wall's colour."""
        tint = self._random.uniform(*_PAINT_TINT, size=3)
        return np.asarray(self._random.uniform(*_PAINT_BRIGHTNESS) * tint)

    def _develop(self, linear_rgb: FloatArray) -> NDArray[np.uint8]:
        """8-bit sRGB of linear light: exposure, lens blur, tone curve and sensor noise."""
        exposed = self._random.uniform(*_EXPOSURE) * linear_rgb.astype(np.float32)
        blurred = cv2.GaussianBlur(np.clip(exposed, 0.0, 1.0), (0, 0), _LENS_BLUR_PX)
        noise = self._random.standard_normal((*blurred.shape[:2], 1), dtype=np.float32)
        encoded = 255.0 * cv2.pow(blurred, 1.0 / 2.2) + _IMAGE_NOISE * noise
        return np.clip(encoded + 0.5, 0, 255).astype(np.uint8)


def _fingertips_up_palm_to_camera(side: HandSide) -> FloatArray:
    """(3, 3) from the rest frame to the camera optical frame."""
    sign = 1.0 if side is HandSide.RIGHT else -1.0
    return np.array([[0.0, 0.0, sign], [sign, 0.0, 0.0], [0.0, 1.0, 0.0]])


def _place(point_m: FloatArray) -> tuple[float, float, float]:
    x, y, z = point_m.tolist()
    return x, y, z
