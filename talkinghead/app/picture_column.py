"""The picture that all tabs share: an upload, a photograph or an example, which of its faces, how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from talkinghead.app.making import Look
from talkinghead.core.background import parse_background
from talkinghead.core.settings import Settings

_EXAMPLES = Path(__file__).parents[2] / "examples"
_PICTURES = {"Astronaut": "astronaut.png", "Admiral": "grace_hopper.jpg"}
_SOUND = "speech.wav"
_SIDES = (256, 384, 512, 768, 1024, 1536, 2048)
_AS_IT_IS = ("as it is", "")
_BACKGROUNDS = ("transparent", "blur", "white", "black", "lightgrey", "green", "steelblue")


@dataclass(frozen=True)
class Picture:
    """The components; `inputs` in the order that `look_of` takes after the picture."""

    image: Any
    face: Any
    framing: Any
    background: Any
    side: Any

    @property
    def inputs(self) -> list[Any]:
        """The picture and what `look_of` reads."""
        return [self.image, self.face, self.framing, self.background, self.side]


def look_of(face: float | None, framing: str, background: str, side: int) -> Look:
    """What the components ask for.

    Raises:
        InputError: the background is none; the name of a file is none either, for files are this machine's.
    """
    behind = (background or "").strip() or None
    if behind is not None:
        parse_background(behind, files=False)
    return Look(int(face or 1), framing, behind, int(side))  # type: ignore[arg-type]


def picture_column(base: Settings) -> Picture:
    """Draw the column."""
    image = gr.Image(label="Picture", type="filepath", image_mode=None, sources=["upload", "webcam", "clipboard"],
                     height=300, buttons=["fullscreen"], elem_id="picture",
                     placeholder="A portrait: drop it here, or click",
                     webcam_options=gr.WebcamOptions(mirror=False))  # fmt: skip
    # Gradio would decode it first, with an error of its own for what it cannot read (HEIC, damaged files). A class of
    # our own would make it write a stub file beside this one.
    image.preprocess = _path_of
    _examples(image)
    with gr.Accordion("Of this picture", open=False):
        face = gr.Number(1, label="Face", precision=0, minimum=1, step=1, elem_id="face",
                         info="1 is the largest; the tab Faces shows them.")  # fmt: skip
        framing = gr.Radio([("the whole picture", "picture"), ("the face alone", "crop")], value="picture",
                           label="Show")  # fmt: skip
        side = gr.Dropdown(_SIDES, value=base.max_side if base.max_side in _SIDES else 512, label="Size",
                           info="Pixels of the longer side, at most; smaller is quicker.")  # fmt: skip
        background = gr.Dropdown([_AS_IT_IS, *_BACKGROUNDS], value="", label="Background", allow_custom_value=True,
                                 elem_id="background",
                                 info="Behind the person: a colour's name, #rrggbb, blur, or nothing, which makes "
                                      "WebM instead of MP4.")  # fmt: skip
    return Picture(image, face, framing, background, side)


def _path_of(payload: Any) -> str | None:
    """Where an upload lies: what it holds, our reader says."""
    return None if payload is None or payload.path is None else str(payload.path)


def example_sound() -> Path | None:
    """Our recording, where the examples lie on disk: a wheel does not bring them."""
    path = _EXAMPLES / _SOUND
    return path if path.is_file() else None


def example_button(label: str, path: Path, target: Any) -> None:
    """A button that puts a file into a component."""
    button = gr.Button(label, size="sm", min_width=90)
    button.click(lambda: str(path), None, target, show_progress="hidden", queue=False, api_visibility="private")


def _examples(image: Any) -> None:
    found = {label: _EXAMPLES / name for label, name in _PICTURES.items() if (_EXAMPLES / name).is_file()}
    if not found:
        return
    with gr.Row(elem_classes="examples"):
        gr.HTML("Examples", container=False, elem_classes="label")
        for label, path in found.items():
            example_button(label, path, image)
