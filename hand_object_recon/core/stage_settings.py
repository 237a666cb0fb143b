"""Settings of the pipeline's stages but for the reconstructors'."""

from __future__ import annotations

from typing import Literal

from hand_object_recon.core.config_section import Section, setting


class TrackerSettings(Section):
    max_hands: int = setting(2, "Hands followed at once.", ge=1, le=8)
    max_lost_frames: int = setting(
        15,
        "Frames a hand may be out of sight, 1.5 s at most, and keep its id where it comes back.",
        run_time=True,
        ge=0,
        le=100,
    )
    side_votes: int = setting(
        300, "Recent frames that vote on whether a track is a left or a right hand.", ge=1, le=1000
    )


class SmootherSettings(Section):
    enabled: bool = setting(True, "Smooth hands over time (One-Euro filter).", run_time=True)
    lateral_min_cutoff_hz: float = setting(
        4.0, "Cut-off of a still hand along image x and y.", run_time=True, gt=0.0, le=100.0
    )
    lateral_beta_hz_per_m_s: float = setting(
        100.0, "Rise of that cut-off with speed.", run_time=True, ge=0.0, le=1000.0
    )
    depth_min_cutoff_hz: float = setting(
        2.0, "Cut-off of a still hand along the optical axis.", run_time=True, gt=0.0, le=100.0
    )
    depth_beta_hz_per_m_s: float = setting(
        100.0, "Rise of that cut-off with speed.", run_time=True, ge=0.0, le=1000.0
    )
    derivative_cutoff_hz: float = setting(
        2.0, "Cut-off of the speed estimate.", run_time=True, gt=0.0, le=100.0
    )
    reset_gap_ms: float = setting(
        200.0, "A longer gap between frames restarts the filter.", run_time=True, gt=0.0, le=10000.0
    )


class MediapipeHandsSettings(Section):
    model_complexity: int = setting(1, "0 is the lite landmark model, 1 the full one.", ge=0, le=1)
    min_detection_confidence: float = setting(
        0.5, "Palm detections below this score are dropped.", ge=0.0, le=1.0
    )
    min_tracking_confidence: float = setting(
        0.5, "Landmarks below this score start a new palm detection.", ge=0.0, le=1.0
    )
    search_interval_frames: int = setting(
        15,
        "Frames between searches for a second hand while one is tracked; 1 searches in each.",
        ge=1,
        le=100,
    )
    mirrored_input: bool = setting(
        False, "The camera image is mirrored like a selfie view, so sides are swapped."
    )
    follow_frames: int = setting(
        5, "Frames a box is followed by depth when the detector misses a hand.", ge=0, le=100
    )


class HeldObjectSettings(Section):
    enabled: bool = setting(
        True, "Model and track what hands hold, unless the reconstructor gives objects itself."
    )
    prefer_depth: bool = setting(
        False,
        "Model held objects from depth even where the reconstructor gives its own, which are "
        "dropped then.",
    )
    max_size_m: float = setting(
        0.30, "Largest extent of an object; farther parts are not taken for it.", ge=0.05, le=1.0
    )
    voxel_mm: float = setting(
        2.5, "Edge of a voxel of the object's model; finer takes longer.", ge=1.0, le=10.0
    )
    completion: Literal["auto", "primitive", "symmetry", "extrusion", "convex"] = setting(
        "auto",
        "How the unseen side is closed; auto takes the simple body that describes the seen side, "
        "else a symmetry it shows, else an extrusion along the view within the convex hull.",
        run_time=True,
    )
    mesh_faces: int = setting(
        2000, "Triangles an object's mesh is reduced to.", run_time=True, ge=100, le=100000
    )
    mesh_rate_hz: float = setting(
        5.0, "How often the mesh of an object is made anew.", run_time=True, gt=0.0, le=60.0
    )
    keep_s: float = setting(
        5.0,
        "How long an object that was put down is remembered, to be the same when picked up again.",
        run_time=True,
        ge=0.0,
        le=600.0,
    )
    models_folder: str = setting(
        "",
        "Folder of meshes (metres) of known objects; what is held is recognised among them and "
        "only its pose fitted; what is none of them is modelled on the spot. Empty models all "
        "objects on the spot.",
    )


class DepthTurnSettings(Section):
    enabled: bool = setting(
        True,
        "Turn hands that a network saw in colour onto the measured depth, which shows the "
        "direction they point in.",
    )


class ContactRefinementSettings(Section):
    enabled: bool = setting(
        True,
        "Pull hands and held objects to contact and push them out of each other.",
        run_time=True,
    )
    contact_mm: float = setting(
        4.0,
        "A gap up to this between skin and object counts as touching.",
        run_time=True,
        ge=0.5,
        le=20.0,
    )
    reach_mm: float = setting(
        12.0,
        "Fingers farther from the object than this are not pulled to it.",
        run_time=True,
        ge=1.0,
        le=50.0,
    )
