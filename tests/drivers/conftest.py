"""A driving clip whose every frame is known: a portrait drawn with given blendshapes and pose."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from talkinghead.core.types import Floats, Image, Pixels
from talkinghead.faces import find_face
from talkinghead.faces.paste import paste_back
from talkinghead.media.images import read_image
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from talkinghead.motion.motion import Motion
from talkinghead.renderers.warp import WarpRenderer

FPS = Fraction(25)
# The driver begins in mid-word; its face is neutral here, and here a blink is at its deepest.
NEUTRAL, BLINKS = range(44, 58), (20, 62)


@dataclass
class KnownClip:
    """`frames` of the face in `picture`, drawn with `motion`."""

    picture: Image
    motion: Motion
    frames: list[Pixels]


def known_motion() -> Motion:
    """72 frames: talking, a smile, two blinks, a nod and a turn, and a neutral stretch that is not the first."""
    t = np.arange(72)
    weights = np.zeros((72, 52), np.float32)

    def add(name: str, values: Floats) -> None:
        weights[:, BLENDSHAPE_INDEX[name]] += values.astype(np.float32)

    talking = t < 40
    add("jawOpen", np.where(talking, 0.35 + 0.35 * np.cos(2 * np.pi * t / 11), 0))
    smile = np.clip((t - 60) / 5, 0, 1)
    for side in ("Left", "Right"):
        add(f"mouthSmile{side}", 0.8 * smile)
        add(f"eyeBlink{side}", np.max([np.clip(1.6 - 0.5 * abs(t - b), 0, 1) for b in BLINKS], axis=0))
    rotation = np.zeros((72, 3), np.float32)
    rotation[:, 1] = 7 * np.sin(2 * np.pi * np.clip(t, 0, 40) / 40)
    rotation[:, 0] = 4 * np.sin(2 * np.pi * np.clip(t, 0, 40) / 20)
    return Motion.from_blendshapes(weights, FPS, rotation=rotation)


@pytest.fixture(scope="session")
def picture(examples: Path) -> Image:
    """A portrait, 384 pixels high."""
    pixels = read_image(examples / "astronaut.png").pixels
    scale = 384 / pixels.shape[0]
    return Image(cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), name="astronaut")


@pytest.fixture(scope="session")
def known_clip(picture: Image) -> KnownClip:
    """The portrait, drawn with `known_motion`."""
    renderer, motion = WarpRenderer(), known_motion()
    drawn = renderer.open(renderer.crop(picture, find_face(picture))).draw(motion)
    return KnownClip(picture, motion, [paste_back(picture.pixels, crop) for crop in drawn])
