"""The tab Faces: who is in the picture, and whose face the other tabs are about."""

from __future__ import annotations

from typing import Any

import gradio as gr

from talkinghead.app import making
from talkinghead.app.desk import LOOKS, Desk, visitor_name
from talkinghead.app.picture_column import Picture
from talkinghead.faces.listing import ListedFace
from talkinghead.media.image_writing import write_image

_CLICK = "Click a face: the other tabs are then about it."


def faces_tab(desk: Desk, picture: Picture) -> None:
    """Draw the tab; a new picture's faces are looked for at once."""
    shown = gr.Image(label="Faces", interactive=False, type="filepath", height=460, buttons=["fullscreen"],
                     elem_id="faces")  # fmt: skip
    said = gr.Markdown("Choose a picture: its faces appear here.", elem_id="faces-note")
    boxes = gr.State([])

    def look(photo: str | None, request: gr.Request) -> list[Any]:
        """The faces of a picture: (it with boxes and numbers, what they are, the boxes in its pixels, 1)."""
        if photo is None:
            return [None, "Choose a picture: its faces appear here.", [], 1]
        who = visitor_name(request)
        pixels, found, where = making.faces(desk.picture(who, photo))
        drawn = desk.visits.result(who, "faces") / "faces.jpg"
        write_image(drawn, pixels)
        if len(found) > 1:
            gr.Info(f"{len(found)} faces: the largest is chosen, another in the tab Faces", duration=6)
        return [str(drawn), _said(found, 1), where, 1]

    def choose(where: list[tuple[float, float, float, float]], event: gr.SelectData) -> list[Any]:
        if not where:
            return [gr.update(), gr.update()]
        number = making.face_at(where, float(event.index[0]), float(event.index[1]))
        return [number, f"Face {number} of {len(where)} is chosen. {_CLICK}"]

    picture.image.change(desk.told(look), [picture.image], [shown, said, boxes, picture.face], api_name="faces",
                         show_progress="hidden", concurrency_id=LOOKS, concurrency_limit=desk.jobs + 1)  # fmt: skip
    shown.select(choose, [boxes], [picture.face, said], queue=False, show_progress="hidden", api_visibility="private")


def _said(found: list[ListedFace], chosen: int) -> str:
    """The faces in words."""
    if len(found) == 1:
        return f"One face{_doubts(found[0])}."
    rows = [f"- **{each.index}**{_doubts(each)}" for each in found if _doubts(each)]
    return "\n".join([f"{len(found)} faces; face {chosen} is chosen. {_CLICK}", "", *rows])


def _doubts(listed: ListedFace) -> str:
    doubts = ["it may be none, or no person's"] if listed.doubtful else []
    doubts += ["something covers the mouth"] if listed.mouth_covered else []
    return f": {'; '.join(doubts)}" if doubts else ""
