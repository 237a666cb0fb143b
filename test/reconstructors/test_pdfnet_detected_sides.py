"""What the network sees of either hand is that of the detected hand whose joints are nearest."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide
from hand_object_recon.reconstructors.pdfnet.batch_points import as_in_use
from hand_object_recon.reconstructors.pdfnet.detected_sides import (
    cells_of_joints,
    detected_cells,
    presence_of_either,
    seen_by_sides,
)
from hand_object_recon.reconstructors.pdfnet.options import PDFNetOptions
from hand_object_recon.reconstructors.pdfnet.prediction import Pyramid, Seen

SIZE = 64
CELLS = SIZE // 4
AS_IT_IS = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
LEFT, RIGHT = 0, 1


def hand_about(x: float, y: float, side: HandSide = HandSide.LEFT) -> HandDetection:
    """A hand whose joints lie in a square about a pixel."""
    reach = 9.0
    random = np.random.default_rng(int(x + 7 * y))
    corners = np.array([[-1, -1], [1, 1]]) * reach
    inner = random.uniform(-reach, reach, (19, 2))
    keypoints = (np.array([x, y]) + np.concatenate([corners, inner])).astype(np.float32)
    return HandDetection(side, 0.9, BoundingBox.around(keypoints, 0.1), keypoints)


def brute_force(hands: list[HandDetection]) -> np.ndarray:
    """Cell by cell, joint by joint."""
    nearest = np.full((2, CELLS, CELLS), np.inf)
    for hand in hands:
        assert hand.keypoints_px is not None
        row = 0 if hand.side is HandSide.LEFT else 1
        low, high = hand.keypoints_px.min(axis=0), hand.keypoints_px.max(axis=0)
        for down in range(CELLS):
            for right in range(CELLS):
                middle = 4.0 * np.array([right, down]) + 2.0
                if (abs(middle - (low + high) / 2) > 0.6 * (high - low) + 2.0).any():
                    continue
                gap = np.linalg.norm(hand.keypoints_px - middle, axis=1).min()
                nearest[row, down, right] = min(nearest[row, down, right], gap)
    return np.isfinite(nearest) & (nearest <= nearest[::-1])


def test_cells_are_those_of_the_nearest_hand() -> None:
    hands = [hand_about(20, 30), hand_about(34, 33, HandSide.RIGHT)]
    found = detected_cells(hands, AS_IT_IS, SIZE)[0]
    np.testing.assert_array_equal(found.numpy(), brute_force(hands))
    assert found[LEFT].any()
    assert found[RIGHT].any()
    assert not (found[LEFT] & found[RIGHT]).any()


def test_of_two_hands_of_a_side_both_have_their_cells() -> None:
    hands = [hand_about(14, 14), hand_about(50, 50)]
    found = detected_cells(hands, AS_IT_IS, SIZE)[0]
    np.testing.assert_array_equal(found.numpy(), brute_force(hands))
    assert found[LEFT, 3, 3]
    assert found[LEFT, 12, 12]
    assert not found[RIGHT].any()


def test_detections_are_mapped_to_the_square() -> None:
    halved = np.array([[0.5, 0.0, 3.0], [0.0, 0.5, -2.0]])
    large = HandDetection(
        HandSide.LEFT,
        0.9,
        BoundingBox.around(np.array([[10.0, 30.0], [60.0, 90.0]]), 0.0),
        np.linspace([10.0, 30.0], [60.0, 90.0], 21).astype(np.float32),
    )
    assert large.keypoints_px is not None
    small_px = (0.5 * large.keypoints_px + [3.0, -2.0]).astype(np.float32)
    small = HandDetection(HandSide.LEFT, 0.9, BoundingBox.around(small_px, 0.0), small_px)
    torch.testing.assert_close(
        detected_cells([large], halved, SIZE), detected_cells([small], AS_IT_IS, SIZE)
    )


def test_a_box_without_keypoints_is_enough() -> None:
    box = BoundingBox.around(np.array([[20.0, 20.0], [44.0, 44.0]]), 0.2)
    found = detected_cells([HandDetection(HandSide.RIGHT, 0.9, box)], AS_IT_IS, SIZE)[0]
    assert not found[LEFT].any()
    assert found[RIGHT, 5:11, 5:11].all()
    assert not found[RIGHT, :, :3].any()


def test_training_gives_the_cells_that_a_detector_would() -> None:
    hands = [hand_about(20, 30), hand_about(34, 33, HandSide.RIGHT)]
    joints_px = torch.stack([torch.tensor(hand.keypoints_px) for hand in hands])
    both = cells_of_joints(joints_px[None], torch.tensor([[True, True]]), SIZE)
    torch.testing.assert_close(both, detected_cells(hands, AS_IT_IS, SIZE))
    left_alone = cells_of_joints(joints_px[None], torch.tensor([[True, False]]), SIZE)
    torch.testing.assert_close(left_alone, detected_cells(hands[:1], AS_IT_IS, SIZE))


def test_what_is_taken_for_either_hand_is_the_one_that_was_detected_there() -> None:
    masks, centers = torch.full((1, 2, SIZE, SIZE), -5.0), torch.full((1, 2, CELLS, CELLS), -5.0)
    masks[0, RIGHT, 24:32, 24:32] = 3.0  # it is the left one
    centers[0, RIGHT, 7, 6] = 2.0
    masks[0, LEFT, :4, :4] = 4.0  # nobody is there
    pyramid = Pyramid(None, centers, centers)
    is_own = detected_cells([hand_about(28, 28)], AS_IT_IS, SIZE)

    found = seen_by_sides(Seen(centers, masks, None, None, pyramid), is_own)

    assert (found.mask_logits[0, LEFT, 24:32, 24:32] == 3.0).all()
    assert int((found.mask_logits > 0.0).sum()) == 64
    assert int(found.center_logits[0, LEFT].argmax()) == 7 * CELLS + 6
    assert (found.mask_logits[0, RIGHT] < -100.0).all()


@pytest.mark.parametrize("is_asked", [True, False])
def test_training_learns_with_the_masks_of_use_where_that_is_asked_for(is_asked: bool) -> None:
    options = PDFNetOptions(image_size=SIZE, points=64, neighbours=16, sides_by_detector=is_asked)
    about_px = np.asarray(hand_about(28, 28).keypoints_px, dtype=np.float32)
    rays = torch.from_numpy(np.column_stack([about_px, np.ones(21, dtype=np.float32)]))
    batch = {
        "joints_m": 0.5 * torch.stack([rays, rays])[None],  # seen by a camera of one pixel's focus
        "camera": torch.eye(3)[None],
        "is_present": torch.tensor([[True, False]]),
    }
    masks, centers = torch.full((1, 2, SIZE, SIZE), 3.0), torch.zeros(1, 2, CELLS, CELLS)
    seen = Seen(centers, masks, None, None, Pyramid(None, centers, centers))

    shown = as_in_use(seen, batch, options).mask_logits[0] > 0.0

    assert bool(shown[LEFT, 28, 28])
    assert bool(shown[LEFT, 60, 60]) is not is_asked
    assert bool(shown[RIGHT].any()) is not is_asked


@pytest.mark.parametrize(
    ("shares", "either"),
    [((0.6, 0.3), 0.9), ((0.45, 0.45), 0.9), ((0.1, 0.1), 0.2), ((0.99, 0.99), 1.0)],
)
def test_a_hand_whose_side_is_unclear_is_there_all_the_same(
    shares: tuple[float, float], either: float
) -> None:
    nothing = torch.empty(0)
    logits = torch.logit(torch.tensor([shares]))
    seen = Seen(nothing, nothing, None, logits, Pyramid(None, nothing, nothing))
    found = presence_of_either(seen)
    assert found is not None
    np.testing.assert_allclose(found.sigmoid().numpy(), [[either, either]], atol=1e-3)
