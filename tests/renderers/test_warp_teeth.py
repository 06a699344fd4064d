"""Rows of teeth reach the corners that open, lower ones are no dashes, and a smile's shade is skin in the shade."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import pytest

from talkinghead.core.types import AnyFloats, Floats, Image, Pixels, Portrait
from talkinghead.faces import find_face, mesh
from talkinghead.motion.controls import controls_to_motion
from talkinghead.renderers.warp import WarpRenderer
from talkinghead.renderers.warp.lips import Lips
from talkinghead.renderers.warp.plan import Plan
from talkinghead.renderers.warp.teeth import LOWER, UPPER, Sheet, painted_teeth

LUMA = np.array([0.299, 0.587, 0.114], np.float32)
E = {"jawOpen": 0.2, "mouthStretchLeft": 0.6, "mouthStretchRight": 0.6, "mouthUpperUpLeft": 0.4,
     "mouthUpperUpRight": 0.4, "mouthLowerDownLeft": 0.4, "mouthLowerDownRight": 0.4}  # fmt: skip
SKIN = (226, 190, 168)


def drawn(portrait: Portrait, controls: Mapping[str, float], *, edit: bool = False) -> Pixels:
    """One frame, of speech or of an edit."""
    drawing = WarpRenderer().open(portrait, single=True, keep_mouth=edit)
    (frame,) = drawing.draw(controls_to_motion(controls))
    return frame.pixels


def luma_at(portrait: Portrait, pixels: Pixels, places: AnyFloats) -> Floats:
    """(n,) the brightness of a frame at `places` (n, 2) of the lips' frame, in D."""
    at = Plan(portrait).lips.axes.pixels(np.asarray(places, np.float32)).astype(np.float32)
    return (cv2.remap(pixels, at[None], None, cv2.INTER_LINEAR)[0].astype(np.float32) @ LUMA).astype(np.float32)


@pytest.fixture(scope="module")
def turned(portrait: Portrait) -> Portrait:
    """The neutral face, turned aside: one half of its mouth is the nearer."""
    pixels = drawn(portrait, {"yaw": 18.0})
    return WarpRenderer().crop(Image(pixels), find_face(Image(pixels)))


@pytest.mark.parametrize("side", [-1, 1], ids=["left", "right"])
def test_a_grin_s_teeth_go_on_to_the_corners_of_an_e(smiling: Portrait, side: int) -> None:
    """The picture shows the middle ones; where its lips were shut, beside them, there was a black wedge."""
    frame = drawn(smiling, E)
    beside = [(side * a, b) for a in (0.26, 0.29, 0.32) for b in (-0.01, 0.0)]
    middle = [(a, 0.02) for a in (-0.05, -0.02, 0.02, 0.05)]
    assert luma_at(smiling, frame, beside).mean() > 0.35 * luma_at(smiling, frame, middle).mean()


@pytest.mark.parametrize("side", [-1, 1], ids=["left", "right"])
def test_a_grin_that_opens_wide_has_teeth_at_its_sides(smiling: Portrait, side: int) -> None:
    slit, frame = Plan(smiling).lips, drawn(smiling, {"jawOpen": 0.5}, edit=True)
    columns = np.array([0.26, 0.28, 0.30, 0.32], np.float32) * side
    beside = np.column_stack([columns, slit.along(slit.upper, columns) + 0.05])
    middle = [(a, 0.02) for a in (-0.05, -0.02, 0.02, 0.05)]
    assert luma_at(smiling, frame, beside).mean() > 0.4 * luma_at(smiling, frame, middle).mean()


def test_a_turned_face_s_teeth_reach_as_far_as_its_nearer_half(turned: Portrait, portrait: Portrait) -> None:
    """An arch that is seen from aside: its nearer half is the wider, its middle teeth are alike."""

    def reach(of: Portrait, wider: float) -> list[float]:
        plan = Plan(of)
        slit = replace(plan.lips, a=np.where(plan.lips.a < 0, 1, wider).astype(np.float32) * plan.lips.a)
        canvas = plan.canvas
        sheet = Sheet(slit, canvas.a, canvas.b, canvas.rest, canvas.unit, canvas.softness)
        seen = np.flatnonzero(painted_teeth(sheet, plan.tones, UPPER).cover.max(0) > 0.5)
        return [float(-canvas.a[seen[0]] / slit.left), float(canvas.a[seen[-1]] / slit.right)]

    for of, wider in ((portrait, 1.0), (portrait, 1.4), (turned, 1.0)):
        assert min(reach(of, wider)) > 1.0


def test_a_narrow_mouth_s_teeth_reach_the_corners_of_a_wide_e(portrait: Portrait) -> None:
    """A small mouth has small teeth, but no arch as much smaller: spread, it would be black at its ends."""
    plan = Plan(portrait)
    narrow = replace(plan.lips, a=(plan.lips.a * 0.28 / plan.lips.right).astype(np.float32))
    canvas = plan.canvas
    sheet = Sheet(narrow, canvas.a, canvas.b, canvas.rest, canvas.unit, canvas.softness)
    seen = np.flatnonzero(painted_teeth(sheet, plan.tones, UPPER).cover.max(0) > 0.5)
    assert canvas.a[seen[-1]] > 0.28 + 0.10  # where "mouthStretch" at 0.7 and more draws its corner


def lower_lip_band(portrait: Portrait, out_by: float) -> Floats:
    """(n,) the brightness, along the lip, of what is just over a lower lip out of which the tips stand by `out_by`."""
    canvas = Plan(portrait).canvas
    lower = (canvas.rest + LOWER.edge + 0.1 + out_by).astype(np.float32)
    lips = Lips(canvas.rest - 0.03, lower, 0.1, 0.0, -canvas.slit.left, canvas.slit.right)
    colour, _, _ = canvas.paint(lips, 0.0)
    middle = np.flatnonzero(np.abs(canvas.a) < 0.15)
    rows = np.round((lower[middle] - 0.012 - canvas.b0) * canvas.unit).astype(int)
    return (colour[rows, middle].astype(np.float32) @ LUMA).astype(np.float32)


@pytest.mark.parametrize("which", ["smiling", "portrait"])
def test_tips_of_lower_teeth_that_just_look_out_are_no_dashes(which: str, request: pytest.FixtureRequest) -> None:
    """A lip that is drawn down shows the teeth behind it."""
    of: Portrait = request.getfixturevalue(which)
    hidden, dashes, shown = (lower_lip_band(of, out_by) for out_by in (-0.05, 0.018, 0.07))
    assert np.ptp(dashes) < 0.35 * (shown.mean() - hidden.mean()) + np.ptp(hidden)
    assert shown.mean() > 1.5 * hidden.mean()


def test_a_picture_s_open_mouth_has_its_lower_teeth_where_its_jaw_is(smiling: Portrait) -> None:
    """They were painted where a closed mouth has them: over the lip, a row of its own."""
    slit = Plan(smiling).lips
    frame = drawn(smiling, {"jawOpen": 0.5}, edit=True)
    lip = float(slit.lower[len(slit.a) // 2]) + 0.5 * 0.34
    places = [(a, b) for a in np.arange(-0.12, 0.13, 0.02) for b in (lip - 0.05, lip - 0.03)]
    assert luma_at(smiling, frame, places).max() < 0.5 * float(Plan(smiling).tones.teeth @ LUMA)


def shade_of(portrait: Portrait, colour: tuple[int, int, int], controls: Mapping[str, float]) -> Floats:
    """(h, w, 3) what a frame of a face all of one colour has of it, without its eyes and mouth."""
    even = np.empty_like(portrait.pixels)
    even[:] = colour
    frame = drawn(replace(portrait, pixels=even), controls, edit=True).astype(np.float32) / np.array(colour, np.float32)
    points = portrait.landmarks[:, :2]
    for around in (mesh.LEFT_LID_UPPER + mesh.LEFT_LID_LOWER, mesh.RIGHT_LID_UPPER + mesh.RIGHT_LID_LOWER,
                   mesh.OUTER_LIP_UPPER + mesh.OUTER_LIP_LOWER):  # fmt: skip
        margin = 0.14 * np.linalg.norm(points[mesh.LEFT_IRIS[0]] - points[mesh.RIGHT_IRIS[0]])
        low, high = points[list(around)].min(0) - margin, points[list(around)].max(0) + margin
        cv2.rectangle(frame, low.astype(int).tolist(), high.astype(int).tolist(), (1, 1, 1), -1)
    return np.asarray(frame, np.float32)


def test_a_smile_s_shade_is_warm_and_leaves_no_smudge(portrait: Portrait) -> None:
    """It lies beside nose and mouth, no darker than a tenth, and has more red than the skin."""
    frame = shade_of(portrait, SKIN, {"smile": 1.0})
    dark = frame[..., 1] < 0.95
    assert dark.sum() > 50
    assert frame[..., 1].min() > 0.87
    assert (frame[dark][:, 0] - frame[dark][:, 2]).mean() > 0.01
    under = Plan(portrait).lips.axes.coordinates(np.argwhere(dark)[:, ::-1].astype(np.float32))[:, 1]
    assert under.max() < 0.06  # beside the corners, not under them


def test_a_smile_s_light_is_not_cut_off_at_white(portrait: Portrait) -> None:
    """Cheeks that are nearly white in the picture had a hole burnt into them."""
    frame = shade_of(portrait, (250, 226, 200), {"smile": 1.0})
    assert frame[..., 1].max() < 1.02
    assert shade_of(portrait, (150, 120, 100), {"smile": 1.0})[..., 1].max() > 1.05


def test_shades_have_no_colour_in_a_picture_without(portrait: Portrait) -> None:
    """Neither a smile's, nor that on the teeth of a v."""
    grey = np.repeat(cv2.cvtColor(portrait.pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    bite = {"jawOpen": 0.1, "mouthRollLower": 0.6, "mouthUpperUpLeft": 0.6, "mouthUpperUpRight": 0.6}
    for controls in ({"smile": 1.0}, {"smile": 0.7, "jawOpen": 0.3}, bite):
        frame = drawn(replace(portrait, pixels=np.asarray(grey, np.uint8)), controls, edit=True).astype(int)
        assert np.ptp(frame, axis=-1).max() <= 2


def test_teeth_in_the_shade_are_warm(portrait: Portrait) -> None:
    """Those of a v are lit through lips: neutral, they would look grey on a face."""
    canvas = Plan(portrait).canvas
    lips = Lips(canvas.rest - 0.02, canvas.rest + 0.03, 0.0, 0.0, -canvas.slit.left, canvas.slit.right)
    colour, _, _ = canvas.paint(lips, 0.0)
    row, middle = round(float(canvas.rest.mean() - canvas.b0) * canvas.unit), np.abs(canvas.a) < 0.15
    red, _, blue = colour[row, middle].astype(np.float32).mean(0)
    teeth = canvas.tones.teeth
    assert red / blue > 1.18 * teeth[0] / teeth[2]
