"""`talkinghead speak`: a picture or a video speaks a recording or a text."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import click

from talkinghead.cli.loading import loading_networks
from talkinghead.cli.options import (
    FACE,
    GAINS,
    MARKS,
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


def _text_in(path: Path) -> str:
    """What a text file says, or standard input ("-") to its end."""
    from talkinghead.core.errors import InputError
    from talkinghead.core.text import read_text

    if str(path) == "-" and (sys.stdin is None or sys.stdin.isatty()):
        raise InputError("standard input is a terminal: pipe a text into it, or name a file")
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
        return read_text(data)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): give a text file") from None
    except UnicodeDecodeError:
        name = "what comes on standard input" if str(path) == "-" else path
        raise InputError(f"{name} is not a text in UTF-8: save it as one") from None


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


@click.command(cls=GroupedCommand)
@click.argument("source", type=GivenFile())
@click.argument("audio", type=GivenFile(allow_dash=True), required=False)
@option("--text", section="voice",
        help='Speak this text instead of AUDIO: "[happy] Hello. [sad=0.5] ..."; - reads standard input.')  # fmt: skip
@option("--text-file", section="voice", type=GivenFile(allow_dash=True), metavar="FILE",
        help="Speak the text in this file (UTF-8).")  # fmt: skip
@option("--tts", section="voice", type=click.Choice(("auto", "espeak", "hibari", "piper", "openai")), default="auto",
        help="What speaks --text: by default hibari for English where it is installed, else espeak-ng.")  # fmt: skip
@option("--voice", section="voice", metavar="NAME",
        help="Of --text: a language of espeak-ng (de, en-gb, fr+f2), a voice of hibari, a Piper voice's .onnx file, a "
             "server's voice; `talkinghead voices` lists them.")  # fmt: skip
@option("--language", section="voice", metavar="CODE", help="Of --text (de, en, cmn)  [default: guessed]")
@option("--tts-command", section="voice", metavar="COMMAND",
        help="Another program for --text, e.g. 'piper --output_file {out}', that reads it on stdin.")  # fmt: skip
@option("--tts-url", section="voice", metavar="URL",
        help="A server for --text that speaks as OpenAI's does, such as http://127.0.0.1:8880/v1; OPENAI_API_KEY is "
             "its key.")  # fmt: skip
@option("--tts-model", section="voice", metavar="NAME", help="The server's model  [default: tts-1]")  # fmt: skip
@option("--motion-model", section="motion", default="auto", metavar="NAME",
        help="auto, embedded, joyvasa, or the folder of an audio2motion checkpoint  [default: auto]")  # fmt: skip
@option("--track", "tracks", section="voice", multiple=True, metavar="N=FILE",
        help="With --face all: face N speaks FILE; repeatable.")  # fmt: skip
@output_options
@from_table((*RENDERER, "fps", *PICTURE, *FACE, "seed", *GAINS, *RENDERERS_OWN, *MARKS))
@logging_options
def command(
    source: Path,
    audio: Path | None,
    text: str | None,
    text_file: Path | None,
    tts: str,
    voice: str | None,
    language: str | None,
    tts_command: str | None,
    tts_url: str | None,
    tts_model: str | None,
    motion_model: str,
    tracks: tuple[str, ...],
    output: str | None,
    force: bool,
    save_motion: Path | None,
    report: Path | None,
    nvenc: bool,
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
    elif text == "-":
        text = _text_in(Path("-"))
    if text is None and (voice or language or tts_command or tts_url or tts_model or tts != "auto"):
        raise click.UsageError("--tts, --voice, --language and --tts-... are for --text")
    if text is not None:
        _check_tags(text)
    if text is not None and together:
        raise click.UsageError("--text is for one face: --face all takes recordings")
    settings = settings_from(options)
    said = "text" if text is not None else "stdin" if str(audio) == "-" else audio.stem if audio else ""
    out = output or f"{source.stem}--{said}.{'webm' if settings.is_transparent else 'mp4'}"
    with stop_at_once(), loading_networks():
        check_targets(out, save_motion, report, force, made_from=(source, audio), nvenc=nvenc,
                      transparent=settings.is_transparent, marking=settings.marking)  # fmt: skip
        from talkinghead.calls import speak
        from talkinghead.tts.opening import Voice

        spoken_by = None if text is None else Voice(voice, tts, language, tts_command, tts_url, tts_model)
        clip = speak(source, audio, text=text, voice=spoken_by, tracks=_tracks(tracks), motion_model=motion_model,
                     settings=settings)  # fmt: skip
        check_motion_files(clip, save_motion, force)
    say(clip.note, quiet)
    save(clip, out, force=force, motion_to=save_motion, report=report, quiet=quiet, verbose=verbose, begin_s=begin,
         nvenc=nvenc)  # fmt: skip
