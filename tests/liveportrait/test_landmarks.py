"""LivePortrait's own landmarks, from a tiny network in its file format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from talkinghead.core.errors import CheckpointError
from talkinghead.core.types import Face, Floats, Image
from talkinghead.models.liveportrait import crop
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.landmarks import LandmarkNet
from talkinghead.renderers.liveportrait.renderer import LivePortraitRenderer

pytest.importorskip("onnx")

# Where the network below sees the landmarks: shares of its input's sides.
SEEN = np.random.RandomState(0).rand(203, 2).astype(np.float32) * 0.6 + 0.2
SEEN[[0, 6, 12, 18, 24, 30, 36, 42], 1] = 0.35
SEEN[[48, 66], 1] = 0.7


class _Fixed(torch.nn.Module):
    """Answers the same landmarks to every picture, beside another output, as the published file has several."""

    def __init__(self, answer: Floats) -> None:
        super().__init__()
        self.answer = torch.from_numpy(answer).reshape(1, -1)

    def forward(self, picture: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        nothing = picture.mean((1, 2, 3), keepdim=False).unsqueeze(1) * 0
        return nothing, self.answer + nothing


def write(path: Path, answer: Floats) -> Path:
    torch.onnx.export(_Fixed(answer), (torch.zeros(1, 3, 224, 224),), str(path), dynamo=False, opset_version=17)
    return path


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> LandmarkNet:
    return LandmarkNet(write(tmp_path_factory.mktemp("net") / "landmark.onnx", SEEN))


def test_landmarks_come_back_in_picture_pixels(net: LandmarkNet, image: Image, face: Face) -> None:
    """The face is 100 px high, its centre at (128, 140): the network sees 150 px around a centre 15 px higher."""
    expected = (SEEN - 0.5) * 150 + np.array([128, 125])
    np.testing.assert_allclose(net(image.pixels, face.landmarks), expected, atol=0.05)


def test_they_decide_crop_and_ratios(net: LandmarkNet, engine: Engine, image: Image, face: Face) -> None:
    renderer = LivePortraitRenderer(engine, landmarks=net)
    portrait = renderer.crop(image, face)
    points = net(image.pixels, face.landmarks)
    np.testing.assert_allclose(portrait.crop.matrix, crop.crop_matrix(crop.points_203(points)))
    assert not np.allclose(portrait.crop.matrix, LivePortraitRenderer(engine).crop(image, face).crop.matrix)


def test_another_network_is_refused(tmp_path: Path, image: Image, face: Face) -> None:
    other = LandmarkNet(write(tmp_path / "landmark.onnx", SEEN[:100]))
    with pytest.raises(CheckpointError, match="does not answer 203"):
        other(image.pixels, face.landmarks)
    (tmp_path / "broken.onnx").write_bytes(b"no network")
    with pytest.raises(CheckpointError, match="cannot be read"):
        LandmarkNet(tmp_path / "broken.onnx")
