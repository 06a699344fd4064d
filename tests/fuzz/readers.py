"""How each reader of the project is called, with a file that a stranger might bring."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from tests.fuzz import seeds

Read = Callable[[Path], object]


@dataclass(frozen=True)
class Reader:
    """One reader: `read` gets a file named with `suffix`; `seeds` are sound files for it, `tokens` what texts of this
    kind are spoilt with.

    - `odd`: files that are well formed and say what nobody would;
    - `group`: readers that are tried together; `cost`: about how many of a cheap reader's cases one of its takes.
    """

    name: str
    group: str
    read: Read
    seeds: Callable[[], tuple[bytes, ...]]
    suffix: str = ""
    tokens: tuple[str, ...] = ()
    cost: int = 1
    needs: tuple[str, ...] = ()
    odd: Callable[[], st.SearchStrategy[bytes]] | None = None


def _text(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def read_picture(path: Path) -> None:
    from talkinghead.media.images import picture_size, read_image
    from talkinghead.media.kinds import is_animation

    is_animation(path)
    picture_size(path)
    read_image(path, 64)


def read_marks(path: Path) -> None:
    from talkinghead.provenance.containers import look
    from talkinghead.provenance.xmp import is_synthetic, source_type_in, source_type_of_words, tool_in

    xmp = look(path).xmp
    tool_in(xmp)
    source_type_of_words(xmp)
    is_synthetic(source_type_in(xmp) or "")


def read_sound(path: Path) -> None:
    from talkinghead.media.audio import read_audio_blocks

    for _ in itertools.islice(read_audio_blocks(path, 16000), 20):
        pass


def read_pipe(path: Path) -> None:
    from talkinghead.media.stdin import keep_stream

    with path.open("rb") as stream:
        keep_stream(stream, "the pipe").close()


def read_wav_stream(path: Path) -> None:
    from talkinghead.tts.wav import WavStream

    for raw in (None, 24000):
        stream = WavStream("the voice", raw)
        with path.open("rb") as file:
            while piece := file.read(37):
                stream.push(piece)
        stream.finish()


def read_video(path: Path) -> None:
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.media.audio import read_audio_blocks
    from talkinghead.media.kinds import read_as
    from talkinghead.media.video import VideoReader

    kind = read_as(path)
    try:
        for _ in itertools.islice(read_audio_blocks(path, 16000), 20):
            pass
    except TalkingHeadError:
        if kind == "sound":
            raise
    with VideoReader(path) as video:
        for _ in itertools.islice(video, 20):
            pass


def read_motion(path: Path) -> None:
    from fractions import Fraction

    from talkinghead.motion.files import is_motion_file, load_motion

    is_motion_file(path)
    motion = load_motion(path)
    if len(motion) / motion.fps < 60:
        motion.resampled(Fraction(25))


def read_units(path: Path) -> None:
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.core.safe_pickle import load_pickle
    from talkinghead.models.joyvasa.weights import read_units

    try:
        read_units(path)
    except TalkingHeadError:
        load_pickle(path)


def read_weights(path: Path) -> None:
    from talkinghead.checkpoints.verify import is_whole
    from talkinghead.core.safe_pickle import load_weights

    is_whole(path)
    load_weights(path, settings=True)


def read_checkpoint(name: str) -> Read:
    def read(path: Path) -> None:
        from audio2motion import Predictor

        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            for known, data in seeds.tiny_checkpoint().items():
                Path(folder, known).write_bytes(path.read_bytes() if known == name else data)
            if name != "model.onnx":
                Path(folder, "model.onnx").unlink()
            Predictor.load(folder)

    return read


def read_lock(path: Path) -> None:
    from talkinghead.checkpoints.verify import read_lock

    lock = path.with_name("talkinghead.lock.json")
    path.rename(lock)
    try:
        read_lock(path.parent)
    finally:
        lock.rename(path)


def read_manifest(path: Path) -> None:
    from talkinghead.batch.jobs import _read
    from talkinghead.batch.manifest import read_manifest

    for job in read_manifest(path, path.parent / "out"):
        _ = job.key, os.path.exists(job.source), os.path.exists(job.output)  # noqa: PTH110
        _read(job)


def read_journal(path: Path) -> None:
    from talkinghead.batch.journal import Journal

    Journal(path)


def read_spoken(path: Path) -> None:
    from talkinghead.tts.language import guess_language
    from talkinghead.tts.sentences import sentences
    from talkinghead.tts.tags import split_tags

    text = _text(path)
    guess_language(text)
    sentences(text)
    split_tags(text)


def read_options(path: Path) -> None:
    from talkinghead.core.emotions import parse_emotion
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.core.settings import OPTIONS, settings_of

    text = _text(path)
    name, _, value = text.partition("=")
    for known, option in OPTIONS.items():
        if name and not known.startswith(name[:1]):
            continue
        try:
            settings_of({known: option.value_of(value)})
        except TalkingHeadError:
            continue
    parse_emotion(text)


def read_messages(path: Path) -> None:
    from talkinghead.core.errors import TalkingHeadError
    from talkinghead.server.protocol import emotion_of, read_message, read_start, text_of

    text = _text(path)
    try:
        read_start(text)
    except TalkingHeadError:
        message = read_message(text)
        for name in ("text", "voice", "language"):
            said = text_of(message, name, 20_000)
            _ = said and said.encode()
        emotion_of(message)
