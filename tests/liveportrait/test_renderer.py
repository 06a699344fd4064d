"""The renderer end to end on narrow networks."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import torch

from talkinghead.core.errors import DeviceError
from talkinghead.core.types import Face, Image
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.motion.motion import Motion, Rest
from talkinghead.motion.protocols import Renderer
from talkinghead.renderers.liveportrait import rules
from talkinghead.renderers.liveportrait.kalman import smooth
from talkinghead.renderers.liveportrait.options import LivePortraitOptions
from talkinghead.renderers.liveportrait.renderer import LivePortraitRenderer
from tests.liveportrait import narrow


def motion(frames: int, seed: int = 0) -> Motion:
    draw = np.random.RandomState(seed)
    exp, rotation = 0.05 * draw.randn(frames, 21, 3), 6 * draw.randn(frames, 3)
    rest = Rest(expression=np.float32(exp[0]), rotation=np.float32(rotation[0]))
    return Motion.from_expression(exp, Fraction(25), rotation=rotation, rest=rest)


def keypoints_instead_of_pictures(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """Let `engine` draw nothing, and collect the keypoints that it would have drawn."""
    seen: list[torch.Tensor] = []

    def look(source: object, x: torch.Tensor, x_source: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return torch.zeros(len(x), 2, 2, 3)

    monkeypatch.setattr(engine, "draw", look)
    return seen


def frames(renderer: Renderer, source: object, chunks: list[Motion]) -> np.ndarray:
    return np.stack([frame.pixels for frame in renderer.render(source, chunks)])  # type: ignore[arg-type]


def test_frames_are_those_of_the_plain_networks(engine: Engine, image: Image, face: Face) -> None:
    models, driver = narrow.models(), motion(3)
    renderer = LivePortraitRenderer(engine, LivePortraitOptions(stitching=False))
    answer = frames(renderer, renderer.crop(image, face, whole=True), [driver])
    assert answer.shape == (3, 512, 512, 3)
    with torch.inference_mode():
        picture = torch.from_numpy(image.pixels).permute(2, 0, 1)[None].float() / 255
        raw = models.motion(picture)
        degrees = torch.stack([(h.softmax(1) * torch.arange(66)).sum(1) * 3 - 97.5 for h in raw[:3]], 1)
        canonical, exp = raw.kp.view(1, 21, 3), raw.exp.view(1, 21, 3)
        head = rules.Head(exp, rules.rotation_matrix(degrees), raw.t, raw.scale)
        feature, x_source = models.appearance(picture), rules.keypoints(canonical, head)
        turned = rules.rotation_matrix(torch.from_numpy(driver.rotation))
        for i in range(3):
            moved = head._replace(
                exp=exp + torch.from_numpy(driver.expression[i] - driver.expression[0]),
                rotation=turned[i] @ turned[0].T @ head.rotation,
            )
            image_i = models.generator(models.warping(feature, rules.keypoints(canonical, moved), x_source))
            expected = (image_i[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()
            difference = np.abs(answer[i].astype(int) - expected)
            assert difference.mean() < 0.01
            assert difference.max() <= 1


def test_chunks_and_batches_change_nothing(engine: Engine, image: Image, face: Face) -> None:
    driver = motion(3)
    one, two = LivePortraitRenderer(engine, batch=1), LivePortraitRenderer(engine, batch=2)
    portrait = one.crop(image, face)
    expected = frames(one, portrait, [driver])
    for chunks in ([driver], [driver[:1], driver[1:]]):
        assert np.abs(frames(two, portrait, chunks).astype(int) - expected).max() <= 1


def test_frames_come_as_they_are_asked_for(engine: Engine, image: Image, face: Face) -> None:
    asked = []

    def endless() -> object:
        while True:
            asked.append(1)
            yield motion(1)

    renderer = LivePortraitRenderer(engine)
    stream = renderer.render(renderer.crop(image, face), endless())  # type: ignore[arg-type]
    next(stream)
    assert len(asked) <= 2


def test_no_motion_gives_no_frames(engine: Engine, image: Image, face: Face) -> None:
    renderer = LivePortraitRenderer(engine)
    assert list(renderer.render(renderer.crop(image, face), [])) == []


def test_frames_belong_to_the_crop(engine: Engine, image: Image, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    keypoints_instead_of_pictures(engine, monkeypatch)
    renderer = LivePortraitRenderer(engine)
    portrait = renderer.crop(image, face)
    assert portrait.pixels.shape == (512, 512, 3)
    assert portrait.crop.size_px == (512, 512)
    assert next(renderer.render(portrait, [motion(1)])).portrait is portrait


def test_source_video_keeps_its_own_motion_and_is_smoothed(
    engine: Engine, image: Image, face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, renderer = motion(16, 4), LivePortraitRenderer(engine, batch=4)
    shifted = [Image(np.roll(image.pixels, 3 * i, 1)) for i in range(16)]
    portraits = [renderer.crop(picture, face, whole=True) for picture in shifted]
    seen = keypoints_instead_of_pictures(engine, monkeypatch)
    drawn = list(renderer.render(iter(portraits), [driver]))
    assert [frame.portrait for frame in drawn] == portraits
    reading = renderer.read([p.image.pixels for p in portraits])
    turned = rules.rotation_matrix(torch.from_numpy(driver.rotation))
    exp = reading.head.exp + torch.from_numpy(driver.expression - driver.expression[0])
    rotation = turned @ turned[0].T @ reading.head.rotation
    head = reading.head._replace(exp=smooth(exp), rotation=smooth(rotation))
    x = rules.keypoints(reading.canonical, head)
    expected = rules.stitch(engine.stitching, rules.keypoints(reading.canonical, reading.head), x)
    torch.testing.assert_close(torch.cat(seen), expected, atol=2e-5, rtol=0)


def test_source_video_ends_with_the_shorter(
    engine: Engine, image: Image, face: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    keypoints_instead_of_pictures(engine, monkeypatch)
    renderer = LivePortraitRenderer(engine)
    portrait = renderer.crop(image, face)
    assert len(list(renderer.render([portrait] * 2, [motion(4)]))) == 2
    assert len(list(renderer.render([portrait] * 4, [motion(3)]))) == 3


def test_compiling_that_fails_says_why_and_draws(image: Image, face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(function: object, **_: object) -> object:
        def call(*_: object) -> object:
            raise RuntimeError("no working C++ compiler was found")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    renderer = LivePortraitRenderer(Engine(narrow.models(), compiled=True))
    with pytest.warns(UserWarning, match="no working C\\+\\+ compiler"):
        drawn = frames(renderer, renderer.crop(image, face), [motion(2)])
    assert drawn.shape == (2, 512, 512, 3)


@pytest.mark.parametrize("precision", ["fp64", "int8"])
def test_unfit_precision_is_refused(precision: str) -> None:
    with pytest.raises(DeviceError, match="fp32"):
        Engine(narrow.models(), precision=precision)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_gpu_draws_what_the_cpu_draws(engine: Engine, image: Image, face: Face, precision: str) -> None:
    on_gpu = LivePortraitRenderer(Engine(narrow.models(), "cuda", precision), batch=2)
    driver, portrait = motion(3), on_gpu.crop(image, face)
    difference = np.abs(
        frames(on_gpu, portrait, [driver]).astype(int) - frames(LivePortraitRenderer(engine), portrait, [driver])
    )
    assert difference.mean() < {"fp32": 0.1, "fp16": 1.0, "bf16": 4.0}[precision]
