"""Editing a picture: a few named controls, or any ARKit blendshape, become one frame of motion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from talkinghead.core.device import precision_for
from talkinghead.core.errors import InputError
from talkinghead.core.settings import Settings
from talkinghead.core.types import Pixels
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, N_BLENDSHAPES
from talkinghead.motion.motion import Motion

# Control -> the blendshapes of its positive and of its negative side, with their weights at 1 and -1.
_SHAPES: dict[str, tuple[dict[str, float], dict[str, float]]] = {
    "smile": (
        {"mouthSmileLeft": 1, "mouthSmileRight": 1, "cheekSquintLeft": 0.4, "cheekSquintRight": 0.4},
        {"mouthFrownLeft": 1, "mouthFrownRight": 1},
    ),
    "brows": (
        {"browInnerUp": 1, "browOuterUpLeft": 1, "browOuterUpRight": 1},
        {"browDownLeft": 1, "browDownRight": 1},
    ),
    "blink": ({"eyeBlinkLeft": 1, "eyeBlinkRight": 1}, {"eyeWideLeft": 1, "eyeWideRight": 1}),
    "wink_left": ({"eyeBlinkLeft": 1, "eyeSquintLeft": 0.3}, {}),
    "wink_right": ({"eyeBlinkRight": 1, "eyeSquintRight": 0.3}, {}),
    "squint": ({"eyeSquintLeft": 1, "eyeSquintRight": 1}, {"eyeWideLeft": 1, "eyeWideRight": 1}),
    "gaze_x": (
        {"eyeLookOutLeft": 1, "eyeLookInRight": 1},
        {"eyeLookInLeft": 1, "eyeLookOutRight": 1},
    ),
    "gaze_y": ({"eyeLookUpLeft": 1, "eyeLookUpRight": 1}, {"eyeLookDownLeft": 1, "eyeLookDownRight": 1}),
    "jaw": ({"jawOpen": 1}, {"mouthPressLeft": 1, "mouthPressRight": 1}),
    "pucker": ({"mouthPucker": 1}, {"mouthStretchLeft": 1, "mouthStretchRight": 1}),
}
_POSE = {"pitch": 0, "yaw": 1, "roll": 2}
_SHIFT = {"x": 0, "y": 1}
CONTROLS: tuple[str, ...] = (*_SHAPES, *_POSE, *_SHIFT, "zoom")
_RANGES = {**dict.fromkeys(_SHAPES, (-1.0, 1.0)), **dict.fromkeys(_POSE, (-30.0, 30.0)),
           **dict.fromkeys(_SHIFT, (-0.5, 0.5)), "zoom": (0.5, 2.0)}  # fmt: skip


class Sheet(NamedTuple):
    """One control at several values, drawn side by side for choosing."""

    control: str
    values: tuple[float, ...]


def to_motion(controls: Mapping[str, float]) -> Motion:
    """One frame of motion from controls (`CONTROLS`) and ARKit blendshapes by name.

    Controls run from -1 to 1, blendshapes from 0 to 1, pitch, yaw and roll are degrees, x and y shares of the face
    crop's half side, zoom a factor. Blendshapes that two controls share add up.

    Raises:
        InputError: a name is unknown or a value out of its range.
    """
    weights = np.zeros((1, N_BLENDSHAPES), np.float32)
    rotation, translation = np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32)
    scale = np.ones(1, np.float32)
    for name, value in controls.items():
        low, high = _range_of(name)
        if not low <= value <= high:
            raise InputError(f"{name} must lie between {low:g} and {high:g}, not {value:g}")
        if name in BLENDSHAPE_INDEX:
            weights[0, BLENDSHAPE_INDEX[name]] += value
        elif name in _POSE:
            rotation[0, _POSE[name]] = value
        elif name in _SHIFT:
            translation[0, _SHIFT[name]] = value
        elif name == "zoom":
            scale[0] = value
        else:
            for shape, share in _SHAPES[name][value < 0].items():
                weights[0, BLENDSHAPE_INDEX[shape]] += share * abs(value)
    motion = Motion.from_blendshapes(weights, Fraction(25), rotation=rotation, translation=translation, scale=scale)
    # An edit adds to the face as it is: LivePortrait takes its sliders' deltas, not a speaker's retargeted lips.
    return replace(motion, view="expression")


def _range_of(name: str) -> tuple[float, float]:
    if name in BLENDSHAPE_INDEX:
        return 0.0, 1.0
    if name not in _RANGES:
        raise InputError(f"there is no control {name!r}: use {', '.join(CONTROLS)}, or an ARKit blendshape's name")
    return _RANGES[name]


class Editor:
    """A picture with its face found, ready to be drawn with any controls."""

    def __init__(self, picture: str | Path, settings: Settings) -> None:
        from talkinghead.clip import open_still
        from talkinghead.media.images import read_image
        from talkinghead.renderers.select import select

        precision = precision_for(settings.precision, frames=1)
        self._settings = replace(settings, keep_mouth=True, precision=precision)
        self._renderer, self.note = select(self._settings)
        self._still = open_still(read_image(Path(picture)), self._renderer, settings)

    def draw(self, controls: Mapping[str, float]) -> Pixels:
        """The picture with `controls` applied: (H, W, 3) RGB uint8."""
        from talkinghead.faces.paste import paste_back

        frame = next(iter(self._renderer.render(self._still.portraits(), [to_motion(controls)])))
        if self._settings.framing != "picture":
            return frame.pixels
        return paste_back(frame.portrait.image.pixels, frame)

    def draw_sheet(self, controls: Mapping[str, float], sheets: Sequence[Sheet], cell_px: int = 320) -> Pixels:
        """Every value of one control (a row) or of two (a table), each cell labelled.

        Raises:
            InputError: there are more than two sheets.
        """
        if not 1 <= len(sheets) <= 2:
            raise InputError(f"a sheet varies one or two controls, not {len(sheets)}")
        columns = sheets[0]
        rows = sheets[1] if len(sheets) == 2 else Sheet("", (0.0,))
        table = []
        for y in rows.values:
            cells = []
            for x in columns.values:
                changed = {**controls, columns.control: x, **({rows.control: y} if rows.control else {})}
                label = f"{columns.control} {x:g}" + (f"  {rows.control} {y:g}" if rows.control else "")
                cells.append(_labelled(self.draw(changed), label, cell_px))
            table.append(np.concatenate(cells, axis=1))
        return np.concatenate(table, axis=0)


def _labelled(pixels: Pixels, label: str, height_px: int) -> Pixels:
    import cv2

    width_px = max(1, round(pixels.shape[1] * height_px / pixels.shape[0]))
    cell = cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA)
    strip = np.full((28, width_px, 3), 255, np.uint8)
    cv2.putText(strip, label, (6, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    return np.concatenate([strip, cell], axis=0)
