"""`talkinghead voices`: what speaks a text."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from talkinghead.cli.options import GroupedCommand, option, quiet_options


@click.command(cls=GroupedCommand)
@option("--json", "as_json", section="make", is_flag=True, help="Print JSON.")
@option("--language", section="make", metavar="CODE", help="Voices of this language alone (de, en, cmn).")
@quiet_options
def command(as_json: bool, language: str | None, quiet: bool) -> None:
    """List the engines that speak a text, ready or not, and their voices."""
    from talkinghead.core.errors import InputError
    from talkinghead.tts.voices import list_engines, of_language

    engines = list_engines()
    if language is not None:
        engines = of_language(engines, language)
        if not any(engine.voices for engine in engines):
            raise InputError(f"no voice of {language!r} is listed: `talkinghead voices` shows all languages")
    if as_json:
        click.echo(json.dumps([asdict(engine) for engine in engines], indent=2, ensure_ascii=False))
        return
    for engine in engines:
        click.echo(f"{engine.name:8} {'ready' if engine.is_ready else 'no':6} {engine.note}")
        for voice in engine.voices if not quiet else ():
            click.echo(f"         {voice.name:16} {voice.language:14} {voice.label}")
