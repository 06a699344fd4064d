"""The tab Edit: sliders, and what they make of the face while they move."""

from __future__ import annotations

from typing import Any

import gradio as gr

from talkinghead.app.desk import LOOKS, Desk, visitor_name
from talkinghead.app.picture_column import Picture, look_of
from talkinghead.core.emotions import EMOTIONS, NEUTRAL
from talkinghead.media.image_writing import write_image
from talkinghead.motion.blendshapes import BLENDSHAPE_NAMES
from talkinghead.motion.controls import range_of
from talkinghead.provenance.making import MadeFrom, Making

# More of a picture takes longer than a slider's next step.
PREVIEW_SIDE_PX = 512
# Group -> control -> what people read.
SLIDERS: dict[str, dict[str, str]] = {
    "Mouth": {"smile": "Smile (left: frown)", "jaw": "Open (left: pressed)", "pucker": "Pucker (left: stretched)"},
    "Eyes": {
        "blink": "Lids shut (left: wide)", "squint": "Squint (left: wide)", "brows": "Brows up (left: down)",
        "wink_left": "Wink, the person's left", "wink_right": "Wink, the person's right",
        "gaze_x": "Gaze to the person's left", "gaze_y": "Gaze up",
    },
    "Head": {
        "yaw": "Turn, degrees", "pitch": "Nod, degrees", "roll": "Lean, degrees", "x": "Shift to the right",
        "y": "Shift downwards", "zoom": "Size",
    },
}  # fmt: skip
_NONE = ""


def edit_tab(desk: Desk, picture: Picture, tab: Any) -> None:
    """Draw the tab."""
    sliders: dict[str, Any] = {}
    with gr.Row():
        with gr.Column(min_width=280, elem_classes="preview"):
            shown = gr.Image(label="Preview", interactive=False, type="filepath", height=340, buttons=["fullscreen"],
                             elem_id="preview")  # fmt: skip
            with gr.Row():
                reset = gr.Button("Reset", size="sm", min_width=90)
                save = gr.Button("Make the picture", size="sm", variant="primary", min_width=90, elem_id="edit-save")
            download = gr.DownloadButton("Download the picture", visible=False, elem_id="edit-download")
        with gr.Column(min_width=280):
            for number, (group, controls) in enumerate(SLIDERS.items()):
                with gr.Accordion(group, open=number == 0):
                    for name, label in controls.items():
                        sliders[name] = _slider(name, label)
            with gr.Accordion("More", open=False):
                emotion = gr.Dropdown([("none", NEUTRAL), *EMOTIONS], value=NEUTRAL, label="Emotion")
                strength = gr.Slider(0, 1, 1, step=0.05, label="Strength of the emotion")
                shape = gr.Dropdown([("none", _NONE), *BLENDSHAPE_NAMES], value=_NONE, label="ARKit blendshape")
                amount = gr.Slider(0, 1, 0.5, step=0.05, label="Weight of the blendshape")
    others = [emotion, strength, shape, amount]
    values = [*picture.inputs, *others, *sliders.values()]
    rest = {name: _rest(name) for name in sliders}
    drawing = _Drawing(desk, tuple(sliders))
    live: dict[str, Any] = {"show_progress": "hidden", "trigger_mode": "always_last", "api_visibility": "private",
                            "concurrency_id": LOOKS, "concurrency_limit": desk.jobs + 1}  # fmt: skip
    moved = [slider.input for slider in sliders.values()] + [each.input for each in others] + [tab.select]
    gr.on([*moved, picture.face.change], desk.told(drawing.preview), values, shown, **live)
    # A slider that is let go shows where it stands even where a picture of its way was late.
    save.click(desk.told(drawing.picture), values, [shown, download], api_name="edit", concurrency_id=LOOKS)

    def at_rest() -> list[Any]:
        return [NEUTRAL, 1.0, _NONE, 0.5, *rest.values()]

    back = reset.click(at_rest, None, [*others, *sliders.values()], queue=False, show_progress="hidden",
                       api_visibility="private")  # fmt: skip
    back.then(desk.told(drawing.preview), values, shown, **live)


class _Drawing:
    """What the sliders ask for."""

    def __init__(self, desk: Desk, names: tuple[str, ...]) -> None:
        self._desk, self._names = desk, names

    def preview(
        self, request: gr.Request, photo: str | None, face: float, framing: str, background: str, side: int,
        emotion: str, strength: float, shape: str, amount: float, *values: float,
    ) -> str | None:  # fmt: skip
        """A JPEG (PNG where nothing is behind) of at most `PREVIEW_SIDE_PX`, None where there is no picture yet."""
        if photo is None:
            return None
        who = visitor_name(request)
        look = look_of(face, framing, background, min(int(side), PREVIEW_SIDE_PX))
        avatar = self._desk.avatars.get(self._desk.picture(who, photo), look, one_picture=True)
        pixels = avatar.edit(self._controls(emotion, strength, shape, amount, values))
        suffix = "png" if pixels.shape[2] == 4 else "jpg"
        return str(write_image(self._desk.visits.result(who, "preview") / f"preview.{suffix}", pixels))

    def picture(
        self, request: gr.Request, photo: str | None, face: float, framing: str, background: str, side: int,
        emotion: str, strength: float, shape: str, amount: float, *values: float,
    ) -> list[Any]:  # fmt: skip
        """A picture with its face changed, as a PNG: (to show, the same to download)."""
        who = visitor_name(request)
        path = self._desk.picture(who, photo)
        avatar = self._desk.avatars.get(path, look_of(face, framing, background, side), one_picture=True)
        pixels = avatar.edit_rgba(self._controls(emotion, strength, shape, amount, values))
        made = self._desk.visits.result(who, "picture") / "edited.png"
        write_image(made, pixels, making=Making(avatar.settings.marking, (MadeFrom(path, "source"),), edits=True))
        return [str(made), gr.update(value=str(made), visible=True)]

    def _controls(
        self, emotion: str, strength: float, shape: str, amount: float, values: tuple[float, ...]
    ) -> dict[str, float]:
        """What differs from the face at rest, by name."""
        moved = {name: value for name, value in zip(self._names, values) if value != _rest(name)}
        if emotion != NEUTRAL:
            moved[emotion] = strength
        if shape != _NONE:
            moved[shape] = amount
        return moved


def _slider(name: str, label: str) -> Any:
    low, high = range_of(name)
    return gr.Slider(low, high, _rest(name), step=1 if high > 2 else 0.05, label=label, elem_id=f"edit-{name}")


def _rest(name: str) -> float:
    return 1.0 if name == "zoom" else 0.0
