"""A session: sound or motion in as it comes, frames with times out.

    sound, phones ─ Ear ─ SoundDriver ─┐
                                       ├─ Motion ─ gains ─ Drawing ─ paste-back ─ Frame
    motion from anywhere ──────────────┘

This is the only place where these meet, for every command and every front; a file is a session fed to its end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from talkinghead.canvas import Canvas
from talkinghead.canvas.label import Label
from talkinghead.core.emotions import Emotion, EmotionCue, parse_emotion
from talkinghead.core.errors import InputError, MotionError
from talkinghead.core.marking import Marking
from talkinghead.core.settings import Framing, Gains
from talkinghead.core.types import DrawnCrop, Frame, Portrait
from talkinghead.drivers.hearing import Ear, Hearing
from talkinghead.media.resample import as_mono
from talkinghead.motion.emotion import Emotions
from talkinghead.motion.gains import apply_gains
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import Renderer
from talkinghead.motion.release import Release

if TYPE_CHECKING:
    from audio2motion import Phone
    from talkinghead.drivers.phone_track import PhoneTrack

# How long the frames last that `interrupt` gives back: the mouth is closed at their end.
INTERRUPT_S = 0.16


@dataclass(frozen=True)
class Look:
    """How motion becomes pictures: `gains`, a head that keeps `still`, the `framing` of what comes out.

    `emotion` is what the face feels from the beginning, `cues` what it turns to later. `marking` says whether a visible
    mark is drawn into the finished frames.
    """

    gains: Gains = field(default_factory=Gains)
    still: bool = False
    framing: Framing = "picture"
    emotion: Emotion | None = None
    cues: tuple[EmotionCue, ...] = ()
    marking: Marking = field(default_factory=Marking)


class Session:
    """One stream of frames of one face.

    Open one with `Avatar.session`. Frame k belongs to k / fps seconds of what was pushed: `time_s` is the time to which
    the sound pushed next belongs. Frames come as soon as their sound and the look-ahead behind it are known, the same
    to the last bit however the sound was cut. Memory does not grow. Sessions of one avatar may run in threads of their
    own; one session is for one thread at a time. A context manager.
    """

    def __init__(
        self,
        canvas: Canvas,
        renderer: Renderer,
        fps: Fraction,
        *,
        hearing: Hearing | None = None,
        look: Look | None = None,
        single: bool = False,
        keep_mouth: bool = False,
        watch: Callable[[Motion], None] | None = None,
    ) -> None:
        """`single` and `keep_mouth`: see `Renderer.open`; `watch` sees every piece of motion as it is drawn."""
        self.fps, self._canvas, self._look, self._watch = Fraction(fps), canvas, look or Look(), watch
        self._drawing = renderer.open(canvas.portrait, single=single, keep_mouth=keep_mouth)
        self._portraits: Iterator[Portrait] | None = None if canvas.portrait else canvas.portraits()
        self._hearing = hearing
        self._ear = None if hearing is None else Ear(hearing, 0)
        self._stretch = self._stretch_begin = 0
        self._moved = self._number = 0  # frames of motion so far, and of them those that are past
        self._numbers: deque[int] = deque()  # of the frames that are being drawn
        self._draw_every = 1
        self._last: Motion | None = None
        self._release: Release | None = None
        # One picture has no time in which to ease anything in.
        at_once = single or keep_mouth
        self._emotions = Emotions(self.fps, self._look.emotion, self._look.cues, at_once=at_once)
        self._ended = self._out_of_portraits = False
        words = self._look.marking.visible
        self._label = Label(words) if words else None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will be drawn: it was finished or closed, or its source video has come to its end."""
        return self._ended or self._out_of_portraits

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of every frame."""
        if self._look.framing != "picture" and self._canvas.portrait is not None:
            return self._canvas.portrait.crop.size_px
        return self._canvas.size_px

    @property
    def frames(self) -> int:
        """How many frames have come out, left out ones between them included."""
        return self._number

    @property
    def draw_every(self) -> int:
        """1: every frame is drawn. n: every n-th one, and the rest are left out, for who would fall behind the clock.

        Those that come keep their numbers, times and pixels.

        Raises:
            InputError: it is set to less than 1.
        """
        return self._draw_every

    @draw_every.setter
    def draw_every(self, every: int) -> None:
        if every < 1:
            raise InputError("draw_every counts frames: give 1 or more")
        self._draw_every = every

    @property
    def time_s(self) -> float:
        """The time, on the frames' clock, to which what is pushed next belongs."""
        if self._ear is None:
            return float(self._moved / self.fps)
        return float(self._stretch_begin / self.fps + self._ear.heard_s)

    def push_audio(self, samples: npt.ArrayLike, phones: Sequence[Phone] | PhoneTrack | None = None) -> list[Frame]:
        """Hear `samples` (n,), mono, float in -1..1 or int16, at the rate the session was opened for; any n.

        `phones`: those of `samples`, (IPA label, start, end) in seconds from the first of them, where a text-to-speech
        engine tells them; or a `PhoneTrack` of speech that begins with `samples` and goes on in what is pushed next.
        Lips follow them, where the embedded speech model hears, and the sound where none are given.

        Returns:
            The frames that they complete, oldest first; often none.

        Raises:
            AudioError: they are of another kind, or not finite.
            InputError: the session is finished, or hears no sound, or a phone's label or times cannot be.
        """
        return self._drawn(self._listening().push(as_mono(samples), phones))

    def push_motion(self, motion: Motion) -> list[Frame]:
        """Draw `motion`, which must have the session's frame rate.

        Raises:
            MotionError: it has another.
            InputError: the session is finished.
        """
        self._check_open()
        return list(self.draw(motion))

    def idle(self, seconds: float) -> list[Frame]:
        """Let `seconds` of silence pass: the mouth rests, eyes and head live on. The same as pushing silence.

        Raises:
            InputError: the session is finished, or hears no sound.
        """
        ear = self._listening()
        return self._drawn(ear.push(np.zeros(max(0, round(seconds * ear.rate_hz)), np.float32)))

    def set_emotion(self, emotion: Emotion | str | None, strength: float = 1.0) -> None:
        """Let the face turn to an emotion ("happy", "sad=0.5"), eased within 0.6 s; None or "neutral": to none.

        It begins with the sound or motion that is pushed next, at `time_s`, and holds until another is set, through
        pauses and interruptions. Lips close at p, b and m, and open at vowels, as without it.

        Raises:
            InputError: there is no such emotion, or its strength is not within 0..1.
        """
        if isinstance(emotion, str):
            emotion = parse_emotion(emotion, strength)
        self._emotions.turn(emotion, max(self.time_s, self._emotions.time_s))

    def interrupt(self) -> list[Frame]:
        """Fall silent at once: what was heard and not yet drawn is dropped.

        Returns:
            Frames of 160 ms in which the mouth closes; the head comes to rest under what is pushed after them. Show
            them instead of whatever this session gave before and nobody has seen yet.

        Raises:
            InputError: the session is finished.
        """
        self._check_open()
        if self._hearing is not None:
            assert self._ear is not None
            self._ear.close()
            self._stretch += 1
            self._ear = Ear(self._hearing, self._stretch)
        frames = []
        if self._last is not None:
            self._release = Release(self._last)
            frames = list(self.draw(self._release.rest(INTERRUPT_S)))
        self._stretch_begin = self._moved
        self._emotions.cut(self.time_s)
        return frames

    def finish(self) -> list[Frame]:
        """The frames that are left: nothing more will be pushed. In all there are as many as the sound lasts.

        Raises:
            InputError: the session is finished already.
        """
        self._check_open()
        frames = []
        if self._ear is not None:
            for motion in self._ear.finish():
                frames += self._drawn(motion)
        frames += self.draw_rest()
        self.close()
        return frames

    def close(self) -> None:
        """Free what the session holds, finished or not; frames that were not asked for are lost."""
        self._ended = True
        if self._ear is not None:
            self._ear.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def draw(self, motion: Motion) -> Iterator[Frame]:
        """`push_motion`, each frame drawn when it is asked for. Ends early where a source video has ended.

        Raises:
            MotionError: the motion has another frame rate.
        """
        if motion.fps != self.fps:
            raise MotionError(
                f"this session runs at {self.fps} frames per second, the motion at {motion.fps}: resample it"
            )
        batch = self._drawing.batch
        for begin in range(0, len(motion), batch):
            yield from self._draw_piece(motion[begin : begin + batch])

    def draw_rest(self) -> Iterator[Frame]:
        """What the renderer still holds, at the end of all motion."""
        for drawn in self._drawing.finish():
            yield self._framed(drawn)

    def _draw_piece(self, motion: Motion) -> Iterator[Frame]:
        portraits: list[Portrait] = []
        if self._portraits is not None:
            portraits = list(islice(self._portraits, len(motion)))
            if not portraits:
                self._out_of_portraits = True
                return
            motion = motion[: len(portraits)]
        if self._release is not None:
            motion = self._release.over(motion)
            self._release = None if self._release.is_over else self._release
        self._last = motion[-1:]
        motion = self._emotions.over(apply_gains(motion, self._look.gains, self._look.still))
        if self._watch is not None:
            self._watch(motion)
        kept = slice(-self._moved % self._draw_every, len(motion), self._draw_every)
        numbers = range(self._moved, self._moved + len(motion))[kept]
        self._moved += len(motion)
        self._numbers.extend(numbers)
        if numbers:
            for drawn in self._drawing.draw(motion[kept], portraits[kept]):
                yield self._framed(drawn)

    def _framed(self, drawn: DrawnCrop) -> Frame:
        """A drawn crop as it belongs into the stream: pasted back, or the crop alone."""
        pixels = self._canvas.placed(drawn) if self._look.framing == "picture" else self._canvas.cropped(drawn)
        pixels = pixels if self._label is None else self._label.drawn(pixels)
        number = self._numbers.popleft()
        self._number = number + 1
        return Frame(pixels, number, float(number / self.fps), drawn)

    def _drawn(self, motion: Motion | None) -> list[Frame]:
        return [] if motion is None else list(self.draw(motion))

    def _listening(self) -> Ear:
        self._check_open()
        if self._ear is None:
            raise InputError("this session hears no sound: push motion, or open one that has a speech model")
        return self._ear

    def _check_open(self) -> None:
        if self._ended:
            raise InputError("this session is finished: open a new one")
