"""What users of MANO agree to differently, as options with a card each.

They are chosen when a model is imported, or for one load with
``load_hand_model(name, side, conventions)``. The arrays in the store stay as the file had them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.hands import HandSide

if TYPE_CHECKING:
    from hand_object_recon.hand_model.model import HandModel

PUBLISHED: Final = "as_published"
CORRECTED: Final = "corrected"
OWN_TIPS: Final = "own"
_ALL_COMPONENTS: Final = 45


@dataclass(frozen=True)
class ConventionCard:
    """What a convention means, who uses it, and how it is got wrong."""

    name: str
    meaning: str
    users: str
    trap: str


@dataclass(frozen=True)
class TipVertices:
    """Vertices of MANO's mesh taken as finger tips, thumb first, for each side."""

    right: tuple[int, int, int, int, int]
    left: tuple[int, int, int, int, int]
    card: ConventionCard

    def of(self, side: HandSide) -> tuple[int, int, int, int, int]:
        return self.right if side is HandSide.RIGHT else self.left


def _tips(
    name: str,
    right: tuple[int, int, int, int, int],
    users: str,
    trap: str,
    left: tuple[int, int, int, int, int] | None = None,
) -> TipVertices:
    meaning = f"finger tips are MANO's vertices {', '.join(map(str, right))}, thumb first"
    return TipVertices(right, left or right, ConventionCard(name, meaning, users, trap))


TIP_VERTICES: Final[dict[str, TipVertices]] = {
    "manopth": _tips(
        "manopth",
        (745, 317, 444, 556, 673),
        "manopth, and with it the labels of DexYCB, H2O and ObMan",
        "the left hand's middle tip is 445, not 444",
        left=(745, 317, 445, 556, 673),
    ),
    "smplx": _tips(
        "smplx",
        (744, 320, 443, 554, 671),
        "smplx, and with it HaMeR and many mesh regressors",
        "some millimetres from manopth's, which an error of 5 mm a joint cannot hide",
    ),
    "freihand": _tips(
        "freihand",
        (744, 320, 443, 555, 672),
        "FreiHAND's own code and the methods that evaluate on it",
        "like smplx's but for ring and pinky",
    ),
    "ho3d": _tips(
        "ho3d",
        (744, 333, 444, 555, 672),
        "HO-3D, Minimal-IK and data made with it",
        "often taken for FreiHAND's; index and middle tips differ",
    ),
    "h2onet": _tips(
        "h2onet",
        (745, 317, 445, 556, 673),
        "H2ONet's joint regressor, for right hands",
        "its labels come from manopth's 444, so its middle tip is one vertex off them",
    ),
}

CONVENTION_CARDS: Final[tuple[ConventionCard, ...]] = (
    ConventionCard(
        "flat_hand_mean",
        "true: zero coefficients are the flat hand (hands_mean is zero); "
        "false: they are the model's mean pose",
        "true: gSDF, H2O; false: DexYCB, H2ONet",
        "a pose stored with one and decoded with the other bends every finger by the mean; "
        "a full axis-angle pose (48,) of this program never has the mean added",
    ),
    ConventionCard(
        "pca_components",
        "how many principal components of the pose have an effect, 1 to 45; "
        "the rows of hands_components after them are zero",
        "45: DexYCB; 6: manopth's and smplx's default",
        "coefficients of a basis cut elsewhere are still valid as far as they go",
    ),
    ConventionCard(
        "left_shapedirs",
        "as_published: the left model's shape directions as they are in MANO_LEFT.pkl; "
        "corrected: their x multiplied by -1",
        "as_published: the labels of DexYCB (dex-ycb-toolkit issue 28), manopth, smplx; "
        "corrected: InterHand2.6M's tools and code that follows smplx issue 48",
        "as published, equal coefficients are not the mirrored hand; correct it for the same "
        "person's two hands, not for labels that were made without",
    ),
    ConventionCard(
        "tips",
        "which vertices are the finger tips; own: those the model was imported with",
        "; ".join(f"{name}: {tips.card.users}" for name, tips in TIP_VERTICES.items()),
        "MANO has no tip joints, so every project chose vertices of its own",
    ),
)


@dataclass(frozen=True)
class ModelConventions:
    """One choice for each convention; see ``CONVENTION_CARDS``."""

    flat_hand_mean: bool = False
    pca_components: int = _ALL_COMPONENTS
    left_shapedirs: str = PUBLISHED
    tips: str = OWN_TIPS

    def __post_init__(self) -> None:
        if not 1 <= self.pca_components <= _ALL_COMPONENTS:
            raise InvalidValueError(
                f"pca_components is {self.pca_components}; it must lie in [1, {_ALL_COMPONENTS}]"
            )
        if self.left_shapedirs not in (PUBLISHED, CORRECTED):
            raise InvalidValueError(
                f"left_shapedirs is {self.left_shapedirs!r}; use {PUBLISHED!r} or {CORRECTED!r}"
            )
        if self.tips not in (OWN_TIPS, *TIP_VERTICES):
            known = ", ".join((OWN_TIPS, *TIP_VERTICES))
            raise InvalidValueError(f"tips is {self.tips!r}; use one of {known}")


def apply_conventions(
    model: HandModel, conventions: ModelConventions, *, is_mano: bool
) -> HandModel:
    """The model with conventions chosen, from its arrays as they are stored.

    is_mano
        Whether vertices and shape directions are MANO's.

    Raises
    ------
    InvalidValueError
        Tips or shape directions of MANO are asked of another model.
    """
    if not is_mano and conventions.tips != OWN_TIPS:
        raise InvalidValueError(
            f"hand model {model.name!r} is not MANO, so the tips {conventions.tips!r} mean nothing "
            f"on its mesh; use {OWN_TIPS!r}"
        )
    if not is_mano and conventions.left_shapedirs != PUBLISHED:
        raise InvalidValueError(
            f"hand model {model.name!r} is not MANO and has nothing to correct; "
            f"use left_shapedirs {PUBLISHED!r}"
        )
    if conventions.flat_hand_mean:
        model = replace(model, hands_mean=np.zeros_like(model.hands_mean))
    if conventions.pca_components < _ALL_COMPONENTS:
        components = model.hands_components.copy()
        components[conventions.pca_components :] = 0.0
        model = replace(model, hands_components=components)
    if conventions.left_shapedirs == CORRECTED and model.side is HandSide.LEFT:
        flipped = model.shapedirs * np.array([[-1.0], [1.0], [1.0]], dtype=np.float32)
        model = replace(model, shapedirs=flipped)
    if conventions.tips != OWN_TIPS:
        vertices = np.array(TIP_VERTICES[conventions.tips].of(model.side), dtype=np.int32)
        model = replace(model, tip_vertices=vertices)
    return model
