"""The same in one call: an avatar that is opened for one clip or one picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from talkinghead.core.settings import Box, Settings, SettingsKeywords
from talkinghead.core.types import Pixels
from talkinghead.motion.motion import Motion

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from talkinghead.avatar import Avatar
    from talkinghead.clip import Clip
    from talkinghead.media.images import PictureLike
    from talkinghead.media.sound import Sound, SoundLike
    from talkinghead.renderers.select import Selection
    from talkinghead.tts.engines import SpeechEngine
    from talkinghead.tts.opening import Voice


# What draws, what finds faces, what hears, and a look at the sound.
_LOADED_AT_ONCE = 4


def speak(
    source: PictureLike,
    audio: SoundLike | None = None,
    *,
    text: str | None = None,
    voice: str | Voice | SpeechEngine | None = None,
    tracks: Mapping[int, SoundLike] | None = None,
    motion_model: str = "auto",
    settings: Settings | None = None,
    **keywords: Unpack[SettingsKeywords],
) -> Clip:
    """A picture or video speaking a recording, or a text.

    Args:
        source: a picture or video with a face: a path, an array (H, W, 3 or 4), a Pillow picture.
        audio: a path of any audio or video file, "-" for standard input, or (samples, rate).
        text: spoken instead of `audio`, in its guessed language or the `voice` named ("de", "en-gb", "fr+f2").
        tracks: with `face="all"`: what other faces speak, by their numbers.
        motion_model: "embedded", "joyvasa", the folder of an audio2motion checkpoint, or "auto": JoyVASA for the neural
            renderer where its weights are there, else the embedded model.
        settings: a `Settings`, or its fields as keywords (renderer, fps, framing, face, seed, ...).

    Returns:
        A `Clip`: iterate for frames, or `save`.

    Raises:
        TalkingHeadError: an input cannot be used; the message says why and what to do.
    """
    from talkinghead.core.errors import InputError

    if (audio is None) == (text is None):
        raise InputError("give either audio or text")
    avatar, sound = _ready_to_speak(source, audio, motion_model, _settings(settings, keywords))
    return avatar.speak(sound, text=text, voice=voice, tracks=tracks)


def animate(
    source: PictureLike,
    driving: str | Path | Motion,
    *,
    audio: SoundLike | None = None,
    silent: bool = False,
    driving_face: int | None = None,
    driving_box: Box | None = None,
    single: bool = False,
    settings: Settings | None = None,
    **keywords: Unpack[SettingsKeywords],
) -> Clip:
    """A picture or video moved by a video, a picture, a motion file (.npz, .pkl, .csv), a folder of frames or a Motion.

    Args:
        source: a picture or video with a face: a path, an array (H, W, 3 or 4), a Pillow picture.
        driving: what moves it.
        audio: sound instead of the driver's own; `silent`: none at all.
        driving_face, driving_box: which face drives, or where it is.
        single: ask a driving picture for one frame rather than a short clip.
        settings: a `Settings`, or its fields as keywords (renderer, fps, framing, face, ...).

    Returns:
        A `Clip`: iterate for frames, or `save`.

    Raises:
        TalkingHeadError: an input cannot be used; the message says why and what to do.
    """
    chosen = _settings(settings, keywords)
    with _meanwhile() as pool:
        networks = pool.submit(_load_networks)
        opening = pool.submit(_open_renderer, chosen, _has_few_frames(driving, single))
        from talkinghead.avatar import Avatar

        avatar = Avatar(source, settings=chosen, drawn_by=opening.result)
        networks.result()
    return avatar.animate(driving, audio=audio, silent=silent, driving_face=driving_face, driving_box=driving_box,
                          single=single)  # fmt: skip


def edit(
    picture: PictureLike,
    controls: Mapping[str, float],
    *,
    settings: Settings | None = None,
    **keywords: Unpack[SettingsKeywords],
) -> Pixels:
    """A picture with its face changed.

    Args:
        picture: a picture with a face: a path, an array (H, W, 3 or 4), a Pillow picture.
        controls: values by name: `talkinghead.motion.controls.CONTROLS` (smile, brows, yaw, ...) and ARKit's
            blendshapes.
        settings: a `Settings`, or its fields as keywords (renderer, framing, face, ...).

    Returns:
        The picture, (height, width, 3) RGB uint8; `Avatar.edit_rgba` keeps transparency.

    Raises:
        TalkingHeadError: an input cannot be used; the message says why and what to do.
    """
    return editor(picture, _settings(settings, keywords)).edit(controls)


def editor(picture: PictureLike, settings: Settings) -> Avatar:
    """An avatar for edits: one picture at a time is drawn in full precision."""
    from talkinghead.avatar import Avatar
    from talkinghead.media.images import open_picture
    from talkinghead.media.kinds import is_animation

    if isinstance(picture, str | Path) and is_animation(Path(picture)):
        picture = open_picture(picture, settings.max_side)  # its first frame
    return Avatar(picture, settings=settings, few_frames=True)


def _settings(settings: Settings | None, keywords: SettingsKeywords) -> Settings:
    return replace(settings, **keywords) if settings else Settings(**keywords)  # type: ignore[arg-type]


def _ready_to_speak(
    source: PictureLike, audio: SoundLike | None, motion_model: str, settings: Settings
) -> tuple[Avatar, Sound | None]:
    """An avatar whose speech model is loaded while its face is looked for, and its sound, already looked at.

    What draws begins first: importing PyTorch for it, where it needs that, takes longer than all else.
    """
    with _meanwhile() as pool:
        opening = pool.submit(_open_renderer, settings)
        waiting = [pool.submit(_load_networks)]
        from talkinghead.avatar import Avatar
        from talkinghead.drivers.opening import SpeechModel
        from talkinghead.media.sound import open_sound
        from talkinghead.media.sources import open_source

        model = SpeechModel.chosen(motion_model, settings.renderer, settings.device, settings.checkpoints)
        waiting.append(pool.submit(model.load))
        picture = open_source(source, settings.max_side)
        sound = None if audio is None else open_sound(audio)
        if sound is not None:
            waiting.append(pool.submit(_look_at, sound))
        avatar = Avatar(picture, motion_model=motion_model, settings=settings, drawn_by=opening.result)
        for one in waiting:
            one.result()
    return avatar, sound


@contextmanager
def _meanwhile() -> Iterator[ThreadPoolExecutor]:
    """Threads for what takes long to load; where the block fails, they are left after what they are just doing.

    What is handed over begins at once: the networks compute while they load, and a program that looks at a sound is
    waited for.
    """
    with ThreadPoolExecutor(max_workers=_LOADED_AT_ONCE, thread_name_prefix="talkinghead-opening") as pool:
        try:
            yield pool
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _open_renderer(settings: Settings, few_frames: bool = False) -> Selection:
    from talkinghead.renderers.select import select

    return select(settings, few_frames)


def _load_networks() -> None:
    from talkinghead.models.face_mesh import network

    network.load()


def _look_at(sound: Sound) -> None:
    """Sounds remember how long they are."""
    _ = sound.duration_s


def _has_few_frames(driving: str | Path | Motion, single: bool) -> bool:
    """Whether a clip has so few frames that a lower precision would gain no time."""
    from talkinghead.core.device import FEW_FRAMES
    from talkinghead.motion.files import is_motion_file, load_motion

    if isinstance(driving, Motion):
        return len(driving) <= FEW_FRAMES
    if not single and is_motion_file(Path(driving)):
        return len(load_motion(driving)) <= FEW_FRAMES
    return single
