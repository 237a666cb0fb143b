"""Which subjects, cameras and sequences are in DexYCB's setups.

Chao et al., CVPR 2021, section 4.1; the exact places are those of dex-ycb-toolkit,
``dex_ycb_toolkit/dex_ycb.py``. A place of a sequence is its rank among the hundred of a subject,
which are sorted by name; five in a row are of one grasped object.
"""

from __future__ import annotations

from typing import Final, NamedTuple

SUBJECTS: Final = (
    "20200709-subject-01",
    "20200813-subject-02",
    "20200820-subject-03",
    "20200903-subject-04",
    "20200908-subject-05",
    "20200918-subject-06",
    "20200928-subject-07",
    "20201002-subject-08",
    "20201015-subject-09",
    "20201022-subject-10",
)
SERIALS: Final = (
    "836212060125",
    "839512060362",
    "840412060917",
    "841412060263",
    "932122060857",
    "932122060861",
    "932122061900",
    "932122062010",
)
SEQUENCES_PER_SUBJECT: Final = 100
PARTS: Final = ("train", "val", "test")

_PER_OBJECT: Final = 5


class Setup(NamedTuple):
    """Places of a part's subjects, cameras, and sequences of each subject."""

    subjects: tuple[int, ...]
    serials: tuple[int, ...]
    sequences: tuple[int, ...]

    @property
    def videos(self) -> int:
        """How many videos by one camera these are."""
        return len(self.subjects) * len(self.serials) * len(self.sequences)


_ALL_SUBJECTS: Final = tuple(range(len(SUBJECTS)))
_ALL_SERIALS: Final = tuple(range(len(SERIALS)))
_ALL_SEQUENCES: Final = tuple(range(SEQUENCES_PER_SUBJECT))
_FIRST_OF_FIVE: Final = tuple(place for place in _ALL_SEQUENCES if place % _PER_OBJECT != 4)
_LAST_OF_FIVE: Final = tuple(place for place in _ALL_SEQUENCES if place % _PER_OBJECT == 4)
_UNSEEN_VAL: Final = (3, 19)
_UNSEEN_TEST: Final = (7, 11, 15)


def _of_objects(objects: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(place for place in _ALL_SEQUENCES if place // _PER_OBJECT in objects)


def _of_other_objects(objects: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(place for place in _ALL_SEQUENCES if place // _PER_OBJECT not in objects)


SETUPS: Final[dict[str, Setup]] = {
    "s0_train": Setup(_ALL_SUBJECTS, _ALL_SERIALS, _FIRST_OF_FIVE),
    "s0_val": Setup((0, 1), _ALL_SERIALS, _LAST_OF_FIVE),
    "s0_test": Setup((2, 3, 4, 5, 6, 7, 8, 9), _ALL_SERIALS, _LAST_OF_FIVE),
    "s1_train": Setup((0, 1, 2, 3, 4, 5, 9), _ALL_SERIALS, _ALL_SEQUENCES),
    "s1_val": Setup((6,), _ALL_SERIALS, _ALL_SEQUENCES),
    "s1_test": Setup((7, 8), _ALL_SERIALS, _ALL_SEQUENCES),
    "s2_train": Setup(_ALL_SUBJECTS, (0, 1, 2, 3, 4, 5), _ALL_SEQUENCES),
    "s2_val": Setup(_ALL_SUBJECTS, (6,), _ALL_SEQUENCES),
    "s2_test": Setup(_ALL_SUBJECTS, (7,), _ALL_SEQUENCES),
    "s3_train": Setup(
        _ALL_SUBJECTS, _ALL_SERIALS, _of_other_objects((*_UNSEEN_VAL, *_UNSEEN_TEST))
    ),
    "s3_val": Setup(_ALL_SUBJECTS, _ALL_SERIALS, _of_objects(_UNSEEN_VAL)),
    "s3_test": Setup(_ALL_SUBJECTS, _ALL_SERIALS, _of_objects(_UNSEEN_TEST)),
}
"""By setup and part, as the toolkit names them."""
