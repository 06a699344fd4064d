"""The renderer end to end on narrow networks."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch

from talkinghead.core.emotions import Emotion
from talkinghead.core.errors import DeviceError
from talkinghead.core.renderer_options import LivePortraitOptions
from talkinghead.core.types import Face, Image, Pixels, Portrait
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.head import Head, keypoints, rotation_matrix
from talkinghead.models.liveportrait.reading import as_tensor
from talkinghead.motion.blendshapes import to_expression
from talkinghead.motion.emotion import Emotions
from talkinghead.motion.motion import Motion, Rest
from talkinghead.motion.protocols import Drawing, Renderer
from talkinghead.renderers.liveportrait import LivePortraitRenderer, rules
from talkinghead.renderers.liveportrait.kalman import LAG_FRAMES, smooth
from tests.liveportrait import narrow, samples
from tests.liveportrait.samples import KeypointEngine, drawn, read_motion, spoken_motion


def pixels(drawing: Drawing, motion: Motion, cuts: tuple[int, ...] = ()) -> npt.NDArray[np.int64]:
    return np.stack([crop.pixels.astype(np.int64) for crop in drawn(drawing, motion, cuts)])


def test_frames_are_those_of_the_plain_networks(engine: Engine, image: Image, face: Face) -> None:
    models, driver = narrow.models(), read_motion(3)
    renderer: Renderer = LivePortraitRenderer(engine, LivePortraitOptions(stitching=False))
    answer = pixels(renderer.open(renderer.crop(image, face, whole=True)), driver)
    assert answer.shape == (3, 512, 512, 3)
    with torch.inference_mode():
        picture = torch.from_numpy(image.pixels).permute(2, 0, 1)[None].float() / 255
        raw = models.motion(picture)
        degrees = torch.stack([(h.softmax(1) * torch.arange(66)).sum(1) * 3 - 97.5 for h in raw[:3]], 1)
        canonical, exp = raw.kp.view(1, 21, 3), raw.exp.view(1, 21, 3)
        head = Head(exp, rotation_matrix(degrees), raw.t, raw.scale)
        feature, x_source = models.appearance(picture), keypoints(canonical, head)
        turned = rotation_matrix(torch.from_numpy(driver.rotation))
        for i in range(3):
            moved = Head(
                exp + torch.from_numpy(driver.expression[i] - driver.expression[0]),
                turned[i] @ turned[0].T @ head.rotation,
                head.t + torch.from_numpy(driver.translation[i] - driver.translation[0]),
                head.scale * float(driver.scale[i] / driver.scale[0]),
            )
            frame = models.generator(models.warping(feature, keypoints(canonical, moved), x_source))
            expected = (frame[0].permute(1, 2, 0) * 255).to(torch.uint8).numpy()
            difference = np.abs(answer[i] - expected)
            assert difference.mean() < 0.01
            assert difference.max() <= 1


@pytest.mark.slow
def test_chunks_and_batches_change_nothing(engine: Engine, image: Image, face: Face) -> None:
    driver = read_motion(3)
    one, two = LivePortraitRenderer(engine, batch=1), LivePortraitRenderer(engine, batch=2)
    portrait = one.crop(image, face)
    assert (one.open(portrait).batch, two.open(portrait).batch, two.open(None).batch) == (1, 2, 2)
    expected = pixels(one.open(portrait), driver)
    np.testing.assert_array_equal(pixels(one.open(portrait), driver, (1, 2)), expected)
    for cuts in ((), (1,)):
        assert np.abs(pixels(two.open(portrait), driver, cuts) - expected).max() <= 1


def test_a_still_drawing_answers_at_once_and_belongs_to_its_portrait(image: Image, face: Face) -> None:
    renderer = LivePortraitRenderer(KeypointEngine(narrow.models()))
    portrait = renderer.crop(image, face)
    assert portrait.pixels.shape == (512, 512, 3)
    assert portrait.crop.size_px == (512, 512)
    drawing = renderer.open(portrait)
    assert [len(list(drawing.draw(read_motion(n)))) for n in (1, 3)] == [1, 3]
    assert next(iter(drawing.draw(read_motion(1)))).portrait is portrait
    assert drawing.finish() == []


def test_each_chunk_brings_its_own_rest(image: Image, face: Face) -> None:
    engine = KeypointEngine(narrow.models())
    renderer = LivePortraitRenderer(engine)
    drawing = renderer.open(renderer.crop(image, face))
    for seed in (0, 1):  # two utterances, each with a rest of its own
        list(drawing.draw(read_motion(1, seed)))
    torch.testing.assert_close(engine.seen[1], engine.seen[0], atol=2e-6, rtol=0)
    list(drawing.draw(replace(read_motion(1, 1), rest=read_motion(1, 0).rest)))
    assert (engine.seen[2] - engine.seen[0]).abs().max() > 0.01


def test_an_emotion_moves_the_keypoints_along_its_directions(image: Image, face: Face) -> None:
    """Of a smile that is added to speech, and of nothing else: lips' opening is the lip network's as before."""
    engine = KeypointEngine(narrow.models())
    renderer = LivePortraitRenderer(engine, LivePortraitOptions(stitching=False))
    drawing, speech = renderer.open(renderer.crop(image, face)), replace(spoken_motion(1), rest=Rest())
    speech = replace(speech, blendshapes=0.3 * speech.blendshapes, expression=0.3 * speech.expression)
    felt = Emotions(speech.fps, Emotion("happy"), at_once=True).over(speech)
    list(drawing.draw(speech))
    list(drawing.draw(felt))
    moved = (engine.seen[1] - engine.seen[0]).flatten().numpy()
    wanted = to_expression(felt.blendshapes - speech.blendshapes).reshape(-1)
    assert np.abs(moved).max() > 0.005
    assert np.dot(moved, wanted) / (np.linalg.norm(moved) * np.linalg.norm(wanted)) > 0.999


def test_a_portrait_is_read_once_for_all_its_drawings(image: Image, face: Face) -> None:
    class Counting(KeypointEngine):
        read_pictures = 0

        def source(self, pictures: torch.Tensor) -> object:  # type: ignore[override]
            self.read_pictures += len(pictures)
            return super().source(pictures)

    engine = Counting(narrow.models())
    renderer = LivePortraitRenderer(engine)
    portrait, other = renderer.crop(image, face), renderer.crop(image, face)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(renderer.open, [portrait] * 8))
    assert engine.read_pictures == 1
    for wanted in (other, portrait):
        renderer.open(wanted)
    assert engine.read_pictures == 2


@pytest.mark.slow
def test_drawings_in_several_threads_draw_what_each_draws_alone(engine: Engine, image: Image, face: Face) -> None:
    renderer = LivePortraitRenderer(engine)
    portrait = renderer.crop(image, face)
    jobs = [read_motion(2, 0), spoken_motion(2, 1), read_motion(2, 2), spoken_motion(2, 3)]
    alone = [pixels(renderer.open(portrait), job) for job in jobs]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda job: pixels(renderer.open(portrait), job, (1,)), jobs))
    for a, b in zip(alone, together):
        np.testing.assert_array_equal(a, b)
    assert np.abs(alone[0] - alone[2]).max() > 0


def video(renderer: LivePortraitRenderer, face: Face, count: int) -> list[Portrait]:
    return samples.portraits(count, face, renderer)


def expected_video(engine: Engine, pictures: list[Pixels], driver: Motion) -> tuple[Head, torch.Tensor, torch.Tensor]:
    """A source video's smoothed heads, canonical keypoints and own keypoints, worked out over all frames at once."""
    with torch.inference_mode():
        reading = engine.read(as_tensor(pictures))
        turned = rotation_matrix(torch.from_numpy(driver.rotation))
        exp = reading.head.exp + torch.from_numpy(driver.expression - driver.expression[0])
        head = Head(
            smooth(exp),
            smooth(turned @ turned[0].T @ reading.head.rotation),
            reading.head.t + torch.from_numpy(driver.translation - driver.translation[0]),
            reading.head.scale * torch.from_numpy(driver.scale / driver.scale[0])[:, None],
        )
        return head, reading.canonical, keypoints(reading.canonical, reading.head)


@pytest.mark.parametrize("cuts", [(), (1, 5, 14)])
def test_source_video_keeps_its_own_motion_and_is_smoothed(face: Face, cuts: tuple[int, ...]) -> None:
    engine, driver = KeypointEngine(narrow.models()), read_motion(16, 4)
    renderer = LivePortraitRenderer(engine, batch=4)
    portraits = video(renderer, face, 16)
    crops = drawn(renderer.open(None), driver, cuts, portraits)
    assert [crop.portrait for crop in crops] == portraits
    assert [len(x) for x in engine.seen] == [4, 4, 4, 4]
    head, canonical, x_source = expected_video(engine, [p.image.pixels for p in portraits], driver)
    expected = rules.stitch(engine.stitching, x_source, keypoints(canonical, head))
    torch.testing.assert_close(torch.cat(engine.seen), expected, atol=2e-5, rtol=0)


def test_source_video_is_drawn_a_dozen_frames_behind(face: Face) -> None:
    engine = KeypointEngine(narrow.models())
    renderer = LivePortraitRenderer(engine, batch=2)
    drawing, driver = renderer.open(None), read_motion(18)
    portraits = video(renderer, face, 18)
    given = [len(drawing.draw(driver[i : i + 1], portraits[i : i + 1])) for i in range(18)]
    assert given == [0] * (LAG_FRAMES + 1) + [2, 0, 2, 0, 2]
    assert len(drawing.finish()) == 12


def test_source_video_ends_with_the_shorter(face: Face) -> None:
    renderer = LivePortraitRenderer(KeypointEngine(narrow.models()))
    portraits = video(renderer, face, 4)
    assert len(drawn(renderer.open(None), read_motion(4), (), portraits[:2])) == 2
    assert len(drawn(renderer.open(None), read_motion(3), (), portraits)) == 3


def test_source_video_goes_on_with_another_rest(face: Face) -> None:
    """Frames whose drivers rest differently are never drawn as one batch of motion."""
    engine = KeypointEngine(narrow.models())
    renderer = LivePortraitRenderer(engine, batch=8)
    drawing, portraits = renderer.open(None), video(renderer, face, 8)
    parts = [spoken_motion(5), replace(spoken_motion(3, 1), rest=replace(spoken_motion(1).rest, scale=1.1))]
    crops = [*drawing.draw(parts[0], portraits[:5]), *drawing.draw(parts[1], portraits[5:]), *drawing.finish()]
    assert [len(x) for x in engine.seen] == [5, 3]
    assert [crop.portrait for crop in crops] == portraits


@pytest.mark.parametrize("precision", ["fp64", "int8"])
def test_unfit_precision_is_refused(precision: str) -> None:
    with pytest.raises(DeviceError, match="fp32"):
        Engine(narrow.models(), precision=precision)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_gpu_draws_what_the_cpu_draws(engine: Engine, image: Image, face: Face, precision: str) -> None:
    on_gpu = LivePortraitRenderer(Engine(narrow.models(), "cuda", precision), batch=2)
    driver, portrait = read_motion(3), on_gpu.crop(image, face)
    expected = pixels(LivePortraitRenderer(engine).open(portrait), driver)
    difference = np.abs(pixels(on_gpu.open(portrait), driver) - expected)
    assert difference.mean() < {"fp32": 0.1, "fp16": 1.0, "bf16": 4.0}[precision]
