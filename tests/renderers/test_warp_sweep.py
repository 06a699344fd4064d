"""Every control from end to end, on six portraits: no seam in the skin, no darkness that the picture does not have.

The portraits are the two examples and what is made of them: mirrored, leaning, small, dark, and one whose mouth was
opened by the renderer itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from talkinghead.canvas.still import open_still
from talkinghead.core.renderer_options import WarpOptions
from talkinghead.core.types import Floats, Image, Pixels, Portrait
from talkinghead.faces import mesh
from talkinghead.media.images import read_image
from talkinghead.motion.controls import CONTROLS, controls_to_motion
from talkinghead.renderers.warp import WarpRenderer
from talkinghead.renderers.warp.lips import Lips
from talkinghead.renderers.warp.plan import Plan

Controls = dict[str, float]
SIDE_PX = 384
NAMES = ("smiling", "mirrored and leaning", "small", "dark", "glasses", "opened")
# Grey levels between neighbouring pixels of the picture in which seams are looked for.
SLOPE = 4.0
# Neighbouring pixels of a frame come from places at most so many pixels apart, unless the skin is torn between them.
TORN_PX = 3.5
# A mouth is too dark where it is darker than this share of what is darkest about the mouth of the picture.
TOO_DARK = 0.75

MIXES: list[Controls] = [
    {"jaw": jaw, "blink": blink} for jaw, blink in product((-1.0, -0.3, 0.3, 0.7), (0.05, 0.5, 1.0))
]
ENDS: list[Controls] = [{name: value} for name in CONTROLS if name not in ("pitch", "yaw", "roll", "x", "y", "zoom")
        for value in ((-1.0, -0.5, 0.5, 1.0) if name not in ("wink_left", "wink_right") else (0.5, 1.0))]  # fmt: skip
FELT: list[Controls] = [
    {name: value} for name in ("happy", "sad", "angry", "surprised", "calm") for value in (0.5, 1.0)
]
# What changes a mouth that is open in the picture without opening it further.
MOUTHS: list[Controls] = [{"smile": value} for value in (-1.0, -0.6, -0.3, -0.05, 0.05, 0.3, 0.6, 1.0)] + [
    *FELT, {"mouthDimpleLeft": 1.0}, {"mouthStretchLeft": 0.5, "mouthStretchRight": 0.5}, {"mouthLeft": 0.5},
]  # fmt: skip


def pictures(examples: Path) -> Iterator[Pixels]:
    """The six, in the order of `NAMES`."""
    smiling = read_image(examples / "astronaut.png").pixels
    glasses = read_image(examples / "grace_hopper.jpg").pixels
    yield smiling
    height, width = smiling.shape[:2]
    lean = cv2.getRotationMatrix2D((width / 2, height / 3), 12, 1.0)
    yield cv2.warpAffine(np.ascontiguousarray(smiling[:, ::-1]), lean, (width, height), borderMode=cv2.BORDER_REPLICATE)
    yield cv2.resize(smiling, (300, 300), interpolation=cv2.INTER_AREA)
    yield (0.45 * smiling).astype(np.uint8)
    yield glasses
    opened = open_still(Image(glasses), warp())
    lips = controls_to_motion({"jaw": 0.22, "mouthUpperUpLeft": 0.6, "mouthUpperUpRight": 0.6})
    (frame,) = warp().open(opened.portrait, single=True, keep_mouth=True).draw(lips)
    yield opened.placed(frame)


@pytest.fixture(scope="module")
def portraits(examples: Path) -> dict[str, Portrait]:
    renderer = warp()
    return {name: open_still(Image(picture), renderer).portrait for name, picture in zip(NAMES, pictures(examples))}


def warp() -> WarpRenderer:
    return WarpRenderer(WarpOptions(crop_size_px=SIDE_PX))


def unit_px(portrait: Portrait) -> float:
    left, right = portrait.landmarks[[mesh.LEFT_IRIS[0], mesh.RIGHT_IRIS[0]], :2]
    return float(np.linalg.norm(left - right))


def wave(size_px: tuple[int, int]) -> Pixels:
    """(h, w, 3): a picture without any edge, whose red rises and falls to the right and whose green does downwards."""
    columns, rows = size_px

    def rising(count: int) -> Floats:
        waves: Floats = np.abs((SLOPE * np.arange(count, dtype=np.float32) + 60) % 400 - 200) + 28
        return waves

    picture = np.full((rows, columns, 3), 128, np.uint8)
    picture[..., 0], picture[..., 1] = rising(columns), rising(rows)[:, None]
    return picture


def drawn(portrait: Portrait, sweep: Sequence[Controls]) -> Iterator[Pixels]:
    """An edit for each of the controls."""
    renderer = warp()
    for controls in sweep:
        (frame,) = renderer.open(portrait, single=True, keep_mouth=True).draw(controls_to_motion(controls))
        yield frame.pixels


def torn_px(portrait: Portrait, sweep: Sequence[Controls]) -> list[float]:
    """For each edit: how far apart, in pixels of the picture, what neighbours lies in it, outside of mouth and eyes."""
    skin, found = skin_of(portrait), []
    for pixels in drawn(replace(portrait, pixels=wave(portrait.crop.size_px)), sweep):
        levels = pixels[..., :2].astype(np.float32)
        down = np.abs(np.diff(levels, axis=0)).max(-1) * (skin[1:] & skin[:-1])
        right = np.abs(np.diff(levels, axis=1)).max(-1) * (skin[:, 1:] & skin[:, :-1])
        found.append(float(max(down.max(), right.max())) / SLOPE)
    return found


def skin_of(portrait: Portrait) -> npt.NDArray[np.bool_]:
    """(h, w) where a face is skin whatever it does: not its eyes and brows, nor its mouth and what that can reach."""
    unit, points = unit_px(portrait), portrait.landmarks[:, :2]
    skin = np.ones(portrait.pixels.shape[:2], np.uint8)

    def leave_out(around: tuple[int, ...], beside: float, over: float, under: float) -> None:
        """A box around points, wider by these shares of the pupils' distance."""
        low = points[list(around)].min(0) - unit * np.array([beside, over])
        high = points[list(around)].max(0) + unit * np.array([beside, under])
        cv2.rectangle(skin, np.round(low).astype(int).tolist(), np.round(high).astype(int).tolist(), 0, -1)

    leave_out(mesh.LEFT_LID_UPPER + mesh.LEFT_LID_LOWER, 0.12, 0.42, 0.10)
    leave_out(mesh.RIGHT_LID_UPPER + mesh.RIGHT_LID_LOWER, 0.12, 0.42, 0.10)
    leave_out(mesh.OUTER_LIP_UPPER + mesh.OUTER_LIP_LOWER, 0.30, 0.12, 0.80)
    skin[round(float(points[mesh.CHIN, 1])) :] = 0  # a chin that comes down covers a neck
    return np.asarray(skin > 0)


def darkness(portrait: Portrait, sweep: Sequence[Controls]) -> list[float]:
    """For each edit: the darkest of its mouth over the darkest of the picture's; 1 where it is no darker."""
    unit, lips = unit_px(portrait), portrait.landmarks[list(mesh.OUTER_LIP_UPPER + mesh.OUTER_LIP_LOWER), :2]
    low, high = np.round(lips.min(0) - 0.12 * unit).astype(int), np.round(lips.max(0) + 0.12 * unit).astype(int)

    def darkest(pixels: Pixels) -> float:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[low[1] : high[1], low[0] : high[0]].astype(np.float32)
        # A line of a pixel or two is none yet: the darkest of small patches counts.
        return float(np.quantile(cv2.GaussianBlur(grey, (0, 0), 0.02 * unit), 0.002))

    own = darkest(portrait.pixels)
    return [darkest(pixels) / own for pixels in drawn(portrait, sweep)]


@pytest.mark.parametrize("name", NAMES)
def test_no_control_and_no_mix_of_jaw_and_blink_tears_the_skin(portraits: dict[str, Portrait], name: str) -> None:
    sweep = [*MIXES, *ENDS, *FELT]
    torn = [edit for edit, apart in zip(sweep, torn_px(portraits[name], sweep)) if apart > TORN_PX]
    assert torn == []


@pytest.mark.parametrize("name", NAMES)
def test_a_mouth_is_no_darker_than_the_picture_s_unless_it_opens(portraits: dict[str, Portrait], name: str) -> None:
    dark = [edit for edit, left in zip(MOUTHS, darkness(portraits[name], MOUTHS)) if left < TOO_DARK]
    assert dark == []


def test_a_smile_that_is_hardly_changed_shows_its_own_teeth(portraits: dict[str, Portrait]) -> None:
    """Nothing jumps as a control leaves zero: what the picture shows between its lips stays."""
    own = portraits["smiling"]
    (hardly,) = drawn(own, [{"smile": 0.02}])
    inner = np.round(own.landmarks[list(mesh.INNER_LIP_UPPER + mesh.INNER_LIP_LOWER[::-1]), :2]).astype(np.int32)
    mouth = cv2.fillPoly(np.zeros(own.pixels.shape[:2], np.uint8), [inner], 1) > 0
    apart = np.abs(hardly.astype(int) - own.pixels.astype(int)).max(-1)[mouth]
    assert apart.mean() < 6


@pytest.mark.parametrize("name", ["smiling", "opened", "glasses"])
def test_lips_that_meet_do_so_in_a_deeper_red(portraits: dict[str, Portrait], name: str) -> None:
    """A pressed mouth's line takes the lips' own colour: it would look dead in grey."""
    tones = Plan(portraits[name]).tones
    assert redness(tones.contact) > 1.2 * redness(tones.lip)
    assert float(tones.contact.max()) < 0.6 * float(tones.lip.max())


def redness(colour: Floats) -> float:
    return float((colour[0] - colour[2]) / colour[0])


def test_teeth_of_f_and_v_are_no_even_strip(portraits: dict[str, Portrait]) -> None:
    """Between lips that are hardly open light falls in the middle; in a wide mouth it reaches further."""
    canvas = Plan(portraits["glasses"]).canvas
    reach = {}
    for gap in (0.05, 0.20):
        lips = Lips(canvas.rest - 0.02, canvas.rest - 0.02 + gap, 0.0, 0.0, -canvas.slit.left, canvas.slit.right)
        colour, _, _ = canvas.paint(lips, 0.0)
        rows = np.round((canvas.rest - canvas.b0) * canvas.unit).astype(int)
        luma = colour[rows, np.arange(len(canvas.a))].astype(np.float32).mean(-1)
        u = np.abs(canvas.slit.u(canvas.a))
        reach[gap] = float(luma[(u > 0.5) & (u < 0.6)].mean() / luma[u < 0.15].mean())
    assert reach[0.05] < 0.65 < reach[0.20]
