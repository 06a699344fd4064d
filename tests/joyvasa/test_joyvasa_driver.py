"""The generator as a driver: any rate, any chunks, seeded, with a head that moves."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from talkinghead.core.errors import InputError
from talkinghead.core.types import Floats
from talkinghead.drivers.joyvasa import JoyVasaDriver
from talkinghead.models.joyvasa.generator import GUIDANCE, Generator, Stream
from talkinghead.models.joyvasa.smoothing import Exponential, Gaussian, Smoother, Smoothing, Unsmoothed
from talkinghead.models.joyvasa.weights import Models, Units
from talkinghead.motion.blendshapes import LIP_KEYPOINTS
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import Driver
from tests.joyvasa.tiny import speech

SOUND = speech(1, 20_000)
PER_FRAME = ("blendshapes", "expression", "rotation", "translation", "scale")


@pytest.fixture(scope="session")
def models(tiny: Generator, units: Units) -> Models:
    return Models(tiny, units)


def driven(driver: Driver[Floats], sound: Floats, sizes: list[int]) -> Motion:
    """All motion of `sound`, pushed in chunks of these sizes, again and again."""
    chunks, at, turn = [], 0, 0
    while at < len(sound):
        size = sizes[turn % len(sizes)]
        chunks.append(driver.push(sound[at : at + size]))
        at, turn = at + size, turn + 1
    chunks.append(driver.finish())
    return Motion.concatenate([chunk for chunk in chunks if chunk is not None])


def collected(
    models: Models,
    fps: Fraction = Fraction(25),
    sound: Floats = SOUND,
    *,
    seed: int = 0,
    guidance: float = GUIDANCE,
    smoothing: Smoothing = "gaussian",
) -> Motion:
    return driven(JoyVasaDriver(models, fps, seed, guidance=guidance, smoothing=smoothing), sound, [3000])


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(24000, 1001), Fraction(30), Fraction(60), Fraction(10)])
@pytest.mark.parametrize("samples", [0, 1, 300, 5119, 5120, 5121, 16_000, 20_000])
def test_the_motion_lasts_as_long_as_the_sound(models: Models, fps: Fraction, samples: int) -> None:
    driver = JoyVasaDriver(models, fps)
    motion = driven(driver, SOUND[:samples], [4000])
    assert (driver.rate_hz, driver.single, driver.report) == (16_000, False, None)
    assert len(motion) == max(1, round(samples * fps / 16000))
    assert motion.fps == driver.fps == fps


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(30000, 1001)])
def test_chunks_of_any_size_give_the_same_motion(models: Models, fps: Fraction) -> None:
    whole = driven(JoyVasaDriver(models, fps), SOUND, [len(SOUND)])
    for sizes in ([777], [1, 2, 5000, 3], [640], [13_000, 1]):
        cut = driven(JoyVasaDriver(models, fps), SOUND, sizes)
        for name in PER_FRAME:
            np.testing.assert_array_equal(vars_of(whole)[name], vars_of(cut)[name])


def vars_of(motion: Motion) -> dict[str, Floats]:
    return {
        "blendshapes": motion.blendshapes,
        "expression": motion.expression,
        "rotation": motion.rotation,
        "translation": motion.translation,
        "scale": motion.scale,
    }


def test_motion_comes_as_windows_are_complete(models: Models, tiny: Generator) -> None:
    """A window of 10 frames, 2 of which are the silence that leads; poses wait for the smoother's 6 neighbours."""
    driver = JoyVasaDriver(models, Fraction(25))
    assert driver.push(SOUND[: 8 * 640 - 1]) is None
    first = driver.push(SOUND[8 * 640 - 1 : 8 * 640])
    assert first is not None
    assert len(first) == 1  # 8 rows, less 6 whose poses wait, and a frame between two rows needs both
    second = driver.push(SOUND[8 * 640 : 18 * 640])
    assert second is not None
    assert len(second) == 10
    assert second.rest is first.rest


def test_an_ended_driver_says_so(models: Models) -> None:
    driver = JoyVasaDriver(models, Fraction(25))
    driver.push(SOUND[:100])
    assert driver.finish() is not None
    assert driver.finish() is None
    with pytest.raises(InputError, match="has ended"):
        driver.push(SOUND)


def test_the_seed_decides(models: Models) -> None:
    first, again, other = (collected(models, seed=seed).expression for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-5


def test_another_rate_is_the_same_motion_interpolated(models: Models) -> None:
    slow, fast = collected(models), collected(models, Fraction(50))
    np.testing.assert_allclose(fast.expression[: 2 * len(slow) : 2], slow.expression, atol=1e-6)
    between = (slow.expression[1:] + slow.expression[:-1]) / 2
    np.testing.assert_allclose(fast.expression[1 : 2 * len(between) : 2], between, atol=1e-6)


def test_rest_and_view(models: Models) -> None:
    motion = collected(models)
    assert motion.view == "expression"
    assert motion.rest.replaced_keypoints == LIP_KEYPOINTS == (6, 12, 14, 17, 19, 20)
    np.testing.assert_array_equal(motion.rest.expression, motion.expression[0])
    np.testing.assert_array_equal(motion.rest.rotation, motion.rotation[0])
    assert motion.rest.scale == pytest.approx(motion.scale[0])


def test_the_leading_silence_is_dropped(models: Models, tiny: Generator, units: Units) -> None:
    stream = Stream(tiny, seed=0)
    rows = np.concatenate([*stream.push(SOUND), *stream.finish()])
    wanted = units.apply(rows)[2:, :63].reshape(-1, 21, 3)
    motion = collected(models)
    np.testing.assert_allclose(motion.expression, wanted[: len(motion)], atol=1e-6)


def test_the_published_smoothing_freezes_the_head_and_ours_does_not(models: Models) -> None:
    kinds: list[Smoothing] = ["gaussian", "published", "none"]
    spread = {kind: collected(models, smoothing=kind).rotation.std(0).mean() for kind in kinds}
    assert spread["published"] < 0.1 * spread["none"]
    assert spread["gaussian"] > 4 * spread["published"]


def test_smoothing_leaves_the_expression_alone(models: Models) -> None:
    np.testing.assert_array_equal(
        collected(models, smoothing="gaussian").expression, collected(models, smoothing="none").expression
    )


def test_a_gaussian_keeps_nods_removes_jitter_and_does_not_lag() -> None:
    t = np.arange(250) / 25
    nod = np.sin(2 * np.pi * 1.0 * t)
    jitter = 0.5 * (-1.0) ** np.arange(250)
    rows = np.stack([nod, jitter], 1).astype(np.float32)
    smooth = Gaussian(25)
    out = np.concatenate(
        [smooth.push(rows[:100]), smooth.push(rows[100:107]), smooth.push(rows[107:]), smooth.finish()]
    )
    assert out.shape == rows.shape
    middle = slice(25, 225)
    gain = out[middle, 0] @ nod[middle] / (nod[middle] @ nod[middle])
    assert 0.85 < gain < 0.95
    np.testing.assert_allclose(out[middle, 0], gain * nod[middle], atol=0.01)
    assert np.abs(out[middle, 1]).max() < 0.01


@pytest.mark.parametrize("make", [lambda: Gaussian(25), Exponential, Unsmoothed])
def test_smoothers_give_as_many_rows_as_they_take(make: Callable[[], Smoother]) -> None:
    rows = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    whole = make()
    expected = np.concatenate([whole.push(rows), whole.finish()])
    parts = make()
    got = np.concatenate([*[parts.push(rows[i : i + 1]) for i in range(20)], parts.finish()])
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert len(got) == 20
    assert len(make().finish()) == 0


def test_guidance_strengthens_the_sound(models: Models) -> None:
    quiet = [collected(models, sound=sound, guidance=0.0).expression for sound in (SOUND, 0 * SOUND)]
    heard = [collected(models, sound=sound, guidance=2.0).expression for sound in (SOUND, 0 * SOUND)]
    assert np.abs(heard[0] - heard[1]).max() > 2 * np.abs(quiet[0] - quiet[1]).max()


@pytest.mark.parametrize(("guidance", "smoothing"), [(-1.0, "none"), (11.0, "none"), (2.0, "heavy")])
def test_wrong_options_are_one_line(models: Models, guidance: float, smoothing: Smoothing) -> None:
    with pytest.raises(InputError, match=r"guidance|smoothing"):
        collected(models, sound=SOUND[:0], guidance=guidance, smoothing=smoothing)
