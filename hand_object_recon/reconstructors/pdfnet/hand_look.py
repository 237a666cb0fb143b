"""What the network finds in a frame: both hands in the camera's axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.hands import HandDetection, HandSide
from hand_object_recon.geometry.depth_turn import RigidMotion
from hand_object_recon.geometry.projection import back_project
from hand_object_recon.networks.hand_crop import BOX_MARGIN
from hand_object_recon.networks.image_channels import normalised
from hand_object_recon.reconstructors.pdfnet.conventions import (
    SIDES,
    Conventions,
)
from hand_object_recon.reconstructors.pdfnet.detected_sides import (
    detected_cells,
    presence_of_either,
    seen_by_sides,
)
from hand_object_recon.reconstructors.pdfnet.hand_points import choose_points
from hand_object_recon.reconstructors.pdfnet.options import Inputs, PDFNetOptions, PointChoice, View
from hand_object_recon.reconstructors.pdfnet.prediction import HandPoints, HandsPrediction, Seen
from hand_object_recon.reconstructors.pdfnet.square_image import SquareImage

FloatArray = NDArray[np.floating[Any]]

_SOME_DISTANCE_M: Final = 0.5


class TwoHalves(Protocol):
    """A network, compiled or not."""

    def see(self, images: Tensor) -> Seen: ...

    def reconstruct(
        self, seen: Seen, points: HandPoints | None, cameras: Tensor
    ) -> HandsPrediction: ...


@dataclass(frozen=True, eq=False)
class FoundHand:
    """What the network thinks of one side's hand.

    presence
        0 to 1, how likely the hand is there at all. Authors' weights tell how likely their centre
        is one instead.
    joints_m, vertices_m
        (21, 3) and (V, 3) in the camera's axes; no vertices from a network of joints alone.
    has_place
        Whether the network could tell how far away it is: there was depth enough for it to read,
        or it needs none.
    """

    side: HandSide
    presence: float
    joints_m: FloatArray
    vertices_m: FloatArray
    has_place: bool

    def moved(self, motion: RigidMotion) -> FoundHand:
        """The hand somewhere else."""
        return replace(
            self, joints_m=motion.of(self.joints_m), vertices_m=motion.of(self.vertices_m)
        )


class HandLook:
    """Asks a network about frames."""

    def __init__(
        self,
        network: TwoHalves,
        options: PDFNetOptions,
        conventions: Conventions,
        device: torch.device,
    ) -> None:
        self._network = network
        self._options = options
        self._conventions = conventions
        self._device = device

    def __call__(
        self, frame: RgbdFrame, hands: Sequence[HandDetection], choice: PointChoice
    ) -> dict[HandSide, FoundHand]:
        """Both hands, found in the whole image, or about those that were detected. The same frame
        always gives the same hands."""
        options = self._options
        framed_px = _framed_px(hands) if options.view is View.HANDS else None
        square = SquareImage.of_frame(
            frame, options.image_size, framed_px, options.view_enlargement
        )
        seen = self._network.see(self._images(square))
        if options.sides_by_detector:
            cells = detected_cells(hands, square.to_square, options.image_size)
            seen = seen_by_sides(seen, cells.to(self._device))
            seen = seen._replace(presence_logits=presence_of_either(seen))
        points = self._points(square, seen, choice, np.random.default_rng(frame.stamp_ns))
        camera = torch.from_numpy(square.camera_matrix)[None].to(self._device, torch.float32)
        found = _found(seen, points, self._network.reconstruct(seen, points, camera))
        if options.sides_by_detector:
            detected = {hand.side for hand in hands}
            found = {side: one for side, one in found.items() if side in detected}
        if not options.tells_distance:
            found = {side: replace(one, has_place=False) for side, one in found.items()}
        if options.centered_points or not options.tells_distance:
            found = {side: _before_camera(one, hands, frame) for side, one in found.items()}
        return found

    def _images(self, square: SquareImage) -> Tensor:
        """(1, C, S, S)."""
        is_blue_first = self._conventions.is_blue_first
        channels = square.rgb[..., ::-1] if is_blue_first else square.rgb
        image = normalised(torch.from_numpy(channels.transpose(2, 0, 1).copy()))
        if self._options.inputs is Inputs.FOUR_CHANNELS:
            depth_m = torch.from_numpy(np.nan_to_num(square.depth_m, nan=0.0))
            image = torch.cat([image, depth_m[None]])
        return image[None].to(self._device)

    def _points(
        self, square: SquareImage, seen: Seen, choice: PointChoice, generator: np.random.Generator
    ) -> HandPoints | None:
        """Points on the hands' masks as the network sees them."""
        if not self._options.inputs.has_points:
            return None
        masks = self._conventions.mask_shares(seen.mask_logits[0].float())
        chosen = choose_points(
            square.depth_m,
            masks.cpu().numpy(),
            square.camera_matrix,
            self._options.points,
            choice=choice,
            generator=generator,
        )
        return HandPoints(*(torch.from_numpy(part)[None].to(self._device) for part in chosen))


def _framed_px(hands: Sequence[HandDetection]) -> FloatArray:
    """(N, 2) keypoints of detections, or the corners of boxes about where they would be."""
    return np.concatenate([_keypoints_or_corners_px(hand) for hand in hands])


def _keypoints_or_corners_px(hand: HandDetection) -> FloatArray:
    if hand.keypoints_px is not None:
        return hand.keypoints_px.astype(np.float64)
    box = hand.box
    half = np.array([box.width, box.height]) / (2 * BOX_MARGIN)
    return np.stack([box.center - half, box.center + half])


def _before_camera(found: FoundHand, hands: Sequence[HandDetection], frame: RgbdFrame) -> FoundHand:
    """A hand whose place is not known: where its side was detected, at a distance that its size has
    to tell."""
    detected = [hand for hand in hands if hand.side is found.side]
    if found.has_place or not detected:
        return found
    box = max(detected, key=lambda hand: hand.score).box
    place_m = back_project(np.array(box.center), np.array(_SOME_DISTANCE_M), frame.camera)
    return found.moved(RigidMotion(np.eye(3), place_m - found.joints_m.mean(axis=0)))


def _found(
    seen: Seen, points: HandPoints | None, answer: HandsPrediction
) -> dict[HandSide, FoundHand]:
    logits = seen.presence_logits
    if logits is None:
        logits = seen.center_logits.flatten(2).amax(dim=2)
    presence = logits[0].float().sigmoid().tolist()
    joints_m, vertices_m = (
        (part + answer.roots_m[:, :, None])[0].cpu().double().numpy()
        for part in (answer.joints, answer.vertices)
    )
    has_place = [True] * len(SIDES) if points is None else points.is_enough[0].tolist()
    return {
        side: FoundHand(side, presence[hand], joints_m[hand], vertices_m[hand], has_place[hand])
        for hand, side in enumerate(SIDES)
    }
