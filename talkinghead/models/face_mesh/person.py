"""MediaPipe's selfie segmentation: which pixels are a person's, roughly."""

from __future__ import annotations

from talkinghead.core.types import Floats, Pixels
from talkinghead.models.face_mesh.network import run

SIDE_PX = 256


def person_shares(pixels: Pixels) -> Floats:
    """(n, 256, 256), 0 to 1: how surely each pixel of pictures (n, 256, 256, 3) RGB uint8 is a person's.

    Raises:
        CheckpointError: the installation lacks the network.
        DependencyError: ONNX Runtime is missing or broken.
    """
    (shares,) = run("person", pixels)
    return shares
