"""What is felt over what is said: eased, the same however it is cut, lips' closures left alone."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from audio2motion.targets import opening_of
from talkinghead.core.emotions import EMOTIONS, Emotion, EmotionCue, EmotionName
from talkinghead.core.types import Floats
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, N_BLENDSHAPES, to_expression
from talkinghead.motion.emotion import EASE_S, PRESETS, Emotions, preset
from talkinghead.motion.motion import Motion
from talkinghead.renderers.liveportrait.speech import articulate
from talkinghead.renderers.warp.mixing import to_controls

FPS = Fraction(30000, 1001)
# What opens or shuts the gap between the lips in the warp renderer, beside the way by which the shrug takes both along.
GAP_CONTROLS = ("lip_drop", "raise_l", "raise_r", "lower_l", "lower_r", "press_upper", "press_lower", "bite", "funnel")


def speech(frames: int, seed: int = 0) -> Motion:
    """Talking: every blendshape somewhere, the head moving, and lips closed in every fifth frame."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0, 0.5, (frames, N_BLENDSHAPES)).astype(np.float32)
    weights[::5] = 0
    return Motion.from_blendshapes(weights, FPS, rotation=rng.normal(0, 3, (frames, 3)).astype(np.float32))


def silence(frames: int) -> Motion:
    return Motion.from_blendshapes(np.zeros((frames, N_BLENDSHAPES), np.float32), FPS)


def smile(motion: Motion) -> Floats:
    return motion.blendshapes[:, BLENDSHAPE_INDEX["mouthSmileLeft"]]


def feelings() -> Emotions:
    return Emotions(FPS, Emotion("calm"), [EmotionCue(0.7, Emotion("happy")), EmotionCue(1.0, Emotion("sad", 0.4))])


@pytest.mark.parametrize("cuts", [(1,) * 90, (7, 1, 50, 32), (89, 1)])
def test_the_same_to_the_bit_however_the_motion_is_cut(cuts: tuple[int, ...]) -> None:
    motion, whole, cut = speech(90), feelings(), feelings()
    expected, at, parts = whole.over(motion), 0, []
    for length in cuts:
        parts.append(cut.over(motion[at : at + length]))
        at += length
    joined = Motion.concatenate(parts)
    for name, value in expected.arrays().items():
        assert np.array_equal(value, joined.arrays()[name]), name


def test_eased_in_and_out_without_a_jump() -> None:
    felt = smile(Emotions(FPS, Emotion("happy"), [EmotionCue(2.0, None)]).over(silence(120)))
    full = PRESETS["happy"]["mouthSmile"]
    first_full, last_full = int(np.ceil(EASE_S * FPS)), int(2 * FPS)
    assert felt[0] == 0
    assert 0 < felt[first_full // 2] < full
    assert np.allclose(felt[first_full : last_full + 1], full)
    assert felt[int(np.ceil((2 + EASE_S) * FPS)) :].max() == 0
    # The fastest step of a minimum-jerk movement is 15/8 of the average one.
    assert np.abs(np.diff(felt)).max() <= 1.9 * full / float(EASE_S * FPS)
    assert (np.diff(felt[: first_full + 1]) >= 0).all()


def test_turning_before_the_last_is_there_goes_on_from_where_the_face_is() -> None:
    feelings = Emotions(FPS, Emotion("happy"))
    before = feelings.over(silence(8))
    feelings.turn(Emotion("sad"), float(8 / FPS))
    after = feelings.over(silence(40))
    felt = np.concatenate([smile(before), smile(after)])
    assert 0 < felt[8] < PRESETS["happy"]["mouthSmile"]
    assert np.abs(np.diff(felt)).max() < 0.12
    assert felt[-1] == 0
    assert after.blendshapes[-1, BLENDSHAPE_INDEX["mouthFrownLeft"]] == pytest.approx(PRESETS["sad"]["mouthFrown"])


def test_a_later_word_replaces_what_was_to_come_and_a_cut_brings_it_forward() -> None:
    said = Emotions(FPS, cues=[EmotionCue(1.0, Emotion("sad"))])
    said.turn(Emotion("happy"), 0.5)
    felt = said.over(silence(90))
    assert smile(felt)[-1] == pytest.approx(PRESETS["happy"]["mouthSmile"])
    assert felt.blendshapes[-1, BLENDSHAPE_INDEX["mouthFrownLeft"]] == 0
    cut = Emotions(FPS, cues=[EmotionCue(9.0, Emotion("happy"))])
    cut.cut(0.5)
    assert smile(cut.over(silence(90)))[-1] == pytest.approx(PRESETS["happy"]["mouthSmile"])


def test_nothing_felt_is_the_motion_itself_and_one_picture_waits_for_nothing() -> None:
    motion = speech(10)
    assert Emotions(FPS).over(motion) is motion
    assert Emotions(FPS, Emotion("happy", 0.0)).over(motion) is motion
    at_once = Emotions(FPS, Emotion("happy", 0.5), at_once=True).over(silence(1))
    assert smile(at_once)[0] == pytest.approx(0.5 * PRESETS["happy"]["mouthSmile"])


def test_both_views_say_the_same() -> None:
    motion = speech(40)
    felt = Emotions(FPS, Emotion("angry"), at_once=True).over(motion)
    np.testing.assert_allclose(felt.expression, to_expression(felt.blendshapes), atol=1e-5)
    assert felt.blendshapes.max() <= 1
    assert felt.blendshapes.min() >= 0


@pytest.mark.parametrize("name", EMOTIONS)
def test_every_emotion_moves_the_face_in_proportion_and_unlike_the_others(name: EmotionName) -> None:
    whole, half = preset(Emotion(name)), preset(Emotion(name, 0.5))
    assert half == pytest.approx({shape: 0.5 * weight for shape, weight in whole.items()})
    assert len(whole) >= 4
    assert [other for other in EMOTIONS if preset(Emotion(other)) == whole] == [name]


@pytest.mark.parametrize("name", EMOTIONS)
def test_lips_part_as_far_as_speech_parts_them(name: EmotionName) -> None:
    """In the warp renderer's controls, in the speech model's own measure, and in the neural renderer's lip ratio."""
    motion = speech(60)
    felt = Emotions(FPS, Emotion(name), at_once=True).over(motion)
    np.testing.assert_allclose(opening_of(felt.blendshapes), opening_of(motion.blendshapes), atol=1e-6)
    for before, after in zip(motion.blendshapes, felt.blendshapes):
        said, shown = to_controls(before), to_controls(after)
        assert [shown[control] for control in GAP_CONTROLS] == pytest.approx(
            [said[control] for control in GAP_CONTROLS]
        )
    said_ratio, shown_ratio = articulate(motion).lip_ratio, articulate(felt).lip_ratio
    assert (shown_ratio[::5] == 0).all()
    assert np.abs(shown_ratio - said_ratio).max() < 0.03


def test_lips_still_round_and_wide_eyes_still_blink() -> None:
    weights = np.zeros((3, N_BLENDSHAPES), np.float32)
    weights[1, BLENDSHAPE_INDEX["mouthPucker"]] = 1
    weights[2, BLENDSHAPE_INDEX["eyeBlinkLeft"]] = 1
    motion = Motion.from_blendshapes(weights, FPS)
    happy = smile(Emotions(FPS, Emotion("happy"), at_once=True).over(motion))
    assert happy[1] == pytest.approx(0.35 * happy[0])
    surprised = Emotions(FPS, Emotion("surprised"), at_once=True).over(motion).blendshapes
    wide = surprised[:, [BLENDSHAPE_INDEX["eyeWideLeft"], BLENDSHAPE_INDEX["eyeWideRight"]]]
    assert wide.tolist() == [[1, 1], [1, 1], [0, 1]]


def test_a_calm_head_moves_half_as_far_and_no_other_s_less() -> None:
    motion = speech(20)
    calm = Emotions(FPS, Emotion("calm"), at_once=True).over(motion)
    np.testing.assert_allclose(calm.rotation, 0.5 * motion.rotation, rtol=1e-6)
    angry = Emotions(FPS, Emotion("angry"), at_once=True).over(motion)
    np.testing.assert_array_equal(angry.rotation, motion.rotation)
