"""How the networks are launched: graphs and fused kernels on a GPU, pieces where memory is short, paste-back there."""

from __future__ import annotations

import importlib.util
import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from talkinghead.core.errors import DeviceError
from talkinghead.core.renderer_options import Acceleration
from talkinghead.core.types import Crop, DrawnCrop, Face, Image, Portrait
from talkinghead.faces.paste import feathered_placement, paste_back
from talkinghead.models.liveportrait.drawing import EagerPainter, Networks
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.fast.warping import Source
from talkinghead.models.liveportrait.padding import filled_up, power_of_two
from talkinghead.renderers.liveportrait.patches import Patcher
from talkinghead.renderers.liveportrait.renderer import LivePortraitRenderer
from tests.liveportrait import narrow
from tests.liveportrait.samples import picture, read_motion

cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")


def inputs(engine: Engine, frames: int) -> tuple[Source, torch.Tensor, torch.Tensor]:
    """A source, and keypoints to draw it with."""
    pictures = torch.from_numpy(picture().pixels).permute(2, 0, 1)[None].float() / 255
    still = engine.read(pictures).canonical
    generator = torch.Generator().manual_seed(frames)
    return engine.source(pictures), still + 0.05 * torch.randn(frames, 21, 3, generator=generator), still


@pytest.mark.parametrize("acceleration", ["graph", "fused"])
def test_a_gpus_ways_are_refused_elsewhere(acceleration: Acceleration) -> None:
    with pytest.raises(DeviceError, match=f"--acceleration {acceleration} is for NVIDIA GPUs"):
        Engine(narrow.models(), acceleration=acceleration)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="needs Triton, for its interpreter")
def test_fused_kernels_answer_what_eager_ones_answer() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "tests.liveportrait.fused_check"], cwd=root, capture_output=True, text=True, check=True
    )
    *warped, levels = [[float(word) for word in line.split()] for line in done.stdout.splitlines()]
    assert len(warped) == 2
    for difference, largest in warped:
        assert difference <= 1e-5 * largest
    assert levels[0] <= 1


class Cramped(EagerPainter):
    """A painter whose memory holds `most` frames."""

    def __init__(self, engine: Engine, most: int) -> None:
        super().__init__(Networks(engine.warping, engine.generator).draw, engine.device)
        self.most, self.forgot = most, 0

    def __call__(self, source: Source, kp_driving: torch.Tensor, kp_source: torch.Tensor) -> torch.Tensor:
        if len(kp_driving) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 12.00 GiB")
        return super().__call__(source, kp_driving, kp_source)

    def forget(self) -> None:
        self.forgot += 1


@pytest.mark.slow
def test_short_memory_halves_the_batch_says_so_once_and_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(narrow.models())
    source, driving, still = inputs(engine, 5)
    expected = torch.cat([engine.draw(source, x[None], still) for x in driving])
    painter = Cramped(engine, 1)
    monkeypatch.setattr(engine, "_painter", painter)
    with caplog.at_level(logging.WARNING, "talkinghead"):
        for _ in range(2):
            answer = engine.draw(source, driving, still)
            assert (answer.int() - expected.int()).abs().max() <= 1
    assert [record.getMessage() for record in caplog.records] == [
        "the GPU's memory does not hold 5 frames at once: drawing fewer"
    ]
    assert painter.forgot == 2  # 5, then 2


def test_too_little_memory_for_one_frame_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(narrow.models())
    given = inputs(engine, 1)
    monkeypatch.setattr(engine, "_painter", Cramped(engine, 0))
    with pytest.raises(DeviceError, match="does not hold one frame"):
        engine.draw(*given)


@pytest.mark.slow
def test_short_memory_cuts_a_source_video_where_its_frames_are(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(narrow.models())
    pictures = torch.rand(3, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    source, still = engine.source(pictures), engine.read(pictures).canonical
    expected = engine.draw(source, still + 0.02, still)
    monkeypatch.setattr(engine, "_painter", Cramped(engine, 2))
    assert (engine.draw(source, still + 0.02, still).int() - expected.int()).abs().max() <= 1


def test_frames_are_filled_up_to_powers_of_two() -> None:
    assert [power_of_two(n) for n in (1, 2, 3, 5, 8, 9)] == [1, 2, 4, 8, 8, 16]
    rows = torch.arange(6).view(3, 2)
    assert filled_up(rows, 4).tolist() == [[0, 1], [2, 3], [4, 5], [4, 5]]
    assert filled_up(rows, 3) is rows


def test_pictures_read_together_are_read_as_one_by_one(engine: Engine) -> None:
    pictures = torch.rand(3, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    together = engine.read(pictures)
    for i, one in enumerate(pictures):
        torch.testing.assert_close(together.degrees[i], engine.read(one[None]).degrees[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("turn_deg", [0.0, 20.0])
def test_patches_made_where_frames_are_drawn_are_what_paste_back_gives(turn_deg: float) -> None:
    draw = np.random.default_rng(0)
    image = Image(draw.integers(0, 256, (300, 400, 3), np.uint8))
    c, s = 1.3 * np.cos(np.deg2rad(turn_deg)), 1.3 * np.sin(np.deg2rad(turn_deg))
    crop = Crop(np.array([[c, -s, -150.3], [s, c, -120.6]]), (512, 512))
    face = Face(draw.random((478, 3), np.float32) * 256)
    pixels = draw.integers(0, 256, (512, 512, 3), np.uint8)
    portrait = Portrait(image, face, crop, pixels)
    at = feathered_placement(crop, image.size_px)
    assert at is not None
    patcher = Patcher(portrait, at, torch.device("cpu"))
    (made,) = patcher(torch.from_numpy(pixels)[None]).numpy()
    expected = paste_back(image.pixels, DrawnCrop(pixels, portrait))
    answer = paste_back(image.pixels, DrawnCrop(pixels, portrait, patch=patcher.patch(made)))
    difference = np.abs(answer.astype(int) - expected)
    # OpenCV samples noise like this at 32 places a pixel: what is between them differs, the mean does not.
    assert difference.max() <= 8
    assert difference.mean() < 0.5
    other = image.pixels // 2  # a patch belongs to its portrait's own picture: elsewhere the crop itself is pasted
    np.testing.assert_array_equal(
        paste_back(other, DrawnCrop(pixels, portrait, patch=patcher.patch(made))),
        paste_back(other, DrawnCrop(pixels, portrait)),
    )


def test_long_motion_comes_in_order_and_all_of_it(engine: Engine) -> None:
    renderer, motion = LivePortraitRenderer(engine, batch=2), read_motion(7)
    face = Face(np.random.default_rng(1).random((478, 3), np.float32) * 256)
    portrait = renderer.crop(picture(), face, whole=True)
    whole = [crop.pixels for crop in renderer.open(portrait).draw(motion)]
    parts = [crop.pixels for i in range(0, 7, 2) for crop in renderer.open(portrait).draw(motion[i : i + 2])]
    np.testing.assert_array_equal(whole, parts)


@cuda
@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_graphs_draw_the_same_bits_as_eager_kernels(precision: str) -> None:
    eager, graphs = (Engine(narrow.models(), "cuda", precision, way) for way in ("eager", "graph"))
    for frames in (1, 4, 8, 4):  # others are filled up, and other numbers of frames may get other kernels
        given = inputs(eager, frames)
        for _ in range(2):
            assert torch.equal(graphs.draw(*given), eager.draw(*given))
    assert graphs.kernels == "graph"
