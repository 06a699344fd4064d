"""`talkinghead speak`: a picture and a recording in, a lip-synced video out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from talkinghead.cli.options import (
    ALL_FACES,
    drawing_options,
    liveportrait_options,
    logging_options,
    motion_options,
    output_options,
    settings_from,
)
from talkinghead.cli.progress import say
from talkinghead.cli.saving import save


def _tracks(texts: tuple[str, ...]) -> dict[int, Path]:
    """`N=FILE` words as a dict."""
    out = {}
    for text in texts:
        number, _, path = text.partition("=")
        if not number.strip().isdigit() or int(number) < 1 or not path:
            raise click.UsageError(f"{text!r} is not N=FILE, e.g. 2=other.wav")
        out[int(number)] = Path(path)
    return out


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("audio", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--motion-model", default="embedded", show_default=True, metavar="NAME",
              help="embedded, joyvasa, or the folder of an audio2motion checkpoint.")  # fmt: skip
@click.option("--track", "tracks", multiple=True, metavar="N=FILE",
              help="With --face all: face N speaks FILE; repeatable.")  # fmt: skip
@output_options
@drawing_options
@motion_options
@liveportrait_options
@logging_options
def command(
    source: Path,
    audio: Path,
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
    together = options["face"] == ALL_FACES
    if tracks and not together:
        raise click.UsageError("--track is for --face all")
    settings = settings_from({**options, "face": None} if together else options)
    out = output or f"{source.stem}--{'stdin' if str(audio) == '-' else audio.stem}.mp4"
    from talkinghead.media.video import check_target
    from talkinghead.speaking import speak

    check_target(out, force)

    if together:
        from talkinghead.crowd import speak_together

        clip = speak_together(source, audio, _tracks(tracks), settings, motion_model=motion_model)
    else:
        clip = speak(source, audio, settings, motion_model=motion_model)
    say(clip.note, quiet)
    save(clip, out, force=force, motion_to=save_motion, report=report, quiet=quiet, begin_s=begin)
