"""`talkinghead faces`: which faces there are, numbered as `--face` counts them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talkinghead.cli.options import GroupedCommand, option, quiet_options
from talkinghead.cli.progress import say
from talkinghead.cli.stopping import stop_at_once
from talkinghead.core.output import check_not_input

if TYPE_CHECKING:
    from talkinghead.faces.listing import ListedFace


@click.command(cls=GroupedCommand)
@click.argument("source", type=click.Path(path_type=Path))
@option("--json", "as_json", section="make", is_flag=True, help="Print JSON with all 478 landmarks of each face.")
@option("-o", "--output", section="make", type=click.Path(path_type=Path, dir_okay=False), metavar="OUT",
        help="Also write the picture with boxes, numbers and meshes.")  # fmt: skip
@option("--force", section="make", is_flag=True, help="Overwrite OUT.")
@quiet_options
def command(source: Path, as_json: bool, output: Path | None, force: bool, quiet: bool) -> None:
    """List the faces in SOURCE, a picture or a video's first frame, numbered as --face counts them.

    \b
    talkinghead faces group.jpg                 number, box, confidence and pose: a line for each face
    talkinghead faces group.jpg --json          {"size": [w, h], "faces": [{"index": 1, "box": [x, y, w, h], ...}]}

    Pixels are the picture's own. Angles are degrees: pitch lowers the nose, yaw turns it to the picture's left, roll
    leans the crown to the right. Exits with code 1 where there is no face.
    """
    from talkinghead.media.image_writing import check_picture_target, write_image

    if output is not None:
        check_picture_target(output, force)
        check_not_input(output, source)
    with stop_at_once():
        from talkinghead.faces.listing import faces_record, labelled, list_faces
        from talkinghead.media.sources import first_picture, open_source

        image = first_picture(open_source(source))
        faces = list_faces(image)
    if as_json:
        click.echo(json.dumps(faces_record(image, faces), allow_nan=False))
    else:
        click.echo("\n".join(_table(faces)))
    if output is not None:
        write_image(output, labelled(image, faces), force=force)
        say(f"labelled: {output}", quiet)


def _table(faces: list[ListedFace]) -> list[str]:
    """A line for each face, under a heading."""
    lines = ["face   x, y, width, height       confidence   pitch    yaw   roll"]
    for listed in faces:
        x, y, width, height = listed.face.box
        box = f"{x:.0f},{y:.0f},{width:.0f},{height:.0f}"
        angles = "  ".join(
            f"{round(angle):5}" for angle in (listed.pose["pitch"], listed.pose["yaw"], listed.pose["roll"])
        )
        doubts = ["doubtful: it may be none, or no person's"] if listed.doubtful else []
        doubts += ["something covers the mouth"] if listed.mouth_covered else []
        lines.append(
            f"{listed.index:4}   {box:24}  {listed.face.confidence:10.2f}   {angles}   {'; '.join(doubts)}".rstrip()
        )
    return lines
