"""Contacts say which part of a hand is where on an object."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hand_object_recon.core.hands import HandEstimate, HandSide
from hand_object_recon.core.keypoints import FINGERTIPS
from hand_object_recon.core.objects import HandPart, ObjectEstimate
from hand_object_recon.hand_model.model import load_hand_model
from hand_object_recon.hand_model.vertex_labels import vertex_labels
from hand_object_recon.interaction.contacts import hand_contacts, parts_by_nearest_bone
from hand_object_recon.interaction.hand_rig import installed_rig
from hand_object_recon.interaction.object_surface import ObjectSurface
from hand_object_recon.object_model.mesh_distance import MeshDistance

MakeHand = Callable[..., HandEstimate]
MakeBall = Callable[..., ObjectEstimate]

RADIUS_M = 0.03
FINGERS = [part for part in HandPart if part is not HandPart.PALM]


@pytest.fixture(params=list(HandSide), ids=str)
def hand(request: pytest.FixtureRequest, make_hand: MakeHand) -> HandEstimate:
    """A flat hand."""
    return make_hand(request.param, np.zeros(48), (0.05, 0.02, 0.5), track_id=7)


def ball_at_finger(
    hand: HandEstimate, finger: HandPart, gap_m: float, make_ball: MakeBall
) -> ObjectEstimate:
    """A ball beyond a finger's tip, in line with its last bone."""
    tip = FINGERTIPS[finger]
    tip_m, before_m = hand.joints_m[tip].astype(float), hand.joints_m[tip - 1]
    along = (tip_m - before_m) / np.linalg.norm(tip_m - before_m)
    return make_ball(tip_m + (RADIUS_M + gap_m) * along, RADIUS_M)


def surface_of(thing: ObjectEstimate) -> ObjectSurface:
    return ObjectSurface.of(thing, MeshDistance(0.003, 0.02))


def parts_of(hand: HandEstimate) -> np.ndarray:
    rig = installed_rig(hand.topology)
    assert rig is not None
    return rig.arrays.parts


@pytest.mark.parametrize("finger", FINGERS)
@pytest.mark.parametrize("gap_mm", [-3.0, 0.0, 3.0])
def test_a_contact_is_on_the_object_where_the_finger_is(
    hand: HandEstimate, make_ball: MakeBall, finger: HandPart, gap_mm: float
) -> None:
    thing = ball_at_finger(hand, finger, gap_mm / 1000.0, make_ball)
    parts = parts_of(hand)
    [contact] = [
        one
        for one in hand_contacts(hand, parts, surface_of(thing), contact_m=0.004)
        if one.part == finger
    ]
    from_center = contact.point_m - thing.pose[:3, 3]
    of_finger = hand.vertices_m[parts == finger]
    gap_m = np.linalg.norm(of_finger - thing.pose[:3, 3], axis=1).min() - RADIUS_M
    assert contact.hand_track_id == 7
    assert contact.gap_m == pytest.approx(gap_m, abs=5e-4)
    assert np.linalg.norm(from_center) == pytest.approx(RADIUS_M, abs=5e-4)
    assert contact.normal @ from_center / np.linalg.norm(from_center) > 0.99
    assert np.linalg.norm(contact.normal) == pytest.approx(1.0, abs=1e-3)


def test_a_part_farther_off_than_the_limit_does_not_touch(
    hand: HandEstimate, make_ball: MakeBall
) -> None:
    thing = ball_at_finger(hand, HandPart.MIDDLE, 0.005, make_ball)
    surface, parts = surface_of(thing), parts_of(hand)
    assert hand_contacts(hand, parts, surface, contact_m=0.004) == []
    found = hand_contacts(hand, parts, surface, contact_m=0.008)
    assert HandPart.MIDDLE in {contact.part for contact in found}


def test_every_part_that_touches_is_there_once_at_its_nearest_skin(
    hand: HandEstimate, make_ball: MakeBall
) -> None:
    thing = make_ball(hand.joints_m[9] + np.array([0.0, 0.0, 0.02]), RADIUS_M)
    parts = parts_of(hand)
    gaps = np.linalg.norm(hand.vertices_m - thing.pose[:3, 3], axis=1) - RADIUS_M
    expected = {part: gaps[parts == part].min() for part in HandPart}
    expected = {part: gap for part, gap in expected.items() if abs(gap - 0.004) > 5e-4}
    found = {
        contact.part: contact.gap_m
        for contact in hand_contacts(hand, parts, surface_of(thing), contact_m=0.004)
    }
    assert len(found) >= 3
    for part, gap in expected.items():
        assert (part in found) == (gap < 0.004)
        assert part not in found or found[part] == pytest.approx(gap, abs=1e-3)


def test_parts_are_those_of_the_hand_models_labels(hand: HandEstimate) -> None:
    labels = vertex_labels(load_hand_model("open_hand", hand.side))
    np.testing.assert_array_equal(parts_of(hand), labels.part)


def test_without_a_hand_model_a_mesh_is_divided_by_its_nearest_bones(hand: HandEstimate) -> None:
    by_bone, by_label = parts_by_nearest_bone(hand), parts_of(hand)
    assert (by_bone == by_label).mean() > 0.85
    for finger, tip in zip(FINGERS, FINGERTIPS, strict=True):
        near_tip = np.linalg.norm(hand.vertices_m - hand.joints_m[tip], axis=1) < 0.012
        assert near_tip.any()
        assert (by_bone[near_tip] == finger).all()
