"""LivePortrait's 203 landmarks from its own `landmark.onnx`, through onnxruntime, where that file is present."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from talkinghead.core.errors import CheckpointError
from talkinghead.core.types import Floats, Pixels
from talkinghead.models.liveportrait.crop import crop_matrix, cut, mesh_points
from talkinghead.models.onnx_runtime import onnx_runtime

FILE = "liveportrait/landmark.onnx"
_INPUT_PX = 224
_SCALE, _SHIFT = 1.5, -0.1
_N = 203


class LandmarkNet:
    """Refines a face mesh into the 203 landmarks.

    Raises:
        DependencyError: ONNX Runtime is missing or broken.
        CheckpointError: the file is no landmark network.
    """

    def __init__(self, path: Path) -> None:
        runtime = onnx_runtime()
        try:
            self._session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common public base
            raise CheckpointError(f"{path} cannot be read as a landmark network: download it again") from error
        self._input, self._path = self._session.get_inputs()[0].name, path

    def __call__(self, pixels: Pixels, mesh: Floats) -> Floats:
        """A picture (H, W, 3) and MediaPipe's mesh (478, 3) in its pixels -> (203, 2) in its pixels."""
        matrix = crop_matrix(mesh_points(mesh), _SCALE, _SHIFT, _INPUT_PX)
        picture = cut(pixels, matrix, _INPUT_PX).astype(np.float32).transpose(2, 0, 1)[None] / 255
        outputs = self._session.run(None, {self._input: picture})
        found = [output for output in outputs if np.size(output) == 2 * _N]
        if not found:
            raise CheckpointError(f"{self._path} does not answer {_N} landmarks: it is another network")
        crop_points = np.reshape(found[-1], (_N, 2)) * _INPUT_PX
        linear, offset = matrix[:, :2], matrix[:, 2]
        return np.asarray((crop_points - offset) @ np.linalg.inv(linear).T, np.float32)
