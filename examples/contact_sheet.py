"""Draws the contact sheets and the animation that the README shows.

    python examples/contact_sheet.py            both portraits' sheets, and that of emotions, into examples/
    python examples/contact_sheet.py --demo     also examples/demo.gif, the admiral's first seconds

A sheet has the portrait's face at rest, in mouth shapes as speech makes them, and with eyes, brows and head moved. That
of emotions has each at three strengths, and at full strength with the lips of an m and of an a.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

import talkinghead
from talkinghead.canvas.still import open_still
from talkinghead.core.emotions import EMOTIONS, Emotion
from talkinghead.core.types import Floats, Pixels, Portrait
from talkinghead.media.image_writing import write_image
from talkinghead.media.images import read_image
from talkinghead.media.video import write_video
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, N_BLENDSHAPES
from talkinghead.motion.emotion import Emotions
from talkinghead.motion.motion import Motion
from talkinghead.renderers.warp import WarpRenderer

HERE = Path(__file__).parent
CELL_PX, EMOTION_PX = 240, 116
COLUMNS = 7
DEMO_S, DEMO_FPS, DEMO_PX = 5, Fraction(25, 2), 300


def both(name: str, weight: float) -> dict[str, float]:
    """A blendshape on both sides of the face."""
    return {f"{name}Left": weight, f"{name}Right": weight}


# Mouth shapes by viseme, then the rest of the face; rotation is pitch, yaw, roll in degrees.
SHAPES: dict[str, dict[str, float]] = {
    "rest": {},
    "m b p": both("mouthPress", 0.8),
    "a": {"jawOpen": 0.6, **both("mouthUpperUp", 0.25), **both("mouthLowerDown", 0.15)},
    "e": {"jawOpen": 0.2, **both("mouthStretch", 0.6), **both("mouthUpperUp", 0.4), **both("mouthLowerDown", 0.4)},
    "o": {"jawOpen": 0.44, "mouthPucker": 0.55},
    "u": {"jawOpen": 0.2, "mouthPucker": 0.85},
    "f v": {"jawOpen": 0.1, "mouthRollLower": 0.6, **both("mouthUpperUp", 0.6)},
    "blink": both("eyeBlink", 1.0),
    "smile": both("mouthSmile", 0.8),
    "brows up": {"browInnerUp": 1.0, **both("browOuterUp", 1.0)},
    "gaze": {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8},
    "yaw 10": {},
    "pitch 8": {},
    "roll 8": {},
}
ROTATIONS = {"yaw 10": (0, 10, 0), "pitch 8": (8, 0, 0), "roll 8": (0, 0, 8)}


# Lips by name, and how strong an emotion is with them.
EMOTION_ROWS = (("", 0.3), ("", 0.6), ("", 1.0), ("m b p", 1.0), ("a", 1.0))


def opened(picture: Path) -> Portrait:
    """The portrait in a picture."""
    return open_still(read_image(picture), WarpRenderer()).portrait


def weights_of(names: list[str]) -> Floats:
    """(n, 52): blendshapes of the mouth shapes named."""
    weights = np.zeros((len(names), N_BLENDSHAPES), np.float32)
    for row, shape in enumerate(names):
        for name, weight in SHAPES[shape].items():
            weights[row, BLENDSHAPE_INDEX[name]] = weight
    return weights


def emotions_sheet(pictures: list[Path]) -> Pixels:
    """Every emotion on every portrait, a column each: (h, w, 3) RGB uint8."""
    return np.hstack([np.vstack(column) for picture in pictures for column in emotion_columns(opened(picture))])


def emotion_columns(portrait: Portrait) -> Iterator[list[Pixels]]:
    """One portrait's cells, emotion by emotion."""
    drawing, fps = WarpRenderer().open(portrait), Fraction(25)
    for emotion in EMOTIONS:
        column = []
        for lips, strength in EMOTION_ROWS:
            speech = Motion.from_blendshapes(weights_of([lips or "rest"]), fps)
            felt = Emotions(fps, Emotion(emotion, strength), at_once=True).over(speech)
            (frame,) = drawing.draw(felt)
            name = f"{emotion} {strength:g}" + (f", {lips[0]}" if lips else "")
            column.append(labelled(frame.pixels, name, EMOTION_PX))
        yield column


def sheet(picture: Path) -> Pixels:
    """The sheet of one portrait: (h, w, 3) RGB uint8."""
    renderer, portrait = WarpRenderer(), opened(picture)
    weights = weights_of(list(SHAPES))
    rotation = np.array([ROTATIONS.get(name, (0, 0, 0)) for name in SHAPES], np.float32)
    motion = Motion.from_blendshapes(weights, Fraction(25), rotation=rotation)
    drawn = renderer.open(portrait).draw(motion)
    cells = [labelled(frame.pixels, name) for name, frame in zip(SHAPES, drawn, strict=True)]
    rows = [np.hstack(cells[i : i + COLUMNS]) for i in range(0, len(cells), COLUMNS)]
    return np.vstack(rows)


def labelled(pixels: Pixels, name: str, cell_px: int = CELL_PX) -> Pixels:
    """The face within a crop, with its name under it."""
    height, width = pixels.shape[:2]
    side = int(0.62 * min(height, width))
    top, left = int(0.5 * height) - side // 2, (width - side) // 2
    cell = cv2.resize(pixels[top : top + side, left : left + side], (cell_px, cell_px), interpolation=cv2.INTER_CUBIC)
    strip = np.full((26, cell_px, 3), 255, np.uint8)
    cv2.putText(
        strip, name, (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5 if cell_px == CELL_PX else 0.4, (0, 0, 0), 1, cv2.LINE_AA
    )
    return np.vstack([cell, strip])


def demo() -> None:
    """The admiral's first seconds as a small animation."""
    clip = talkinghead.speak(HERE / "grace_hopper.jpg", HERE / "speech.wav", renderer="warp", fps=DEMO_FPS, seed=4)

    def small() -> Iterator[Pixels]:
        for number, frame in enumerate(clip):
            if number >= DEMO_S * DEMO_FPS:
                return
            height = round(frame.shape[0] * DEMO_PX / frame.shape[1])
            face = cv2.resize(frame, (DEMO_PX, height), interpolation=cv2.INTER_AREA)
            yield face[: round(0.75 * height)]

    write_video(HERE / "demo.gif", small(), DEMO_FPS, None, force=True)


if __name__ == "__main__":
    for picture in ("grace_hopper.jpg", "astronaut.png"):
        target = HERE / f"{Path(picture).stem}_sheet.jpg"
        write_image(target, sheet(HERE / picture), force=True)
        print(target)
    target = HERE / "emotions_sheet.jpg"
    write_image(target, emotions_sheet([HERE / "grace_hopper.jpg", HERE / "astronaut.png"]), force=True)
    print(target)
    if "--demo" in sys.argv[1:]:
        demo()
        print(HERE / "demo.gif")
