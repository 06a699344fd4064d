"""A folder of numbered pictures as a driver."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from talkinghead.core.errors import VideoError
from talkinghead.core.types import Face, Pixels
from talkinghead.drivers.driving import Driving
from talkinghead.drivers.video import tracked
from talkinghead.media.images import read_image
from talkinghead.media.sound import FileSound

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"})
_SOUND = "audio.wav"


class Folder:
    """The pictures in a folder, in the order of the numbers in their names.

    Raises:
        VideoError: the folder holds no pictures.
    """

    def __init__(self, path: str | Path) -> None:
        folder = Path(path)
        self.paths = sorted((p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES), key=_number)
        if not self.paths:
            raise VideoError(f"{folder} holds no pictures: a folder of frames has numbered .png or .jpg files")
        sound = folder / _SOUND
        self.audio = sound if sound.is_file() else None

    def __iter__(self) -> Iterator[Pixels]:
        for path in self.paths:
            yield read_image(path).pixels


def _number(path: Path) -> tuple[list[int], str]:
    """frame9.png before frame10.png."""
    return [int(digits) for digits in re.findall(r"\d+", path.stem)], path.name


def tracked_folder(
    path: str | Path, *, fps: Fraction, portrait: Face | None = None, face: int | None = None
) -> Driving[Pixels]:
    """The motion of a face in a folder of pictures at `fps`; the sound is audio.wav beside them, where it is there."""
    folder = Folder(path)
    sound = FileSound(folder.audio) if folder.audio else None
    return tracked(
        folder, fps, name=Path(path).name, frames=len(folder.paths), portrait=portrait, face=face, sound=sound
    )  # fmt: skip
