"""`talkinghead speak`: a picture or a video speaks a recording or a text."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talkinghead.cli.loading import loading_networks
from talkinghead.cli.options import (
    FACE,
    GAINS,
    PICTURE,
    RENDERER,
    RENDERERS_OWN,
    GivenFile,
    GroupedCommand,
    from_table,
    logging_options,
    option,
    output_options,
    settings_from,
)
from talkinghead.cli.progress import say
from talkinghead.cli.saving import check_motion_files, check_targets, save
from talkinghead.cli.stopping import stop_at_once

if TYPE_CHECKING:
    from talkinghead.tts.engines import SpeechEngine


def _text_in(path: Path) -> str:
    """What a text file says."""
    from talkinghead.core.errors import InputError

    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a text file") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text in UTF-8: save it as one") from None


def _tracks(texts: tuple[str, ...]) -> dict[int, Path]:
    """`N=FILE` words as a dict."""
    out = {}
    for text in texts:
        number, _, path = text.partition("=")
        if not number.strip().isdigit() or int(number) < 1 or not path:
            raise click.UsageError(f"{text!r} is not N=FILE, e.g. 2=other.wav")
        out[int(number)] = Path(path)
    return out


def _check_tags(text: str) -> None:
    """What is misspelt is told before anything is opened."""
    from talkinghead.tts.tags import split_tags

    split_tags(text)


def _engine(voice: str | None, tts_command: str | None) -> SpeechEngine:
    from talkinghead.tts.engines import open_engine

    return open_engine(voice, tts_command)


@click.command(cls=GroupedCommand)
@click.argument("source", type=GivenFile())
@click.argument("audio", type=GivenFile(allow_dash=True), required=False)
@option("--text", section="voice", help='Speak this text instead of AUDIO: "[happy] Hello. [sad=0.5] ..."')
@option("--text-file", section="voice", type=GivenFile(), metavar="FILE", help="Speak the text in this file (UTF-8).")
@option("--voice", section="voice", metavar="NAME",
        help="Of --text: a language of espeak-ng (de, en-gb, fr+f2)  [default: en-us]")  # fmt: skip
@option("--tts-command", section="voice", metavar="COMMAND",
        help="Another program for --text, e.g. 'piper --output_file {out}', that reads it on stdin.")  # fmt: skip
@option("--motion-model", section="motion", default="auto", metavar="NAME",
        help="auto, embedded, joyvasa, or the folder of an audio2motion checkpoint  [default: auto]")  # fmt: skip
@option("--track", "tracks", section="voice", multiple=True, metavar="N=FILE",
        help="With --face all: face N speaks FILE; repeatable.")  # fmt: skip
@output_options
@from_table((*RENDERER, "fps", *PICTURE, *FACE, "seed", *GAINS, *RENDERERS_OWN))
@logging_options
def command(
    source: Path,
    audio: Path | None,
    text: str | None,
    text_file: Path | None,
    voice: str | None,
    tts_command: str | None,
    motion_model: str,
    tracks: tuple[str, ...],
    output: str | None,
    force: bool,
    save_motion: Path | None,
    report: Path | None,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Make SOURCE, a picture or a video, speak AUDIO, any audio or video file (or - for a WAV stream on stdin).

    Writes SOURCE--AUDIO.mp4 into the current folder, with the original sound.
    """
    begin = time.monotonic()
    together = options["face"] == "all"
    if tracks and not together:
        raise click.UsageError("--track is for --face all")
    if sum(given is not None for given in (audio, text, text_file)) != 1:
        raise click.UsageError("give either AUDIO or --text")
    if text_file is not None:
        text = _text_in(text_file)
    if text is None and (voice or tts_command):
        raise click.UsageError("--voice and --tts-command are for --text")
    if text is not None:
        _check_tags(text)
    if text is not None and together:
        raise click.UsageError("--text is for one face: --face all takes recordings")
    settings = settings_from(options)
    said = "text" if text is not None else "stdin" if str(audio) == "-" else audio.stem if audio else ""
    out = output or f"{source.stem}--{said}.mp4"
    with stop_at_once(), loading_networks():
        check_targets(out, save_motion, report, force, made_from=(source, audio))
        from talkinghead.calls import speak

        engine = None if text is None else _engine(voice, tts_command)
        clip = speak(source, audio, text=text, voice=engine, tracks=_tracks(tracks), motion_model=motion_model,
                     settings=settings)  # fmt: skip
        check_motion_files(clip, save_motion, force)
    say(clip.note, quiet)
    save(clip, out, force=force, motion_to=save_motion, report=report, quiet=quiet, verbose=verbose, begin_s=begin)
