"""The tab Motion: the curves of the last video's motion, or of a motion file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from talkinghead.app import curves
from talkinghead.app.desk import LOOKS, Desk, visitor_name
from talkinghead.motion.plot import HEAD, PANELS

_NOTHING = "Make a video first, or give a motion file: its curves appear here."


def motion_tab(desk: Desk, tab: Any) -> None:
    """Draw the tab."""
    with gr.Row():
        file = gr.File(label="A motion file, instead of the last video's motion", file_types=[".npz", ".pkl", ".csv"],
                       height=140, elem_id="motion-file")  # fmt: skip
        with gr.Column(min_width=280):
            said = gr.Markdown(_NOTHING, elem_classes="note", elem_id="motion-note")
            download = gr.DownloadButton("Download the motion (.npz)", visible=False, size="sm")
    with gr.Column(elem_classes="curves"):
        plots = [_plot(panel) for panel in (*PANELS, HEAD)]

    def show(given: str | None, request: gr.Request) -> list[Any]:
        """The curves of a motion file, or of what was made last: (in words, the file, a table for each plot)."""
        who = visitor_name(request)
        path = desk.visits.motion(who) if given is None else Path(given)
        if path is None:
            return [_NOTHING, gr.update(visible=False), *(gr.update(visible=False) for _ in plots)]
        desk.visits.uses(who, path)
        tables, facts = curves.of_file(path)
        words = "\n".join(f"- **{name}**: {value}" for name, value in facts.items())
        shown = [gr.update(value=table, visible=True) for table in tables.values()]
        return [words, gr.update(value=str(path), visible=given is None), *shown]

    shows: dict[str, Any] = {"show_progress": "hidden", "concurrency_id": LOOKS, "concurrency_limit": desk.jobs + 1}
    outputs = [said, download, *plots]
    tab.select(desk.told(show), [file], outputs, api_visibility="private", **shows)
    file.change(desk.told(show), [file], outputs, api_name="motion", **shows)


def _plot(panel: str) -> Any:
    y_lim = None if panel == HEAD else [0, 1]
    return gr.LinePlot(x="seconds", y="value", color="channel", title=panel, x_title="seconds", y_title=" ",
                       color_title=" ", y_lim=y_lim, height=240, visible=False,
                       buttons=["fullscreen", "export"])  # fmt: skip
