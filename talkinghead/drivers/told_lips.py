"""Lips from phones, in motion that comes from sound: where phones were told, and there alone."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from audio2motion import BEHAVIOUR_INDICES
from talkinghead.core.types import Floats
from talkinghead.drivers.phone_track import PhoneTrack
from talkinghead.motion.blendshapes import N_BLENDSHAPES
from talkinghead.motion.motion import Motion

# From the sound's lips to the phones', just before the first of these, and back after the last. It is shorter than the
# 0.1 s that the speech model hears ahead at the least, so that no frame of it was given before the phones are told:
# otherwise frames would depend on how the sound is cut.
_FADE_S = Fraction(2, 25)
_MOUTH = [index for index in range(N_BLENDSHAPES) if index not in BEHAVIOUR_INDICES]


class ToldLips:
    """Takes motion of `fps` as a speech model gives it, from the first frame on, and puts lips into it that were told.

    Head, gaze, lids and brows stay the sound's. Memory does not grow.
    """

    def __init__(self, fps: Fraction) -> None:
        self._fps, self._given = Fraction(fps), 0
        self._told: deque[_Stretch] = deque()

    def tell(self, track: PhoneTrack, begin_s: Fraction) -> None:
        """The sound from `begin_s` on, none of which was heard yet, has these phones; they take over from others."""
        begin, end = round(begin_s * self._fps), round((begin_s + track.duration_s) * self._fps)
        if end <= begin:
            return
        while self._told and self._told[-1].begin >= begin:
            self._told.pop()
        from_frame = max(0, math.ceil((begin_s - _FADE_S) * self._fps))
        if self._told:
            self._told[-1] = before = self._told[-1].cut(begin, begin_s)
            from_frame = max(from_frame, min(before.quiet_frame, before.end))
        lips = track.lips(self._fps, end - begin, float(begin_s - begin / self._fps))[:, _MOUTH]
        quiet = math.ceil((begin_s + Fraction(track.spoken_s)) * self._fps)
        self._told.append(_Stretch(self._fps, begin_s, begin_s + track.duration_s, begin, end, from_frame, quiet, lips))

    def over(self, motion: Motion) -> Motion:
        """The next frames, with lips from phones where they were told."""
        first, self._given = self._given, self._given + len(motion)
        told = [stretch for stretch in self._told if stretch.from_frame < self._given]
        if not told:
            return motion
        mouth = motion.blendshapes[:, _MOUTH]
        for stretch in told:
            stretch.lay_on(mouth, first)
        while self._told and self._told[0].until_frame <= self._given:
            self._told.popleft()
        weights = motion.blendshapes.copy()
        weights[:, _MOUTH] = mouth
        return Motion.from_blendshapes(
            weights, motion.fps, rotation=motion.rotation, translation=motion.translation, scale=motion.scale,
            rest=motion.rest,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Stretch:
    """Lips (end - begin, mouth shapes) of the frames `begin` to `end`; the first and last fade into what is around,
    from `from_frame` on. No phone is left from `quiet_frame` on: what follows may fade in there."""

    fps: Fraction
    begin_s: Fraction
    end_s: Fraction
    begin: int
    end: int
    from_frame: int
    quiet_frame: int
    lips: Floats

    @property
    def until_frame(self) -> int:
        return math.floor((self.end_s + _FADE_S) * self.fps) + 1

    def cut(self, end: int, end_s: Fraction) -> _Stretch:
        """The same, ending there at the latest."""
        if end >= self.end:
            return self
        return replace(self, end=end, end_s=end_s, lips=self.lips[: end - self.begin])

    def lay_on(self, mouth: Floats, first: int) -> None:
        """Into `mouth` (T, mouth shapes), whose first row is frame `first`."""
        low, high = max(first, self.from_frame), min(first + len(mouth), self.until_frame)
        if low >= high:
            return
        frames, rows = np.arange(low, high), slice(low - first, high - first)
        share = self._share(frames)[:, None]
        lips = self.lips[np.clip(frames - self.begin, 0, len(self.lips) - 1)]
        mouth[rows] = mouth[rows] * (1 - share) + lips * share

    def _share(self, frames: np.ndarray) -> Floats:
        """How much of each frame's mouth is this one's, 0 to 1."""
        times_s = frames / float(self.fps)
        outside_s = np.where(frames < self.begin, float(self.begin_s) - times_s, times_s - float(self.end_s))
        outside_s[(frames >= self.begin) & (frames < self.end)] = 0
        x = np.clip(1 - outside_s / float(_FADE_S), 0, 1)
        return np.asarray(x * x * (3 - 2 * x), np.float32)
