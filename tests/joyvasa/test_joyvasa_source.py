"""The generator as a MotionSource: any rate, any blocks, seeded, with a head that moves."""

from fractions import Fraction

import numpy as np
import pytest
from joyvasa_tiny import speech

from talkinghead.core.errors import InputError
from talkinghead.drivers.joyvasa import LIP_KEYPOINTS, JoyVasaSource
from talkinghead.models.joyvasa.smoothing import Exponential, Gaussian, Unsmoothed
from talkinghead.models.joyvasa.weights import Models
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import MotionSource

SOUND = speech(1, 20_000)


@pytest.fixture(scope="session")
def models(tiny, units):
    return Models(tiny, units)


def blocks(sound, size):
    return [sound[i : i + size] for i in range(0, len(sound), size)] or [sound]


def collected(models, fps=Fraction(25), sound=SOUND, size=3000, **options):
    return Motion.concatenate(list(JoyVasaSource(blocks(sound, size), models, fps, **options)))


@pytest.mark.parametrize("fps", [Fraction(25), Fraction(24000, 1001), Fraction(30), Fraction(60), Fraction(10)])
@pytest.mark.parametrize("samples", [0, 1, 300, 5119, 5120, 5121, 16_000, 20_000])
def test_the_motion_lasts_as_long_as_the_sound(models, fps, samples):
    sound = SOUND[:samples]
    source = JoyVasaSource(blocks(sound, 4000), models, fps, duration_s=samples / 16000)
    motion = Motion.concatenate(list(source))
    assert isinstance(source, MotionSource)
    assert len(motion) == source.frames == max(1, round(samples * fps / 16000))
    assert motion.fps == source.fps == fps


def test_blocks_of_any_size_give_the_same_motion(models):
    whole, small = collected(models, size=len(SOUND)), collected(models, size=777)
    for name in ("expression", "rotation", "translation", "scale"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(small, name))


def test_the_seed_decides(models):
    first, again, other = (collected(models, seed=seed).expression for seed in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-5


def test_another_rate_is_the_same_motion_interpolated(models):
    slow, fast = collected(models), collected(models, Fraction(50))
    np.testing.assert_allclose(fast.expression[: 2 * len(slow) : 2], slow.expression, atol=1e-6)
    between = (slow.expression[1:] + slow.expression[:-1]) / 2
    np.testing.assert_allclose(fast.expression[1 : 2 * len(between) : 2], between, atol=1e-6)


def test_rest_and_view(models):
    motion = collected(models)
    assert motion.view == "expression"
    assert motion.rest.replaced_keypoints == LIP_KEYPOINTS == (6, 12, 14, 17, 19, 20)
    np.testing.assert_array_equal(motion.rest.expression, motion.expression[0])
    np.testing.assert_array_equal(motion.rest.rotation, motion.rotation[0])
    assert motion.rest.scale == pytest.approx(motion.scale[0])


def test_the_leading_silence_is_dropped(models, tiny, units):
    from talkinghead.models.joyvasa.generator import Stream

    stream = Stream(tiny, seed=0)
    rows = np.concatenate([*stream.push(SOUND), *stream.finish()])
    wanted = units.apply(rows)[2:, :63].reshape(-1, 21, 3)
    motion = collected(models)
    np.testing.assert_allclose(motion.expression, wanted[: len(motion)], atol=1e-6)


def test_the_published_smoothing_freezes_the_head_and_ours_does_not(models):
    spread = {
        kind: collected(models, smoothing=kind).rotation.std(0).mean() for kind in ("gaussian", "published", "none")
    }
    assert spread["published"] < 0.1 * spread["none"]
    assert spread["gaussian"] > 4 * spread["published"]


def test_smoothing_leaves_the_expression_alone(models):
    np.testing.assert_array_equal(
        collected(models, smoothing="gaussian").expression, collected(models, smoothing="none").expression
    )


def test_a_gaussian_keeps_nods_removes_jitter_and_does_not_lag():
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
def test_smoothers_give_as_many_rows_as_they_take(make):
    rows = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    whole = make()
    expected = np.concatenate([whole.push(rows), whole.finish()])
    parts = make()
    got = np.concatenate([*[parts.push(rows[i : i + 1]) for i in range(20)], parts.finish()])
    np.testing.assert_allclose(got, expected, atol=1e-6)
    assert len(got) == 20
    assert len(make().finish()) == 0


def test_guidance_strengthens_the_sound(models):
    quiet = [collected(models, sound=sound, guidance=0.0).expression for sound in (SOUND, 0 * SOUND)]
    heard = [collected(models, sound=sound, guidance=2.0).expression for sound in (SOUND, 0 * SOUND)]
    assert np.abs(heard[0] - heard[1]).max() > 2 * np.abs(quiet[0] - quiet[1]).max()


@pytest.mark.parametrize("options", [{"guidance": -1.0}, {"guidance": 11.0}, {"smoothing": "heavy"}])
def test_wrong_options_are_one_line(models, options):
    with pytest.raises(InputError, match=r"guidance|smoothing"):
        JoyVasaSource([], models, Fraction(25), **options)
