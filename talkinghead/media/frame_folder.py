"""A folder of numbered pictures with the sound beside them."""

from __future__ import annotations

import os
import re
import shutil
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from talkinghead.core.errors import OutputError
from talkinghead.core.output import drop_part, part_of, swap
from talkinghead.core.places import is_folder, is_there
from talkinghead.core.types import Pixels
from talkinghead.media.audio import probe_audio, time_filter
from talkinghead.media.ffmpeg import FFmpeg, input_arguments
from talkinghead.provenance.containers import png_text

_SOUND = "audio.wav"
_FRAMES_WAITING = 4
# Signature and IHDR: text may follow.
_PNG_HEADER = 33
_OURS = re.compile(r"\d{6,}\.png")
_COPIED = {"pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"}


def _earlier(folder: Path) -> list[Path]:
    """The frames and the sound that an earlier run left in a folder."""
    if not is_folder(folder):
        return []
    return [path for path in folder.iterdir() if _OURS.fullmatch(path.name) or path.name == _SOUND]


def check_folder(folder: Path, force: bool) -> None:
    """Whether frames can be written into `folder`, which need not exist; its own parent must.

    Raises:
        OutputError: it cannot be written to, or holds frames already and `force` is not set.
    """
    if is_there(folder) and not is_folder(folder):
        raise OutputError(f"{folder} is a file: give the name of a folder, or a suffix such as .mp4")
    if _earlier(folder) and not force:
        raise OutputError(f"{folder} holds frames already: choose another folder or allow overwriting (--force)")
    parent = folder if is_folder(folder) else folder.absolute().parent
    if not is_folder(parent):
        raise OutputError(f"there is no folder {parent} to put {folder.name} into: create it first")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{folder} cannot be written (permission denied): choose another folder")


def write_frames(
    folder: Path, frames: Iterable[Pixels], audio: Path | None, duration_s: float | None, tags: Mapping[str, str]
) -> tuple[int, tuple[int, int], str | None]:
    """Write 000000.png, 000001.png, ... and audio.wav: (how many, (width, height), what became of the sound).

    All appear at once, at the end; frames of an earlier run go, anything else in the folder stays. Where there is
    something else, or somebody works in the folder, frames go in one by one once the old ones are gone: a folder never
    shows frames of two runs, whenever this process is killed.
    """
    folder = folder.resolve()
    part = part_of(folder if _may_go(folder) else folder / "frames", folder=True)
    try:
        count, size_px = _write_pictures(part, frames, tags)
        sound = None if audio is None else _write_sound(part / _SOUND, audio, duration_s)
        _put(part, folder)
    except OSError as error:
        raise OutputError(f"{folder} cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        drop_part(part)
    return count, size_px, sound


def _put(part: Path, folder: Path) -> None:
    """The finished frames of `part` take their place."""
    if not folder.exists():
        part.rename(folder)  # at once, whatever happens to this process
        return
    earlier = _earlier(folder)
    if part.parent == folder.parent and len(earlier) == len(list(folder.iterdir())):
        part.chmod(folder.stat().st_mode & 0o7777)
        if swap(part, folder):
            return
    for old in earlier:
        old.unlink(missing_ok=True)
    for name in sorted(path.name for path in part.iterdir()):
        (part / name).replace(folder / name)


def _may_go(folder: Path) -> bool:
    """Whether another folder may take this one's place: it is not there yet, or is not where this process works, nor
    where a disk begins, and lies in a folder that can be written to."""
    if not folder.is_dir():
        return True
    works_there = folder in (Path.cwd(), *Path.cwd().parents)
    return not works_there and not folder.is_mount() and os.access(folder.parent, os.W_OK | os.X_OK)


def _write_pictures(folder: Path, frames: Iterable[Pixels], tags: Mapping[str, str]) -> tuple[int, tuple[int, int]]:
    text = b"".join(png_text(name, value) for name, value in tags.items())
    count, size_px = 0, (0, 0)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="talkinghead-png") as pool:
        waiting: deque[Future[None]] = deque()
        for count, frame in enumerate(frames, start=1):
            size_px = frame.shape[1], frame.shape[0]
            waiting.append(pool.submit(_write_picture, folder / f"{count - 1:06d}.png", frame.copy(), text))
            if len(waiting) > _FRAMES_WAITING:
                waiting.popleft().result()
        for written in waiting:
            written.result()
    if count == 0:
        raise OutputError("there are no frames to write")
    return count, size_px


def _write_picture(path: Path, frame: Pixels, text: bytes) -> None:
    import cv2

    turned = cv2.COLOR_RGBA2BGRA if frame.shape[2] == 4 else cv2.COLOR_RGB2BGR
    done, data = cv2.imencode(".png", cv2.cvtColor(frame, turned))
    if not done:
        raise OutputError(f"{path.name} cannot be encoded as PNG")
    png = data.tobytes()
    path.write_bytes(png[:_PNG_HEADER] + text + png[_PNG_HEADER:])


def _write_sound(path: Path, audio: Path, duration_s: float | None) -> str:
    """The sound as WAV: the samples as they are where the source holds them so, else 16 bits."""
    info = probe_audio(audio)
    copied = info.codec in _COPIED and not info.has_gaps
    limit = [] if duration_s is None else ["-t", f"{duration_s:.6f}"]
    codec = ["-c:a", "copy"] if copied else ["-af", time_filter(info), "-c:a", "pcm_s16le"]
    arguments = ["-loglevel", "error", *limit, *input_arguments(audio), "-map", "0:a:0", *codec, "-f", "wav",
                 f"file:{path.absolute()}"]  # fmt: skip
    with FFmpeg(arguments) as ffmpeg:
        if not ffmpeg.finish():
            raise OutputError(f"the sound cannot be written: {ffmpeg.complaint}")
    return "copied" if copied else "wav"
