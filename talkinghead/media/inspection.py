"""What a file is, and what it says of its own making: whether it is synthetic, by which software, who signed it."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

from talkinghead.core.errors import DependencyError, InputError
from talkinghead.media.audio import probe_audio
from talkinghead.media.ffmpeg import check_file
from talkinghead.media.images import describe_picture
from talkinghead.media.kinds import kind_of
from talkinghead.media.probe import demuxer, describe, first_picture, frame_rate, scan, stream_lines, tags
from talkinghead.motion.files import is_motion_file, load_motion
from talkinghead.provenance.containers import Found, look
from talkinghead.provenance.making import media_type
from talkinghead.provenance.reading import Manifest, read_manifest
from talkinghead.provenance.signing import INSTALL
from talkinghead.provenance.xmp import SOFTWARE, is_synthetic, source_type_in, source_type_of_words, tool_in

_WHAT = "a picture, a video, a recording or a motion file"
_OURS = re.compile(rf"^Synthetic \w+: .* by {SOFTWARE}\.")


@dataclass(frozen=True)
class StreamInFile:
    """One stream: "video" or "sound", its codec, and how ffmpeg describes it."""

    kind: Literal["video", "sound"]
    codec: str
    description: str


@dataclass(frozen=True)
class Facts:
    """What a file is. `container`: PNG, MP4, Matroska, NPZ, ...; what a kind has not is None, or empty.

    `comment`: the file's own; `words`: all of its tags by their names in small letters, or a motion's facts.
    """

    kind: Literal["picture", "video", "sound", "motion"]
    container: str
    size_px: tuple[int, int] | None = None
    fps: Fraction | None = None
    frames: int | None = None
    duration_s: float | None = None
    streams: tuple[StreamInFile, ...] = ()
    comment: str = ""
    words: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inspection:
    """What `inspect_file` finds.

    - `facts`: what the file is; `size_bytes`;
    - `source_type`: IPTC's digital source type as the file states it, `stated_in` which of its places ("C2PA", "XMP",
      "tag", "comment"), the first of them deciding; None where it says nothing, which proves nothing;
    - `software`: what made it, as it says itself;
    - `manifest`: its C2PA manifest, None where there is none or it was not read; `has_manifest`: whether one is there;
    - `note`: what else people should know of that, "" if nothing.
    """

    path: Path
    size_bytes: int
    facts: Facts
    source_type: str | None
    stated_in: tuple[str, ...]
    software: str | None
    has_manifest: bool
    manifest: Manifest | None
    note: str

    @property
    def is_synthetic(self) -> bool | None:
        """True where the file says that it is, in part or whole; False where it says otherwise; None: not a word."""
        return None if self.source_type is None else is_synthetic(self.source_type)

    def record(self) -> dict[str, Any]:
        """All of it in JSON's types."""
        facts = asdict(self.facts)
        facts["fps"] = None if self.facts.fps is None else str(self.facts.fps)
        return {**asdict(self), "path": str(self.path), "facts": facts, "is_synthetic": self.is_synthetic}


def inspect_file(path: str | Path) -> Inspection:
    """What the file `path` is, and what it says of its making. Nothing is fetched from the network.

    Raises:
        InputError: there is no such file, or it is none of the kinds that are known.
    """
    path = check_file(Path(path), InputError, _WHAT)
    facts = _facts(path)
    found = Found() if facts.kind == "motion" else look(path)
    manifest, note = (None, "") if facts.kind == "motion" else _manifest(path, facts, found)
    stated = {
        "C2PA": manifest.source_types[-1] if manifest and manifest.source_types else None,
        "XMP": source_type_in(found.xmp),
        "tag": source_type_of_words(facts.words.get("digital_source_type", "")),
        "comment": source_type_of_words(facts.comment),
    }
    stated_in = tuple(place for place, said in stated.items() if said)
    ours = SOFTWARE if _OURS.match(facts.comment) else None
    software = (manifest.generator if manifest else "") or tool_in(found.xmp) or ours
    there = found.has_manifest or manifest is not None
    source_type = stated[stated_in[0]] if stated_in else None
    size_bytes = path.stat().st_size
    return Inspection(path, size_bytes, facts, source_type, stated_in, software, there, manifest, note)


def _facts(path: Path) -> Facts:
    if is_motion_file(path):
        from talkinghead.motion.plot import facts as facts_of

        motion = load_motion(path)
        return Facts("motion", path.suffix.upper().lstrip("."), None, motion.fps, len(motion),
                     float(len(motion) / motion.fps), words=facts_of(motion))  # fmt: skip
    kind = kind_of(path)
    if kind == "picture":
        container, size_px, comment = describe_picture(path)
        return Facts("picture", container, size_px, comment=comment)
    if kind is None:
        raise InputError(f"{path} is nothing that is known here: give {_WHAT}")
    said = describe(path)
    words = {name.lower(): value for name, value in tags(said).items()}
    video = [StreamInFile("video", codec, rest.strip(" ,")) for codec, rest in stream_lines(said, "Video")]
    sound = [StreamInFile("sound", codec, rest.strip(" ,")) for codec, rest in stream_lines(said, "Audio")]
    known = Facts(
        kind, _container(demuxer(said), words), streams=(*video, *sound), comment=words.get("comment", ""), words=words
    )
    return _timed_sound(path, known) if kind == "sound" else _timed_video(path, known)


def _container(reader: str, words: dict[str, str]) -> str:
    """A container's name, from that of the part of ffmpeg that reads it."""
    if reader.startswith("mov,"):
        return "MOV" if words.get("major_brand", "").startswith("qt") else "MP4"
    return {"matroska,webm": "Matroska"}.get(reader, reader.upper())


def _timed_sound(path: Path, known: Facts) -> Facts:
    return replace(known, duration_s=probe_audio(path).duration_s)


def _timed_video(path: Path, known: Facts) -> Facts:
    first, (packets, _) = first_picture(path), scan(path, "Video")
    if first is None or packets is None:
        raise InputError(f"{path} holds no frame that can be decoded: export it again")
    fps = frame_rate(packets, first.ticks)
    return replace(known, size_px=first.size_px, fps=fps, frames=round(packets.duration_s * fps),
                 duration_s=packets.duration_s)  # fmt: skip


def _manifest(path: Path, facts: Facts, found: Found) -> tuple[Manifest | None, str]:
    """(the manifest, a note); one that cannot be read is a note, too: the rest of the file is what it is."""
    if media_type(path) is None:
        return None, f"a file of this kind ({facts.container}) carries no C2PA manifest"
    try:
        manifest = read_manifest(path)
    except DependencyError:
        if found.has_manifest:
            return None, f"there is a C2PA manifest; to check it: {INSTALL}"
        return None, f"no C2PA manifest was seen; to be sure: {INSTALL}"
    except InputError as error:
        return None, str(error)
    if manifest is None and found.has_manifest:
        return None, "there is a C2PA manifest without anything in it that can be read"
    return manifest, "" if manifest else "no C2PA manifest: none was written, or a copy or conversion has stripped it"
