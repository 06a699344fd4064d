"""What drives, opened: a recording by a speech model, or a video, a picture, a motion file, a folder of frames."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkinghead.core.errors import CheckpointError, InputError
from talkinghead.core.places import is_folder, is_there
from talkinghead.core.settings import DEFAULT_FPS, Box
from talkinghead.core.types import Face, Floats
from talkinghead.drivers.driving import Driving, known
from talkinghead.drivers.speech import EMBEDDED, SoundDriver, SpeechDriver, load_predictor
from talkinghead.media.growing import GrowingSound
from talkinghead.media.kinds import read_as
from talkinghead.media.sound import FileSound, Sound
from talkinghead.motion.files import is_motion_file, load_motion
from talkinghead.motion.motion import Motion

if TYPE_CHECKING:
    from talkinghead.models.liveportrait.engine import Engine

JOYVASA = "joyvasa"


@dataclass(frozen=True, slots=True)
class SpeechModel:
    """What turns speech into motion: `name` is "embedded", "joyvasa" or a checkpoint's folder, `device` where it runs.

    `checkpoints` is the folder of downloaded weights.
    """

    name: str
    device: str = "auto"
    checkpoints: Path | None = None

    @classmethod
    def chosen(cls, name: str, renderer: str, device: str, checkpoints: Path | None) -> SpeechModel:
        """What "auto" means: JoyVASA for LivePortrait where its weights are there, else the embedded model."""
        if name != "auto":
            return cls(name, device, checkpoints)
        if renderer == "liveportrait":
            from talkinghead.checkpoints import resolve

            try:
                resolve("joyvasa", checkpoints)
            except CheckpointError:
                pass
            else:
                return cls(JOYVASA, device, checkpoints)
        return cls(EMBEDDED, device, checkpoints)

    def load(self) -> None:
        """Load it, so that the first driver need not wait.

        Raises:
            CheckpointError: it is missing, damaged, or of another kind.
            DeviceError: the device does not exist here.
        """
        self.driver(DEFAULT_FPS)

    def driver(self, fps: Fraction, *, seed: int = 0, low_latency: bool = False) -> SoundDriver:
        """A new driver for one stream of sound.

        Raises:
            InputError: low latency was asked of a model that needs seconds of sound at a time.
        """
        if self.name != JOYVASA:
            return SpeechDriver(load_predictor(self.name, self.device), fps, seed=seed, low_latency=low_latency)
        if low_latency:
            raise InputError("JoyVASA hears four seconds at a time: low latency needs the embedded speech model")
        from talkinghead.drivers.joyvasa import JoyVasaDriver, load_joyvasa

        return JoyVasaDriver(load_joyvasa(self.checkpoints, self.device), fps, seed)

    def driving(self, sound: Sound, fps: Fraction, *, seed: int = 0, low_latency: bool = False) -> Driving[Floats]:
        """The motion of a whole recording."""

        def start() -> tuple[SoundDriver, Any]:
            driver = self.driver(fps, seed=seed, low_latency=low_latency)
            return driver, sound.blocks(driver.rate_hz)

        growing = isinstance(sound, GrowingSound) and not sound.has_ended
        frames = None if growing else max(1, round(sound.duration_s * Fraction(fps)))
        return Driving(start, fps, frames=frames, sound=sound)


def open_driving(
    driving: str | Path | Motion,
    *,
    fps: Fraction | None = None,
    portrait: Face | None = None,
    face: int | None = None,
    box: Box | None = None,
    still: bool = False,
    extractor: object | None = None,
) -> Driving[Any]:
    """What `driving` is, its content says: a motion file, a folder of frames, a video, or else a picture.

    `fps` None keeps the driver's own rate; `portrait` is the face to be driven; `face` the driver's own; `still` asks a
    picture for one frame rather than a short clip. With a renderer's own `extractor`, videos and pictures are
    read by that.

    Raises:
        InputError: it cannot be read as what it is.
    """
    if isinstance(driving, Motion):
        return known(driving if fps is None else driving.resampled(fps))
    path = Path(driving)
    opened = _opened(path, fps, portrait, face, box, still, extractor)
    opened.file = path
    return opened


def _opened(
    path: Path, fps: Fraction | None, portrait: Face | None, face: int | None, box: Box | None, still: bool,
    extractor: object | None,
) -> Driving[Any]:  # fmt: skip
    if not is_there(path):
        raise InputError(f"there is nothing called {path}: DRIVING is a video, a picture, a motion file or a folder")
    if is_motion_file(path):
        motion = load_motion(path)
        return known(motion if fps is None else motion.resampled(fps))
    if is_folder(path):
        from talkinghead.drivers.frames import tracked_folder

        return tracked_folder(path, fps=fps or DEFAULT_FPS, portrait=portrait, face=face)
    kind = read_as(path)
    if kind == "sound":
        raise InputError(f"{path} is a recording: `talkinghead speak SOURCE {path.name}` makes a portrait speak it")
    if kind == "video":
        return _video(path, fps, portrait, face, _engine(extractor))
    return _picture(path, fps or DEFAULT_FPS, face, box, still, _engine(extractor))


def _engine(extractor: object | None) -> Engine | None:
    if extractor is None:
        return None
    from talkinghead.models.liveportrait.engine import Engine

    return extractor if isinstance(extractor, Engine) else None


def _video(
    path: Path, fps: Fraction | None, portrait: Face | None, face: int | None, engine: Engine | None
) -> Driving[Any]:
    if engine is None:
        from talkinghead.drivers.video import tracked_video

        return tracked_video(path, fps=fps, portrait=portrait, face=face)
    from talkinghead.drivers.liveportrait import extracted
    from talkinghead.media.video import VideoReader

    reader = VideoReader(path, fps)
    sound = FileSound(path) if reader.has_audio else None
    return extracted(reader, reader.fps, engine, name=path.name, frames=reader.frames, face=face, sound=sound)


def _picture(
    path: Path, fps: Fraction, face: int | None, box: Box | None, still: bool, engine: Engine | None
) -> Driving[Any]:
    from talkinghead.media.images import read_image

    image = read_image(path)
    if engine is not None:
        from talkinghead.drivers.liveportrait import extracted_picture

        return known(extracted_picture(image, engine, fps=fps, clip=not still, face=face, box=box), single=still)
    from talkinghead.drivers.picture import picture_motion

    return known(picture_motion(image, fps=fps, clip=not still, face=face, box=box), single=still)
