"""Several faces in one picture or video, each with a recording of its own, or silence."""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from talkinghead.avatar import Recording, frame_rate, is_video, load_predictor, open_canvas
from talkinghead.clip import Clip
from talkinghead.core.errors import FaceError
from talkinghead.core.settings import DEFAULT_FPS, Settings
from talkinghead.core.types import DrawnCrop, Floats, Image, Pixels
from talkinghead.motion.motion import Motion
from talkinghead.renderers.select import select

_MIX_RATE_HZ = 48000
_BLOCK_S = 1.0


class Padded:
    """A recording (or None: silence) brought to a length of `seconds`: iterate for blocks of mono float32."""

    def __init__(self, path: Path | None, rate_hz: int, seconds: float) -> None:
        self._path, self._rate_hz, self._samples = path, rate_hz, round(seconds * rate_hz)

    def __iter__(self) -> Iterator[Floats]:
        left = self._samples
        for block in Recording(self._path, self._rate_hz) if self._path else ():
            if left <= 0:
                return
            yield block[:left]
            left -= len(block[:left])
        length = round(_BLOCK_S * self._rate_hz)
        while left > 0:
            yield np.zeros(min(left, length), np.float32)
            left -= length


class CrowdClip(Clip):
    """Clips of several faces in one picture or video, drawn together."""

    def __init__(self, clips: Sequence[Clip], audio: Path, duration_s: float, note: str) -> None:
        first = clips[0]
        super().__init__(
            first._canvas,
            first._driver,
            first._renderer,
            first._settings,
            audio=audio,
            duration_s=duration_s,
            note=note,
        )
        self._clips = clips

    def pictures(self, watch: Callable[[Motion], None] | None = None) -> Iterator[tuple[DrawnCrop, Pixels]]:
        """Frames of the first face with the picture in which every face has been drawn."""
        first, *others = self._clips
        streams = [first.pictures(watch), *(clip.pictures() for clip in others)]
        for drawn in zip(*streams, strict=False):
            frame, pixels = drawn[0]
            yield frame, _together(frame.portrait.image.pixels, [pixels, *(p for _, p in drawn[1:])])


def _together(background: Pixels, pictures: Sequence[Pixels]) -> Pixels:
    """Every picture's changes to the one background; faces' crops may overlap, their changes rarely do."""
    total = background.astype(np.int16)
    for picture in pictures:
        total += picture.astype(np.int16) - background
    return np.clip(total, 0, 255).astype(np.uint8)


def speak_together(
    source: Path, audio: Path, tracks: Mapping[int, Path], settings: Settings, *, motion_model: str = "auto"
) -> Clip:
    """Every face in `source` moves: the largest speaks `audio`, face N speaks `tracks[N]`, the rest are silent.

    Raises:
        FaceError: a track names a face that is not there.
    """
    from talkinghead.drivers.speech import AudioMotionSource
    from talkinghead.media.audio import probe_audio

    voices = {1: audio, **tracks}
    duration_s = max(probe_audio(path).duration_s for path in voices.values())
    fps = frame_rate(source, settings)
    canvas_source, first = _opened(source)
    count = _count_faces(first)
    if missing := [face for face in voices if face > count]:
        raise FaceError(
            f"{source.name} shows {count} face(s): there is no face {missing[0]} to speak {voices[missing[0]]}"
        )
    predictor = load_predictor("embedded" if motion_model == "auto" else motion_model)
    renderer, note = select(settings)
    clips = []
    for face in range(1, count + 1):
        own = replace(settings, fps=fps, face=face, seed=settings.seed + face - 1)
        sound = Padded(voices.get(face), predictor.config.sample_rate_hz, duration_s)
        driver = AudioMotionSource(sound, predictor, fps or DEFAULT_FPS, seed=own.seed, duration_s=duration_s)
        clips.append(Clip(open_canvas(canvas_source, renderer, own), driver, renderer, own, duration_s=duration_s))
    sound_track = audio if len(voices) == 1 else mixed(list(voices.values()), duration_s)
    return CrowdClip(clips, sound_track, duration_s, f"{note}; {count} faces")


def _opened(source: Path) -> tuple[Path | Image, Image]:
    """What canvases are made from (a picture is read once for all its faces), and the picture whose faces count."""
    if is_video(source):
        from talkinghead.media.video import VideoReader

        with VideoReader(source) as reader:
            return source, Image(next(iter(reader)), name=source.name)
    from talkinghead.media.images import read_image

    image = read_image(source)
    return image, image


def _count_faces(image: Image) -> int:
    """How many faces the picture, or the video's first frame, shows."""
    from talkinghead.faces import find_faces

    count = len(find_faces(image))
    if count == 0:
        raise FaceError(f"no face was found in {image.name}: choose another picture, or say where it is with --box")
    return count


def mixed(recordings: Sequence[Path], seconds: float) -> Path:
    """The sum of several recordings as a temporary WAV file that lives as long as this process."""
    import soundfile

    with tempfile.NamedTemporaryFile(prefix="talkinghead-", suffix=".wav", delete=False) as file:
        path = Path(file.name)
    atexit.register(path.unlink, missing_ok=True)
    streams = [_even(Padded(recording, _MIX_RATE_HZ, seconds)) for recording in recordings]
    with soundfile.SoundFile(path, "w", _MIX_RATE_HZ, 1, "PCM_16") as out:
        for blocks in zip(*streams, strict=True):
            # Voices that speak at once may add up beyond full scale: bend rather than clip.
            out.write(np.tanh(np.sum(blocks, axis=0)) if len(blocks) > 1 else blocks[0])
    return path


def _even(blocks: Padded) -> Iterator[Floats]:
    """Blocks regrouped so that two streams' blocks have the same lengths."""
    length = round(_BLOCK_S * _MIX_RATE_HZ)
    waiting = np.zeros(0, np.float32)
    for block in blocks:
        waiting = np.concatenate([waiting, block])
        while len(waiting) >= length:
            yield waiting[:length]
            waiting = waiting[length:]
    if len(waiting):
        yield waiting
