"""Emotions over a motion: what a feeling adds to a face that speaks, eased in and out, lips' closures left alone.

An emotion is a preset of ARKit blendshapes. None of them parts or presses the lips: what speech does with the gap
between them, and so p, b and m, and how far vowels open, stays speech's own. What a frame gets depends on its time
alone, not on how the motion was cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np

from talkinghead.core.emotions import EMOTIONS, Emotion, EmotionCue, EmotionName
from talkinghead.core.types import AnyFloats, Floats
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, N_BLENDSHAPES, to_expression
from talkinghead.motion.motion import Motion

# A face turns from one emotion to another within this time: a spontaneous smile takes half a second to two thirds of
# one to rise (Schmidt, Cohn and Tian 2003).
EASE_S = 0.6
# Each at strength 1; a name without a side stands for both.
PRESETS: dict[EmotionName, dict[str, float]] = {
    "happy": {
        "mouthSmile": 0.85, "mouthDimple": 0.15, "cheekSquint": 0.55, "eyeSquint": 0.2, "browInnerUp": 0.08,
        "browOuterUp": 0.15,
    },
    "sad": {
        "browInnerUp": 0.95, "browDown": 0.15, "mouthFrown": 0.95, "mouthShrugLower": 0.4, "eyeBlink": 0.18,
        "eyeSquint": 0.1, "eyeLookDown": 0.25,
    },
    "angry": {"browDown": 1.0, "eyeSquint": 0.65, "mouthFrown": 0.65, "mouthShrugLower": 0.35, "jawForward": 0.3},
    "surprised": {"browInnerUp": 1.0, "browOuterUp": 1.0, "eyeWide": 1.0},
    "calm": {"mouthSmile": 0.16, "eyeBlink": 0.14, "eyeSquint": 0.08, "browInnerUp": 0.1, "browOuterUp": 0.05},
}  # fmt: skip
# A calm head moves by this share less.
_CALM_STILLS = 0.5
# Rounded lips undo a smile's width: a full pucker leaves this share of what an emotion does to the mouth.
_LEFT_BY_ROUNDING = 0.35


def _table() -> Floats:
    """(5, 52): the presets in the order of `EMOTIONS`."""
    table = np.zeros((len(EMOTIONS), N_BLENDSHAPES), np.float32)
    for row, name in enumerate(EMOTIONS):
        for shape, weight in PRESETS[name].items():
            for side in ("", "Left", "Right"):
                if shape + side in BLENDSHAPE_INDEX:
                    table[row, BLENDSHAPE_INDEX[shape + side]] = weight
    return table


_TABLE = _table()
_CALM = EMOTIONS.index("calm")
_MOUTH = [i for name, i in BLENDSHAPE_INDEX.items() if name.startswith("mouth")]
_ROUNDED = [BLENDSHAPE_INDEX[name] for name in ("mouthPucker", "mouthFunnel")]
_LIDS = [(BLENDSHAPE_INDEX[f"eyeBlink{side}"], BLENDSHAPE_INDEX[f"eyeWide{side}"]) for side in ("Left", "Right")]


def preset(emotion: Emotion) -> dict[str, float]:
    """The ARKit blendshapes of an emotion, by name, 0..1."""
    weights = emotion.strength * _TABLE[EMOTIONS.index(emotion.name)]
    return {name: float(weights[i]) for name, i in BLENDSHAPE_INDEX.items() if weights[i] > 0}


class Emotions:
    """A stream of motion in, the same motion with what is felt out. Memory does not grow."""

    def __init__(
        self, fps: Fraction, first: Emotion | None = None, cues: Sequence[EmotionCue] = (), *, at_once: bool = False
    ) -> None:
        """`first` is eased in from the first frame on, or there `at_once`; `cues` follow at their times."""
        self._fps, self._frame = Fraction(fps), 0
        self._from, self._to = _levels(None), _levels(first)
        self._begin_s = -EASE_S if at_once else 0.0
        self._cues = deque(sorted(cues, key=lambda cue: cue.at_s))

    @property
    def time_s(self) -> float:
        """The time of the next frame."""
        return float(self._frame / self._fps)

    def turn(self, emotion: Emotion | None, at_s: float) -> None:
        """From `at_s` on turn to `emotion`; None: to none. What was to be turned to later is forgotten."""
        while self._cues and self._cues[-1].at_s >= at_s:
            self._cues.pop()
        self._cues.append(EmotionCue(at_s, emotion))

    def cut(self, at_s: float) -> None:
        """Time goes on at `at_s`: what was to be turned to later is turned to then."""
        late = [cue for cue in self._cues if cue.at_s > at_s]
        if late:
            self.turn(late[-1].emotion, at_s)

    def over(self, motion: Motion) -> Motion:
        """The next frames of motion with what is felt in each."""
        times = [float((self._frame + i) / self._fps) for i in range(len(motion))]
        self._frame += len(motion)
        levels = np.array([self._at(time_s) for time_s in times], np.float32)
        if not levels.any():
            return motion
        weights = np.zeros_like(motion.blendshapes)
        # Sums of a fixed order: a matrix product's order may change with the number of its rows.
        for column, row in zip(levels.T, _TABLE):
            weights += column[:, None] * row
        felt = np.clip(motion.blendshapes + _beside_speech(weights, motion.blendshapes), 0.0, 1.0)
        moves = (1 - np.float32(_CALM_STILLS) * levels[:, _CALM])[:, None]
        rest = motion.rest
        return replace(
            motion,
            blendshapes=felt,
            expression=motion.expression + _deltas(felt - motion.blendshapes),
            rotation=rest.rotation + (motion.rotation - rest.rotation) * moves,
            translation=rest.translation + (motion.translation - rest.translation) * moves,
        )

    def _at(self, time_s: float) -> AnyFloats:
        while self._cues and self._cues[0].at_s <= time_s:
            cue = self._cues.popleft()
            # One that is turned to before the last is there begins at what is there.
            self._from, self._to, self._begin_s = self._between(cue.at_s), _levels(cue.emotion), cue.at_s
        return self._between(time_s)

    def _between(self, time_s: float) -> AnyFloats:
        x = min(max((time_s - self._begin_s) / EASE_S, 0.0), 1.0)
        eased = x * x * x * (10.0 + x * (6.0 * x - 15.0))
        level: AnyFloats = self._from + (self._to - self._from) * eased
        return level


def _levels(emotion: Emotion | None) -> AnyFloats:
    """(5,): how strong each emotion is."""
    levels = np.zeros(len(EMOTIONS))
    if emotion is not None:
        levels[EMOTIONS.index(emotion.name)] = emotion.strength
    return levels


def _beside_speech(weights: Floats, speech: Floats) -> Floats:
    """What is felt (T, 52) as far as `speech` (T, 52) leaves room: lips still round, wide eyes still blink."""
    rounded = np.clip(speech[:, _ROUNDED].max(1), 0.0, 1.0)
    weights[:, _MOUTH] *= (1 - np.float32(1 - _LEFT_BY_ROUNDING) * rounded)[:, None]
    for blink, wide in _LIDS:
        weights[:, wide] *= 1 - speech[:, blink]
    return weights


def _deltas(weights: Floats) -> Floats:
    """Keypoint deltas (T, 21, 3) of weights (T, 52), frame by frame: a product of many rows is rounded otherwise."""
    return np.concatenate([to_expression(row[None]) for row in weights])
