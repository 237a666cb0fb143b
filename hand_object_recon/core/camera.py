"""The pinhole camera and the colour + depth frame it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.core.validation import require_array, require_text

DISTORTION_MODELS: Final = ("none", "plumb_bob", "rational_polynomial", "equidistant")


@dataclass(frozen=True)
class CameraIntrinsics:
    """Pinhole intrinsics in pixels, with the lens distortion of ``sensor_msgs/CameraInfo``.

    ``u = fx * x / z + cx`` and ``v = fy * y / z + cy`` for a point (x, y, z) in the camera
    optical frame (x right, y down, z forward); pixel (0, 0) is the centre of the first pixel.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion_model: str = "none"
    distortion: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise InvalidValueError(
                f"camera image size is {self.width}x{self.height}; both must be positive"
            )
        for name in ("fx", "fy"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value > 0):
                raise InvalidValueError(
                    f"camera {name} is {value}; a focal length in pixels must be positive "
                    "(is the camera calibrated?)"
                )
        for name in ("cx", "cy"):
            if not np.isfinite(getattr(self, name)):
                raise InvalidValueError(f"camera {name} is {getattr(self, name)}; must be finite")
        if self.distortion_model not in DISTORTION_MODELS:
            raise InvalidValueError(
                f"distortion model is {self.distortion_model!r}; "
                f"known are {', '.join(DISTORTION_MODELS)}"
            )

    @property
    def matrix(self) -> NDArray[np.float64]:
        """(3, 3) float64 intrinsic matrix."""
        return np.array([[self.fx, 0.0, self.cx], [0.0, self.fy, self.cy], [0.0, 0.0, 1.0]])

    @property
    def is_distorted(self) -> bool:
        """Whether any distortion coefficient is different from zero."""
        return self.distortion_model != "none" and any(self.distortion)


@dataclass(frozen=True, eq=False)
class RgbdFrame:
    """One colour image with the depth image aligned to it.

    rgb
        (H, W, 3) uint8, red first.
    depth_m
        (H, W) float32, metres along the optical axis; NaN where the sensor saw nothing.
    camera
        Intrinsics of the colour image, which are those of the aligned depth too.
    stamp_ns
        Time the colour image was taken, nanoseconds since the epoch.
    frame_id
        Name of the camera optical frame (x right, y down, z forward).
    """

    rgb: NDArray[np.uint8]
    depth_m: NDArray[np.float32]
    camera: CameraIntrinsics
    stamp_ns: int
    frame_id: str

    def __post_init__(self) -> None:
        size = (self.camera.height, self.camera.width)
        object.__setattr__(self, "rgb", require_array("rgb", self.rgb, (*size, 3), np.uint8))
        depth = require_array("depth_m", self.depth_m, size, np.float32)
        object.__setattr__(self, "depth_m", depth)
        require_text("frame_id", self.frame_id)
        if self.stamp_ns < 0:
            raise InvalidValueError(f"stamp_ns is {self.stamp_ns}; it cannot be negative")
