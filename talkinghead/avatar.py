"""What a program keeps: a picture or video with its face found, a renderer and a speech model, each loaded once.

avatar = Avatar("face.png")
avatar.speak("speech.wav").save("out.mp4")
avatar.animate("dance.mp4").save("dance.mp4")
smiling = avatar.edit({"smile": 0.6})
with avatar.session(rate_hz=48000, low_latency=True) as session: ...
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkinghead.canvas import Canvas
from talkinghead.canvas.alpha import transparent
from talkinghead.canvas.source import Source
from talkinghead.clip import Clip, Part
from talkinghead.core.emotions import Emotion, EmotionCue
from talkinghead.core.errors import FaceError, InputError
from talkinghead.core.settings import (
    DEFAULT_FPS,
    Box,
    FaceChoice,
    Gains,
    Settings,
    SettingsKeywords,
    parse_fps,
)
from talkinghead.core.types import Pixels
from talkinghead.drivers.driving import Driving
from talkinghead.drivers.hearing import Hearing
from talkinghead.drivers.opening import SpeechModel, open_driving
from talkinghead.drivers.speech import EMBEDDED, SoundDriver
from talkinghead.media.kinds import is_video
from talkinghead.media.sheet import sheet
from talkinghead.media.sound import MixedSound, PaddedSound, Sound, SoundLike, open_sound
from talkinghead.media.sources import open_source
from talkinghead.motion.controls import controls_to_motion
from talkinghead.motion.files import is_motion_file, load_motion
from talkinghead.motion.gains import moves_mouth
from talkinghead.motion.motion import Motion
from talkinghead.renderers.select import Selection, select
from talkinghead.session import Look, Session

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from talkinghead.media.images import PictureLike
    from talkinghead.tts.engines import SpeechEngine
    from talkinghead.tts.opening import Voice

# Every interruption of a session begins a new stretch of speech, whose blinks are to be other ones.
_NEXT_SEED = 7919

Rate = Fraction | float | str


class Avatar:
    """A face that can be made to speak, again and again, without loading anything twice.

    - `picture`: a path of a picture or a video, an array (H, W, 3 or 4) uint8, a Pillow picture, an `Image`;
    - `motion_model`: what turns speech into motion: "embedded", "joyvasa", the folder of an audio2motion checkpoint, or
      "auto": JoyVASA for the neural renderer where its weights are there, else the embedded model;
    - `settings`: a `Settings`, or its fields as keywords (renderer, face, framing, fps, seed, ...);
    - `few_frames`: it is for a picture or two, for which a lower precision of the neural renderer gains no time;
    - `drawn_by`: returns what draws, as `renderers.select.select` does, where that is being opened already or shared.

    Its methods may be called from several threads.

    Raises:
        TalkingHeadError: the picture shows no such face, or something it needs is missing; the message says what to do.
    """

    def __init__(
        self,
        picture: PictureLike,
        *,
        motion_model: str = "auto",
        settings: Settings | None = None,
        few_frames: bool = False,
        drawn_by: Callable[[], Selection] | None = None,
        **keywords: Unpack[SettingsKeywords],
    ) -> None:
        self.settings = replace(settings, **keywords) if settings else Settings(**keywords)  # type: ignore[arg-type]
        # A bad picture is told at once, before libraries are loaded that take seconds.
        chosen = self.settings
        source = Source(open_source(picture, chosen.max_side), chosen.framing, chosen.box, chosen.background)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="talkinghead-looking") as pool:
            looking = pool.submit(source.look, chosen.face)
            self._renderer, self.note = drawn_by() if drawn_by else select(chosen, few_frames)
            looking.result()
        self._source = source.drawn_by(self._renderer)
        self.motion_model = SpeechModel.chosen(motion_model, self._renderer.name, chosen.device, chosen.checkpoints)
        self.note += "".join(f"; {said}" for said in self._source.notes(chosen.face))

    @property
    def renderer(self) -> str:
        """The name of what draws."""
        return self._renderer.name

    def speak(
        self,
        audio: SoundLike | None = None,
        *,
        text: str | None = None,
        voice: str | Voice | SpeechEngine | None = None,
        tracks: Mapping[int, SoundLike] | None = None,
        fps: Rate | None = None,
        seed: int | None = None,
        still: bool | None = None,
        gains: Gains | None = None,
        emotion: Emotion | str | None = None,
    ) -> Clip:
        """A clip of this face speaking a recording, or a text.

        Args:
            audio: a path of any audio or video file, "-" for standard input, or (samples, rate): samples (n,) or (n,
                channels), float in -1..1 or int16.
            text: spoken instead, sentence by sentence while it is drawn, in the language that it is guessed to be in,
                in the `voice` named ("de", "en-gb", "fr+f2") or by an engine of `talkinghead.tts`. Lips follow its
                phones where they are told and no other motion model is named. Emotions stand in it as tags, "[happy]
                Hello. [sad=0.5] Goodbye."; it is then spoken whole before it is drawn.
            tracks: with `face="all"`: what other faces speak, by their numbers; the first speaks `audio`, and those
                without a recording are silent.
            fps, seed, still, gains, emotion: instead of the avatar's own settings; emotion "neutral" is none.

        Raises:
            TalkingHeadError: an input cannot be used; the message says why and what to do.
        """
        if (audio is None) == (text is None):
            raise InputError("give either audio or text")
        settings = self._settings(fps, seed, still, gains, emotion)
        settings = replace(settings, fps=settings.fps or self._source.fps)
        if text is not None:
            return self._tell(text, voice, settings)
        assert audio is not None
        sound = open_sound(audio)
        if settings.face == "all":
            return self._speak_together(sound, tracks or {}, settings)
        if tracks:
            raise InputError("tracks are for several faces: open the avatar with face='all'")
        driving = self.motion_model.driving(sound, settings.fps or DEFAULT_FPS, seed=settings.seed)
        return self._clip([self._part(driving, settings)], sound, f"; motion: {self.motion_model.name}")

    def animate(
        self,
        driving: str | Path | Motion,
        *,
        audio: SoundLike | None = None,
        silent: bool = False,
        driving_face: int | None = None,
        driving_box: Box | None = None,
        single: bool = False,
        fps: Rate | None = None,
        still: bool | None = None,
        gains: Gains | None = None,
        emotion: Emotion | str | None = None,
    ) -> Clip:
        """A clip of this face that something moves.

        Args:
            driving: a video, a picture, a motion file (.npz, .pkl, .csv), a folder of frames, or a `Motion`.
            audio: sound instead of the driver's own; `silent`: none at all.
            driving_face, driving_box: which face drives, or where it is.
            single: ask a driving picture for one frame rather than a short clip.
            fps, still, gains, emotion: instead of the avatar's own settings; emotion "neutral" is none.

        Raises:
            TalkingHeadError: an input cannot be used; the message says why and what to do.
        """
        settings = self._settings(fps, None, still, gains, emotion)
        if self._source.video is not None and settings.fps is None:
            settings = replace(settings, fps=_rate(driving, self._source.video))
        canvas = self._canvas(settings)
        opened = open_driving(
            driving,
            fps=settings.fps,
            portrait=canvas.portrait.face if canvas.portrait else None,
            face=driving_face,
            box=driving_box,
            still=single,
            extractor=self._renderer.extractor,
        )
        sound = None if silent else open_sound(audio) if audio is not None else opened.sound
        duration_s = None if opened.frames is None or sound is None else float(opened.frames / opened.fps)
        part = Part(canvas, opened, _look(settings), self._two_canvases(settings.face))
        note = f"{self.note}{self._source.video_note}"
        return Clip([part], self._renderer, sound=sound, duration_s=duration_s, note=note)

    def edit(self, controls: Mapping[str, float]) -> Pixels:
        """The picture with its face changed: (H, W, 3) RGB uint8; (H, W, 4) RGBA with `background="transparent"`.

        `controls`: values by name: `talkinghead.motion.controls.CONTROLS` (smile, brows, yaw, ...) and ARKit's
        blendshapes.

        Raises:
            InputError: a name is unknown, a value out of its range, or this is a video's avatar.
        """
        motion = controls_to_motion(controls)
        return self._edited(motion, self._still(motion))

    def edit_rgba(self, controls: Mapping[str, float]) -> Pixels:
        """As `edit`; of a transparent picture (H, W, 4) RGBA uint8: what shone through still does.

        So it is with `background="transparent"`; any other `background` is painted behind it instead.
        The neural renderer shows a transparent picture on white.

        Raises:
            InputError: as `edit`.
        """
        motion = controls_to_motion(controls)
        still, two = self._still(motion), self._two_canvases(self.settings.face)
        if two is None:
            return self._edited(motion, still)
        return transparent(self._edited(motion, two[0]), self._edited(motion, two[1]))

    def _still(self, motion: Motion) -> Canvas:
        if self._source.video is not None:
            raise InputError(f"{self._source.video.name} is a video: edit one picture")
        return self._canvas(self.settings, moves_mouth=moves_mouth(motion))

    def _edited(self, motion: Motion, canvas: Canvas) -> Pixels:
        look = replace(_look(self.settings), gains=Gains(), still=False)
        with Session(canvas, self._renderer, motion.fps, look=look, keep_mouth=True) as session:
            return session.push_motion(motion)[0].pixels

    def _two_canvases(self, face: FaceChoice) -> tuple[Canvas, Canvas] | None:
        """A transparent picture upon white and upon black. Networks do not draw the same face on both: warp alone."""
        if self.renderer != "warp" or face == "all":
            return None
        return self._source.two_canvases(face)

    def edit_sheet(self, controls: Mapping[str, float], sheets: Mapping[str, Sequence[float]]) -> Pixels:
        """Edits side by side, labelled: every value of one control (a row) or of two (a table).

        Raises:
            InputError: there are more than two sheets, or as `edit`.
        """
        if not 1 <= len(sheets) <= 2:
            raise InputError(f"a sheet varies one or two controls, not {len(sheets)}")
        (across, columns), *more = sheets.items()
        down, values = more[0] if more else ("", (0.0,))
        rows = []
        for y in values:
            row = []
            for x in columns:
                label = f"{across} {x:g}" + (f"  {down} {y:g}" if down else "")
                row.append((label, self.edit({**controls, across: x, **({down: y} if down else {})})))
            rows.append(row)
        return sheet(rows)

    def session(
        self,
        *,
        fps: Rate | None = None,
        seed: int | None = None,
        rate_hz: int = 16_000,
        low_latency: bool = False,
        still: bool | None = None,
        gains: Gains | None = None,
        emotion: Emotion | str | None = None,
    ) -> Session:
        """A session that hears sound as it comes; open as many as there are listeners.

        Args:
            fps: frames per second, by default the avatar's own setting, else 25 (a source video's own).
            seed: of blinks, brows and head motion.
            rate_hz: samples per second of what will be pushed.
            low_latency: hear 0.11 s ahead instead of 0.3 s, at some cost in quality.
            still, gains, emotion: instead of the avatar's own settings; emotion "neutral" is none.

        Raises:
            TalkingHeadError: something it needs is missing; the message says what to do.
        """
        settings = self._settings(fps, seed, still, gains, emotion)
        rate = settings.fps or self._source.fps
        settings = replace(settings, fps=rate)

        def start(stretch: int) -> SoundDriver:
            return self.motion_model.driver(rate, seed=settings.seed + _NEXT_SEED * stretch, low_latency=low_latency)

        hearing = Hearing(rate_hz, start, heeds_phones=self.motion_model.name == EMBEDDED)
        return Session(self._canvas(settings), self._renderer, rate, hearing=hearing, look=_look(settings))

    def motion_session(self, fps: Rate) -> Session:
        """A session that is pushed motion alone, from a camera for instance, at `fps` frames per second."""
        settings = self._settings(fps, None, None, None, None)
        return Session(self._canvas(settings), self._renderer, settings.fps or DEFAULT_FPS, look=_look(settings))

    def _settings(
        self, fps: Rate | None, seed: int | None, still: bool | None, gains: Gains | None,
        emotion: Emotion | str | None,
    ) -> Settings:  # fmt: skip
        """The avatar's settings with what a call asks for instead."""
        own = self.settings
        return replace(
            own,
            fps=own.fps if fps is None else parse_fps(str(fps)),
            seed=own.seed if seed is None else seed,
            still=own.still if still is None else still,
            gains=own.gains if gains is None else gains,
            emotion=own.emotion if emotion is None else emotion,  # type: ignore[arg-type]  # a text is read
        )

    def _canvas(self, settings: Settings, face: int | None = None, *, moves_mouth: bool | None = None) -> Canvas:
        """What is drawn upon: the picture with its face, or the video from its beginning, repeated without end.

        A mouth that is covered is refused, unless nothing moves it (None: the settings tell) or it is forced.
        """
        if face is None:
            if settings.face == "all":
                raise InputError("face='all' is for speaking: give a face's number")
            face = settings.face
        moved = settings.gains.mouth > 0 if moves_mouth is None else moves_mouth
        moved = moved or settings.emotion is not None
        if moved and self._draws_mouths(settings):
            self._source.check_mouth(face)
        return self._source.canvas(face, settings.fps)

    def _draws_mouths(self, settings: Settings) -> bool:
        """Whether what draws opens people's mouths, covered ones too unless that is forced."""
        animal = settings.renderer == "liveportrait-animals"
        moved = self.renderer == "warp" or settings.liveportrait.moves_lips
        return moved and not animal and not settings.force_mouth

    def _part(
        self, driving: Driving[Any], settings: Settings, face: int | None = None, cues: Sequence[EmotionCue] = ()
    ) -> Part:
        look = replace(_look(settings), cues=tuple(cues))
        return Part(self._canvas(settings, face), driving, look, self._two_canvases(face or settings.face))

    def _clip(self, parts: Sequence[Part], sound: Sound, note: str, duration_s: float | None = None) -> Clip:
        return Clip(
            parts,
            self._renderer,
            sound=sound,
            duration_s=duration_s or sound.duration_s,
            note=f"{self.note}{note}{self._source.video_note}",
        )

    def _tell(self, text: str, voice: str | Voice | SpeechEngine | None, settings: Settings) -> Clip:
        from talkinghead.tts.spoken import spoken_text

        if settings.face == "all":
            raise InputError("a text is for one face: several faces take recordings")
        said, fps = spoken_text(text, voice), settings.fps or DEFAULT_FPS
        if said.pieces is not None and self.motion_model.name == EMBEDDED:
            from talkinghead.drivers.phonemes import told

            driving: Driving[Any] = told(said.pieces, said.rate_hz, fps, duration_s=said.duration_s, seed=settings.seed)
        else:
            driving = self.motion_model.driving(said.sound, fps, seed=settings.seed)
        note = f"{self.note}{said.note}{self._source.video_note}"
        return Clip([self._part(driving, settings, cues=said.cues)], self._renderer, sound=said.sound,
                    duration_s=said.duration_s, note=note)  # fmt: skip

    def _speak_together(self, sound: Sound, tracks: Mapping[int, SoundLike], settings: Settings) -> Clip:
        """Every face moves: the largest speaks `sound`, face N speaks its track, the rest are silent."""
        voices = {1: sound, **{face: open_sound(track) for face, track in tracks.items()}}
        duration_s = max(voice.duration_s for voice in voices.values())
        count = self._source.count_faces()
        if missing := [face for face in voices if face > count]:
            raise FaceError(
                f"the picture shows {count} face(s): there is no face {missing[0]} to speak {voices[missing[0]].name}"
            )
        parts = []
        for face in range(1, count + 1):
            own = replace(settings, seed=settings.seed + face - 1)
            padded = PaddedSound(voices.get(face), duration_s)
            driving = self.motion_model.driving(padded, settings.fps or DEFAULT_FPS, seed=own.seed)
            parts.append(self._part(driving, own, face))
        heard = sound if len(voices) == 1 else MixedSound(list(voices.values()), duration_s)
        return self._clip(parts, heard, f"; {count} faces", duration_s)


def _look(settings: Settings) -> Look:
    return Look(settings.gains, settings.still, settings.framing, settings.emotion, marking=settings.marking)


def _rate(driving: str | Path | Motion, source: Path) -> Fraction:
    """The frame rate of a clip whose source is a video: its driver's, else the source's own."""
    from talkinghead.media.video import VideoReader

    if isinstance(driving, Motion):
        return driving.fps
    driving = Path(driving)
    if is_motion_file(driving):
        return load_motion(driving).fps
    with VideoReader(driving if is_video(driving) else source) as reader:
        return reader.fps
