"""The page: a picture, and tabs for what can be made of it."""

from __future__ import annotations

from typing import Any

import gradio as gr

from talkinghead.app.desk import Desk, visitor_name
from talkinghead.app.edit_tab import edit_tab
from talkinghead.app.faces_tab import faces_tab
from talkinghead.app.making_tabs import animate_tab, speak_tab
from talkinghead.app.motion_tab import motion_tab
from talkinghead.app.picture_column import picture_column

TITLE = "talkinghead"
# Seconds: how often Gradio looks for uploads that nobody has used, and how old they then are.
_LOOK_S, _OLD_S = 300, 7200
# Fonts of the reader's own machine: a page that loads nothing from elsewhere.
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
_CODE_FONTS = ("ui-monospace", "Consolas", "monospace")

CSS = """
.gradio-container { max-width: 1280px !important; width: 100% !important; margin: 0 auto !important; }
.tab-container button { padding: 0 12px; }
#head h1 { margin: 0; font-size: 1.4rem; }
#head p { margin: 0; color: var(--body-text-color-subdued); }
.examples { align-items: center; flex-wrap: wrap; gap: 8px; }
.examples > .label { flex: 0 0 auto; min-width: 0; width: auto; color: var(--body-text-color-subdued); }
.examples > button { flex: 0 1 auto; }
.note { color: var(--body-text-color-subdued); font-size: 0.85rem; overflow-wrap: anywhere; }
@media (max-width: 700px) {
  .gradio-container > main { padding: 8px !important; }
  .tab-container button { padding: 0 8px; }
  .preview { position: sticky; top: 0; z-index: 5; background: var(--body-background-fill); padding-bottom: 6px; }
  #faces { height: 320px !important; }
  .curves { overflow-x: auto; }
  .curves > .block { min-width: 600px !important; }
  .preview #preview { height: 240px !important; }
}
"""


def page(desk: Desk) -> Any:
    """The page's blocks."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(_LOOK_S, _OLD_S)) as blocks:
        gr.HTML(f"<h1>{TITLE}</h1><p>A picture that speaks. Everything is made on the machine that runs this page.</p>",
                elem_id="head", container=False)  # fmt: skip
        with gr.Row(equal_height=False):
            with gr.Column(scale=2, min_width=300):
                picture = picture_column(desk.base)
            with gr.Column(scale=5, min_width=300), gr.Tabs():
                with gr.Tab("Speak"):
                    speak_tab(desk, picture)
                with gr.Tab("Animate"):
                    animate_tab(desk, picture)
                with gr.Tab("Edit") as edit:
                    edit_tab(desk, picture, edit)
                with gr.Tab("Faces"):
                    faces_tab(desk, picture)
                with gr.Tab("Motion") as motion:
                    motion_tab(desk, motion)

        def leave(request: gr.Request) -> None:
            desk.visits.leave(visitor_name(request))

        blocks.unload(leave)
    return blocks


def theme() -> Any:
    """Plain, with nothing to load."""
    return gr.themes.Default(primary_hue="indigo", font=_FONTS, font_mono=_CODE_FONTS, radius_size="md")
