"""Pictures as data addresses, so that the page needs no other file."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from hand_object_recon.core.errors import InvalidValueError
from hand_object_recon.visualization.report.document import Picture

_JPEG_QUALITY: Final = 85


@dataclass(frozen=True)
class PictureData:
    """The address that holds the picture, and its size in pixels."""

    address: str
    width: int
    height: int


def picture_data(picture: Picture) -> PictureData:
    """The picture as a JPEG address; bytes are taken as they are, arrays encoded."""
    width, height = picture_size(picture)
    data = picture.image if isinstance(picture.image, bytes) else _jpeg(picture)
    address = "data:image/jpeg;base64," + base64.b64encode(data).decode("ascii")
    return PictureData(address, width, height)


def picture_size(picture: Picture) -> tuple[int, int]:
    """Width and height in pixels."""
    if isinstance(picture.image, bytes):
        decoded = cv2.imdecode(np.frombuffer(picture.image, np.uint8), cv2.IMREAD_COLOR)
        height, width = decoded.shape[:2] if decoded is not None else (0, 0)
    else:
        height, width = picture.image.shape[:2]
    return int(width), int(height)


def _jpeg(picture: Picture) -> bytes:
    image = np.asarray(picture.image, dtype=np.uint8)
    written, data = cv2.imencode(
        ".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )
    if not written:
        raise InvalidValueError(f"picture {picture.caption!r} cannot be encoded as JPEG")
    return bytes(data.tobytes())
