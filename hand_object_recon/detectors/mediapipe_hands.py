"""Google's MediaPipe Hands as a detector: both hands, side, score, 21 keypoints."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.camera import RgbdFrame
from hand_object_recon.core.config import PipelineConfig
from hand_object_recon.core.errors import DependencyError
from hand_object_recon.core.hands import BoundingBox, HandDetection, HandSide
from hand_object_recon.core.plugins import PluginCard
from hand_object_recon.detectors.base import Detector
from hand_object_recon.detectors.box_follower import BoxFollower

_BOX_MARGIN: Final = 0.1
_SAME_HAND_SHARE: Final = 0.25  # of the hand's size between the keypoints of two detections
_SEARCH_FRAMES: Final = 2  # after which a search for another hand is waited for


class MediapipeHandsDetector(Detector):
    """Palm detection and landmarks, tracked from frame to frame.

    The score is MediaPipe's certainty about the side, the only one it gives. Sides are the
    person's own: MediaPipe assumes a mirrored image and calls a right hand left, which is
    undone here. When it misses a hand, the hand's box is followed in depth for a few frames.
    """

    card: ClassVar[PluginCard] = PluginCard(
        name="mediapipe_hands",
        summary="palm detector and 21 landmarks, tracked; boxes followed in depth when missed",
        licence="Apache-2.0, models included",
        paper="Zhang et al. 2020, arXiv:2006.10214",
        max_hands=None,
    )

    def __init__(self, config: PipelineConfig) -> None:
        super().__init__(config)
        self._settings = config.mediapipe_hands
        self._follower = BoxFollower(self._settings.follow_frames)
        self._open()

    def detect(self, frame: RgbdFrame) -> list[HandDetection]:
        found = self._found(frame.rgb)
        completed = self._follower.complete(frame, found)
        self._last_count = len(completed)  # a hand that is followed is still to be found again
        return completed

    def warm_up(self) -> None:
        blank = np.zeros((480, 640, 3), dtype=np.uint8)
        for graph in (self._all_hands, self._one_hand):
            graph.process(blank)

    def reset(self) -> None:
        self.close()
        self._open()
        self._follower.reset()

    def close(self) -> None:
        self._search_thread.shutdown()
        self._one_hand.close()
        self._all_hands.close()

    def _open(self) -> None:
        """Two graphs, because one that has found fewer hands than it may looks for another palm
        in every frame, which takes longer than following the hand it has.

        While one hand is followed, the other graph searches beside it now and then, in a thread
        of its own.
        """
        self._all_hands = self._new_graph(self.config.tracker.max_hands)
        self._one_hand = self._new_graph(1)
        self._search_thread = ThreadPoolExecutor(1, "hand-search")
        self._search: Future[list[HandDetection]] | None = None
        self._last_count = 0
        self._frames_since_search = 0

    def _found(self, rgb: NDArray[np.uint8]) -> list[HandDetection]:
        """Every hand of the image, each once, the most certain first."""
        self._frames_since_search += 1
        searches_always = self._settings.search_interval_frames == 1
        if self._last_count != 1 or searches_always or self._another_was_found():
            self._end_search()
            self._frames_since_search = 0
            return self._hands(self._all_hands, rgb)
        found = self._hands(self._one_hand, rgb)
        if self._frames_since_search >= self._settings.search_interval_frames:
            self._frames_since_search = 0
            self._search = self._search_thread.submit(self._hands, self._all_hands, rgb)
        return found

    def _another_was_found(self) -> bool:
        """Whether the search has found a hand more than is followed.

        It is looked at in a certain frame and not when it is done, so that what is found does
        not depend on how fast the machine is.
        """
        if self._search is None or self._frames_since_search < _SEARCH_FRAMES:
            return False
        return len(self._end_search()) > 1

    def _end_search(self) -> list[HandDetection]:
        search, self._search = self._search, None
        return search.result() if search is not None else []

    def _new_graph(self, max_hands: int) -> Any:
        # MediaPipe reports on stderr with every start; only its errors matter to a user.
        os.environ.setdefault("GLOG_minloglevel", "2")
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        try:
            from mediapipe.python.solutions.hands import Hands
        except ImportError as error:
            raise DependencyError(
                f"detector 'mediapipe_hands' needs MediaPipe 0.10.21 ({error}); it has wheels up "
                "to Python 3.12: pip install --no-deps mediapipe==0.10.21, or name another detector"
            ) from None
        return Hands(
            static_image_mode=False,
            max_num_hands=max_hands,
            model_complexity=self._settings.model_complexity,
            min_detection_confidence=self._settings.min_detection_confidence,
            min_tracking_confidence=self._settings.min_tracking_confidence,
        )

    def _hands(self, graph: Any, rgb: NDArray[np.uint8]) -> list[HandDetection]:
        result = graph.process(np.ascontiguousarray(rgb))
        if not result.multi_hand_landmarks:
            return []
        size = np.array([rgb.shape[1], rgb.shape[0]], dtype=np.float32)
        hands = zip(
            result.multi_hand_landmarks,
            result.multi_hand_world_landmarks,
            result.multi_handedness,
            strict=True,
        )
        return without_repeats(
            [
                self._detection(image.landmark, world.landmark, handedness.classification[0], size)
                for image, world, handedness in hands
            ]
        )

    def _detection(
        self, image: Any, world: Any, handedness: Any, size: NDArray[np.float32]
    ) -> HandDetection:
        # MediaPipe's unit square spans the whole image; our pixel 0 is a pixel's centre.
        keypoints = np.array([(point.x, point.y) for point in image], np.float32) * size - 0.5
        relative = np.array([(point.x, point.y, point.z) for point in world], np.float32)
        says_left = handedness.label == "Left"
        is_right = says_left != self._settings.mirrored_input
        return HandDetection(
            side=HandSide.RIGHT if is_right else HandSide.LEFT,
            score=float(np.clip(handedness.score, 0.0, 1.0)),
            box=BoundingBox.around(keypoints, _BOX_MARGIN),
            keypoints_px=keypoints,
            relative_keypoints_m=relative,
        )


def without_repeats(detections: list[HandDetection]) -> list[HandDetection]:
    """The detections, the most certain first, each hand once."""
    kept: list[HandDetection] = []
    for detection in sorted(detections, key=lambda one: -one.score):
        if not any(_is_same_hand(detection, other) for other in kept):
            kept.append(detection)
    return kept


def _is_same_hand(first: HandDetection, second: HandDetection) -> bool:
    if first.keypoints_px is None or second.keypoints_px is None:
        return first.box.intersection_over_union(second.box) > 0.6
    apart = np.linalg.norm(first.keypoints_px - second.keypoints_px, axis=1).mean()
    size = max(first.box.width, first.box.height)
    return bool(apart < _SAME_HAND_SHARE * size)
