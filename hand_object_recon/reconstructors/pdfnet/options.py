"""What of the method is chosen when it is trained."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

from pydantic import Field, model_validator

from hand_object_recon.networks.augmentation import AugmentationOptions

METHOD: Final = "pdfnet"


class Inputs(str, Enum):
    """What hands are worked out from, as in the paper's Table III and its comparisons."""

    RGB_ONLY = "rgb_only"
    DEPTH_ONLY = "depth_only"
    FOUR_CHANNELS = "four_channels"
    DENSE_FUSION = "dense_fusion"
    FUSED = "fused"

    @property
    def has_points(self) -> bool:
        return self in (Inputs.DEPTH_ONLY, Inputs.DENSE_FUSION, Inputs.FUSED)

    @property
    def image_channels(self) -> int:
        """Four where depth (metres, 0 where there is none) is a channel of the image."""
        return 4 if self is Inputs.FOUR_CHANNELS else 3


class Decoder(str, Enum):
    """Vertices from graphs; pose and shape of the hand model (the paper's MANO decoder); or joints
    alone, for data that have no meshes (the paper's RHD)."""

    GRAPH = "graph"
    MANO = "mano"
    KEYPOINTS = "keypoints"


class PointChoice(str, Enum):
    """Which points of a hand are seen, and stand for their neighbourhood: random ones, as in the
    authors' code, or those that lie farthest from each other, as PointNet++ has it."""

    RANDOM = "random"
    FARTHEST = "farthest"


class View(str, Enum):
    """What the network's square shows: the whole image, as in the paper, or the least square about
    the hands, in which those far away are as large as those nearby."""

    IMAGE = "image"
    HANDS = "hands"


class PDFNetOptions(AugmentationOptions):
    """What of the method is chosen when it is trained, and kept with its weights.

    image_size
        Edge in pixels of the square that the network sees: 384 in the paper.
    view, view_enlargement
        What of the camera's image that is, and how much longer its edge is than that of the least
        square about the hands.
    trunk_layers
        ResNet-18 or ResNet-50; 50 in the paper.
    width
        Channels after the trunk's stem, 64 in the paper; all other widths go with it.
    pyramid_widths
        Channels that the trunk's stages are brought to and joined in, in widths: 4 in the paper.
    points
        Of each hand: 1024 in the paper. The levels above have a half and an eighth of them.
    neighbours
        Points that a neighbourhood is described by: 64 in the paper.
    hand_model
        Whose mesh it gives.
    inputs
        What hands are worked out from. All but ``four_channels`` look for them in colour alone.
    feature_transform
        Image features scale and shift those of points; without it they are joined to them.
    center_feature
        What the image shows at the hand's middle changes what its points tell. Networks without
        points have nothing else; one of ``depth_only`` does without in any case.
    decoder
        What turns a hand's features into its mesh or its joints.
    dropout
        Of the graphs' features: 0.05 in the code.
    point_choice
        See ``PointChoice``.
    centered_points
        Points are read about their own middle, and a hand's root is counted from there in
        decimetres. In the paper points are where the camera has them, and a root is counted in
        centimetres and hundredths of a pixel from 40 cm behind the cell of the hand's middle,
        which takes longer to learn.
    sides_by_detector
        Where the network looks for each side's hand the detector says (``detected_sides.py``); in
        the paper the network does.
    own_masks
        Points are chosen on the masks that the network finds, as in use, instead of the true ones
        (the paper's).
    weights
        Of terms of the loss whose weight is not that of the authors' code (``losses.WEIGHTS``).
    cross_entropies
        Masks and heat-maps are learned by cross-entropies. The code's differences have next to no
        slope where maps are empty, and networks from random trunks make them so.
    fine_terms
        Reprojected joints and lengths of edges are learned, too: from epoch 20 on in the code.
    kept_size
        Edge in pixels of the square that records keep; more than image_size leaves detail for
        views from nearer. About hands it reaches ``square_image.KEPT_EDGES`` as far as the
        network's.
    mirror_share
        How often left and right are swapped.
    image_noise
        Largest standard deviation of noise of pixels, in shares of white.
    depth_noise_m
        The same of depth at half a metre; it grows with the square of the distance.
    hole_share
        How often depth is missing in discs on the hands.
    """

    image_size: int = Field(384, ge=64, le=768, multiple_of=32)
    view: View = View.IMAGE
    view_enlargement: float = Field(1.5, ge=1.0, le=4.0)
    trunk_layers: Literal[18, 50] = 50
    width: int = Field(64, ge=16, le=64, multiple_of=16)
    pyramid_widths: int = Field(4, ge=1, le=4)
    points: int = Field(1024, ge=64, le=8192, multiple_of=8)
    neighbours: int = Field(64, ge=1, le=256)
    hand_model: str = "open_hand"
    inputs: Inputs = Inputs.FUSED
    feature_transform: bool = True
    center_feature: bool = True
    decoder: Decoder = Decoder.GRAPH
    dropout: float = Field(0.05, ge=0.0, lt=1.0)
    point_choice: PointChoice = PointChoice.FARTHEST
    centered_points: bool = False
    sides_by_detector: bool = False
    own_masks: bool = False
    weights: dict[str, float] = Field(default_factory=dict)
    cross_entropies: bool = False
    fine_terms: bool = False
    kept_size: int = Field(480, ge=64, le=1024)
    mirror_share: float = Field(0.5, ge=0.0, le=1.0)
    image_noise: float = Field(0.02, ge=0.0, le=0.5)
    depth_noise_m: float = Field(0.001, ge=0.0, le=0.05)
    hole_share: float = Field(0.2, ge=0.0, le=1.0)

    @property
    def reads_center(self) -> bool:
        return self.center_feature and self.inputs is not Inputs.DEPTH_ONLY

    @property
    def tells_distance(self) -> bool:
        """What the network sees tells how far away hands are: depth does, and the whole image; but
        in a picture of the hands alone, however large, colours do not."""
        return self.inputs is not Inputs.RGB_ONLY or self.view is View.IMAGE

    @model_validator(mode="after")
    def _network_fits_together(self) -> PDFNetOptions:
        if 2 * self.neighbours > self.points:
            raise ValueError(
                f"neighbours is {self.neighbours} and points is {self.points}; the second level "
                "has half of the points, which must be at least as many as neighbours"
            )
        if self.centered_points and not self.inputs.has_points:
            raise ValueError(
                f"centered_points is true and inputs is {self.inputs.value}; there are no points, "
                "set centered_points to false"
            )
        if not (self.inputs.has_points or self.center_feature):
            raise ValueError(
                f"inputs is {self.inputs.value} with center_feature=false; a network without "
                "points has nothing else to go by, set center_feature to true"
            )
        return self
