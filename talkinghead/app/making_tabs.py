"""The tabs Speak and Animate: a video of the picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from talkinghead.app import making
from talkinghead.app.desk import MAKES, Desk, visitor_name
from talkinghead.app.making import Made, Manner
from talkinghead.app.picture_column import Picture, example_button, example_sound, look_of
from talkinghead.core.emotions import EMOTIONS, NEUTRAL
from talkinghead.core.settings import Gains
from talkinghead.tts.voices import list_engines

_PROGRESS = gr.Progress()
_STOPPED = "Stopped."


@dataclass(frozen=True)
class _Result:
    """Where a finished video is shown."""

    go: Any
    stop: Any
    video: Any
    download: Any
    note: Any

    @property
    def outputs(self) -> list[Any]:
        return [self.video, self.download, self.note]


def voice_choices() -> list[tuple[str, str]]:
    """(what people read, a voice's name) of every voice that is here, "" for the one that fits the text."""
    chosen = [("chosen by the text's language", "")]
    for engine in list_engines():
        kind = "" if engine.name == "espeak" else f", {engine.name}"
        chosen += [(f"{voice.label} ({voice.name}{kind})", voice.name) for voice in engine.voices if engine.is_ready]
    return chosen


def speak_tab(desk: Desk, picture: Picture) -> None:
    """A recording or a text, and what it becomes."""
    with gr.Row():
        with gr.Column(min_width=280):
            text = gr.Textbox(label="Text", lines=3, placeholder="What is it to say? [happy] Emotions may stand in it.",
                              elem_id="text")  # fmt: skip
            voice = gr.Dropdown(voice_choices(), value="", label="Voice and language", elem_id="voice")
            sound = gr.Audio(label="or a recording", type="filepath", sources=["upload", "microphone"],
                             buttons=[], elem_id="sound")  # fmt: skip
            if (recording := example_sound()) is not None:
                with gr.Row(elem_classes="examples"):
                    gr.HTML("Example", container=False, elem_classes="label")
                    example_button("A recording", recording, sound)
            manner = _manner()
        result = _result("Make it speak", "speak")

    def speak(
        photo: str | None, face: float, framing: str, background: str, side: int, recording: str | None, words: str,
        voice: str, emotion: str, strength: float, mouth: float, head: float, blink: float, expression: float,
        still: bool, request: gr.Request, progress: gr.Progress = _PROGRESS,
    ) -> list[Any]:  # fmt: skip
        """A video of a picture's face speaking a recording or a text: (video, the same to download, a note)."""
        heard = None if recording is None else Path(recording)
        how = Manner(emotion, strength, Gains(mouth, head, blink, expression), still)
        made = desk.make(request, progress, "speaking", photo, look_of(face, framing, background, side),
                         lambda avatar: making.speak(avatar, heard, words, voice, how), heard)  # fmt: skip
        return _shown(made)

    _run(desk, result, speak, [*picture.inputs, sound, text, voice, *manner], "speak")


def animate_tab(desk: Desk, picture: Picture) -> None:
    """A driving video or a motion file, and what it becomes."""
    with gr.Row():
        with gr.Column(min_width=280):
            driving = gr.Video(label="A video of a moving face", sources=["upload", "webcam"], elem_id="driving",
                               height=290, buttons=[], webcam_options=gr.WebcamOptions(mirror=False))  # fmt: skip
            file = gr.File(label="or a motion file", file_types=[".npz", ".pkl", ".csv"], height=140)
            silent = gr.Checkbox(False, label="Leave its sound out")
            manner = _manner()
        result = _result("Animate", "animate")

    def animate(
        photo: str | None, face: float, framing: str, background: str, side: int, video: str | None,
        motion: str | None, silent: bool, emotion: str, strength: float, mouth: float, head: float, blink: float,
        expression: float, still: bool, request: gr.Request, progress: gr.Progress = _PROGRESS,
    ) -> list[Any]:  # fmt: skip
        """A video of a picture's face moved by a video or a motion file: (video, the same to download, a note)."""
        chosen = video or motion
        moves = None if chosen is None else Path(chosen)
        how = Manner(emotion, strength, Gains(mouth, head, blink, expression), still)
        made = desk.make(request, progress, "animated", photo, look_of(face, framing, background, side),
                         lambda avatar: making.animate(avatar, moves, silent, how), moves)  # fmt: skip
        return _shown(made)

    _run(desk, result, animate, [*picture.inputs, driving, file, silent, *manner], "animate")


def _manner() -> list[Any]:
    """What a `Manner` is made of, in the order in which the functions take it."""
    emotion = gr.Radio([("none", NEUTRAL), *EMOTIONS], value=NEUTRAL, label="Emotion")
    with gr.Accordion("How it moves", open=False):
        strength = gr.Slider(0, 1, 1, step=0.05, label="Strength of the emotion")
        gains = [gr.Slider(0, 2, 1, step=0.05, label=label) for label in
                 ("Mouth", "Head", "Blinks", "Brows, gaze and cheeks")]  # fmt: skip
        still = gr.Checkbox(False, label="Keep the head still")
    return [emotion, strength, *gains, still]


def _result(label: str, name: str) -> _Result:
    with gr.Column(min_width=280, elem_classes="result"):
        with gr.Row():
            go = gr.Button(label, variant="primary", elem_id=f"{name}-go")
            stop = gr.Button("Stop", variant="stop", visible=False, elem_id=f"{name}-stop")
        video = gr.Video(label="The video", interactive=False, buttons=[], height=380, elem_id=f"{name}-video")
        download = gr.DownloadButton("Download the video", visible=False, elem_id=f"{name}-download")
        note = gr.Markdown(elem_classes="note", elem_id=f"{name}-note")
    return _Result(go, stop, video, download, note)


def _shown(made: Made | None) -> list[Any]:
    if made is None:
        return [gr.update(), gr.update(), _STOPPED]
    return [str(made.video), gr.update(value=str(made.video), visible=True), made.note]


def _run(desk: Desk, result: _Result, function: Callable[..., Any], inputs: list[Any], name: str) -> None:
    """What the buttons do: the work waits for its turn, and may be stopped while it does."""
    buttons = [result.go, result.stop]

    def begin(request: gr.Request) -> list[Any]:
        desk.visits.announce(visitor_name(request))
        return [gr.update(interactive=False), gr.update(visible=True)]

    def end() -> list[Any]:
        return [gr.update(interactive=True), gr.update(visible=False)]

    def stop(request: gr.Request) -> None:
        desk.visits.stop(visitor_name(request))

    quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    started = result.go.click(begin, None, buttons, **quick)
    done = started.then(desk.told(function), inputs, result.outputs, api_name=name, show_progress_on=[result.video],
                        concurrency_id=MAKES, concurrency_limit=desk.jobs)  # fmt: skip
    # `then` is not heard after an error.
    done.success(end, None, buttons, **quick)
    done.failure(end, None, buttons, **quick)
    result.stop.click(stop, None, None, **quick)
