"""`talkinghead serve`: faces over HTTP and WebSocket."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from talkinghead.cli.options import (
    SIGNING,
    GroupedCommand,
    Text,
    from_table,
    marked,
    option,
    quiet_options,
    settings_from,
    together,
)
from talkinghead.cli.progress import say
from talkinghead.server.limits import Limits

_HELP = {
    "upload_mb": "Megabytes of one request.",
    "picture_mp": "Megapixels of a picture.",
    "sound_s": "Seconds of a recording.",
    "text_chars": "Characters of a text.",
    "avatars": "Avatars that are kept.",
    "avatar_s": "Seconds that an avatar is kept after its last use.",
    "sessions": "Streams at a time; 0: as many as this machine is measured to draw in time.",
    "queue": "Jobs that wait.",
    "workers": "Jobs that run at a time.",
    "result_s": "Seconds that a finished job and its video are kept.",
    "waiting_s": "Seconds of sound that a stream may hold.",
    "patience_s": "Seconds that a client may keep the server waiting.",
}
_limits = together(*(
    option(f"--{item.name.replace('_', '-')}", item.name, section="make", default=item.default, metavar="N",
           type=click.IntRange(min=0 if item.name == "sessions" else 1), show_default=True, help=_HELP[item.name])
    for item in fields(Limits)
))  # fmt: skip


@click.command(cls=GroupedCommand)
@option("--host", section="make", default="127.0.0.1", show_default=True, metavar="ADDRESS",
        help="Where to listen; another than this machine's own needs a key in TALKINGHEAD_API_KEY.")  # fmt: skip
@option("--port", section="make", type=click.IntRange(0, 65535), default=8000, show_default=True, metavar="N",
        help="0 takes any that is free.")  # fmt: skip
@option("--state", section="make", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
        help="Where jobs lie, so that they survive a restart  [default: talkinghead's own among yours]")  # fmt: skip
@_limits
@option("--max-side", "max_side", section="make", type=Text(int, "px"), default=512, show_default=True, metavar="PX",
        help="A larger picture's longer side is scaled down to this where a request does not say.")  # fmt: skip
@option("--no-label", section="marks", is_flag=True, help="Draw no visible mark into the upper left corner.")
@from_table(("renderer", "checkpoints", "device", "precision", "label-text", *SIGNING))
@quiet_options
def command(host: str, port: int, state: Path | None, no_label: bool, quiet: bool, **options: Any) -> None:
    """Answer people, with a page, and programs: avatars, streams that speak while they are told, videos, edits, faces.

    \b
    talkinghead serve                        http://127.0.0.1:8000 is the page, /docs the documents
    curl -F picture=@face.png http://127.0.0.1:8000/v1/avatars
    """
    from talkinghead.provenance.making import Making
    from talkinghead.server.running import serve

    limits = Limits(**{item.name: options.pop(item.name) for item in fields(Limits)})
    settings = settings_from(marked(options, no_label))
    Making(settings.marking).check(".mp4", "a video")
    serve(host, port, limits, settings, state, lambda line: say(line, quiet))
