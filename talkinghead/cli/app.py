"""`talkinghead app`: a page in the browser."""

from __future__ import annotations

from typing import Any

import click

from talkinghead.cli.options import GroupedCommand, Text, from_table, option, quiet_options, settings_from
from talkinghead.cli.progress import say


@click.command(cls=GroupedCommand)
@option("--host", section="make", default="127.0.0.1", show_default=True, metavar="ADDRESS",
        help="Where to listen; another than this machine's own needs a key in TALKINGHEAD_API_KEY, the password of the "
             "user talkinghead.")  # fmt: skip
@option("--port", section="make", type=click.IntRange(0, 65535), default=7860, show_default=True, metavar="N",
        help="0 takes any that is free.")  # fmt: skip
@option("--jobs", section="make", type=click.IntRange(min=1), default=1, show_default=True, metavar="N",
        help="Videos that are made at a time; others wait.")  # fmt: skip
@option("--upload-mb", "upload_mb", section="make", type=click.IntRange(min=1), default=512, show_default=True,
        metavar="N", help="Megabytes of one file.")  # fmt: skip
@option("--max-side", "max_side", section="make", type=Text(int, "px"), default=512, show_default=True, metavar="PX",
        help="What the page's size begins at: pixels of a picture's longer side.")  # fmt: skip
@from_table(("renderer", "checkpoints", "device", "precision"))
@quiet_options
def command(host: str, port: int, jobs: int, upload_mb: int, quiet: bool, **options: Any) -> None:
    """Show a page in the browser: speak, animate, edit, faces and motion, without writing a command.

    \b
    talkinghead app                          then open http://127.0.0.1:7860

    Nothing that is given to the page leaves this machine, and what was uploaded and made goes when the page is closed.
    """
    from talkinghead.app.running import run

    run(host, port, jobs, upload_mb, settings_from(options), lambda address: say(f"open {address}", quiet))
