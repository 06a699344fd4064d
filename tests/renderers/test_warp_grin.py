"""A portrait that grins with its teeth: it closes, rounds its lips and frowns as a mouth at rest would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from talkinghead.core.types import Image, Pixels, Portrait
from talkinghead.faces import find_face, mesh
from talkinghead.motion.controls import controls_to_motion
from talkinghead.motion.proportions import UPPER_LIP_SHARE
from talkinghead.renderers.warp import WarpRenderer
from talkinghead.renderers.warp.grin import closed_line, fall, grin, let_go, teeth_fall, upper_lip_share
from talkinghead.renderers.warp.lips import Lips
from talkinghead.renderers.warp.own_mouth import OwnMouth
from talkinghead.renderers.warp.plan import Memory, Plan
from talkinghead.renderers.warp.seen_teeth import seen_teeth
from talkinghead.renderers.warp.teeth import Sheet

Controls = Mapping[str, float]
PRESSED = {"mouthPressLeft": 0.8, "mouthPressRight": 0.8}


@dataclass(frozen=True)
class Mouth:
    """What the face mesh sees in a frame, in pupil distances: the distance of the mouth's corners, how far they stand
    above its middle, how far the lips are apart."""

    width: float
    rise: float
    gap: float


def seen(pixels: Pixels) -> Mouth:
    face = find_face(Image(pixels))
    points, unit = face.landmarks[:, :2], face.pupil_distance_px
    down = points[mesh.CHIN] - points[mesh.FOREHEAD]
    middle = (points[13] + points[14]) / 2
    rise = (middle - (points[78] + points[308]) / 2) @ (down / np.linalg.norm(down))
    gap = np.linalg.norm(points[13] - points[14])
    return Mouth(float(np.linalg.norm(points[61] - points[291])) / unit, float(rise) / unit, float(gap) / unit)


def drawn(portrait: Portrait, controls: Controls, *, edit: bool = False) -> Pixels:
    """One frame, of speech or of an edit."""
    drawing = WarpRenderer().open(portrait, single=True, keep_mouth=edit)
    (frame,) = drawing.draw(controls_to_motion(controls))
    return frame.pixels


@pytest.mark.parametrize("closed", [{}, PRESSED], ids=["silence", "m"])
def test_closes_to_a_mouth_that_does_not_grin(smiling: Portrait, portrait: Portrait, closed: Controls) -> None:
    """Measured on the mouth of a neutral face: the grin's corners are 19 % further apart, and stand 0.14 D higher."""
    grinning, neutral = seen(smiling.pixels), seen(portrait.pixels)
    assert grinning.width > 1.15 * neutral.width
    assert grinning.rise > neutral.rise + 0.12
    mouth = seen(drawn(smiling, closed))
    assert mouth.gap < 0.015
    assert mouth.width < 1.03 * neutral.width
    assert mouth.rise < neutral.rise + 0.06


def test_is_dark_between_its_closed_lips_as_lips_are(smiling: Portrait) -> None:
    """A line of the lips' own red, no slit: what was dark in the open mouth is gone."""
    corners = smiling.landmarks[[61, 291], :2]
    unit = smiling.face.pupil_distance_px
    low = corners.min(0) - np.array([0.0, 0.1 * unit])
    high = corners.max(0) + np.array([0.0, 0.3 * unit])
    (x0, y0), (x1, y1) = np.round(low).astype(int), np.round(high).astype(int)

    def darkest(pixels: Pixels) -> float:
        grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[y0:y1, x0:x1].astype(np.float32)
        return float(np.quantile(cv2.GaussianBlur(grey, (0, 0), 0.02 * unit), 0.002))

    lip = float(Plan(smiling).tones.lip @ np.array([0.299, 0.587, 0.114], np.float32))
    assert darkest(smiling.pixels) < 0.5 * lip
    assert darkest(drawn(smiling, {})) > 0.55 * lip
    assert darkest(drawn(smiling, PRESSED)) > 0.55 * lip


@pytest.mark.parametrize("rounded", [{"jawOpen": 0.44, "mouthPucker": 0.55}, {"jawOpen": 0.15, "mouthFunnel": 0.7}])
def test_own_teeth_are_no_bar_in_rounded_lips(smiling: Portrait, rounded: Controls) -> None:
    """They stay behind the upper lip but for their edges, and hang nowhere lower than the picture has them."""
    plan = Plan(smiling)
    assert plan.canvas.shows_own_teeth
    pixels = drawn(smiling, rounded)
    points = find_face(Image(pixels)).landmarks[:, :2]
    inner = np.round(points[list(mesh.INNER_LIP_UPPER + mesh.INNER_LIP_LOWER[::-1])] * 8).astype(np.int32)
    opening = cv2.fillPoly(np.zeros(pixels.shape[:2], np.uint8), [inner], 1, shift=3) > 0
    bright = pixels[opening].mean(-1) > 0.4 * plan.tones.teeth.mean()
    assert 0.1 < bright.mean() < 0.68


def test_a_frown_takes_it_back(smiling: Portrait) -> None:
    """Step by step, its teeth with it; at the end its corners hang."""
    mouths = [seen(drawn(smiling, {"smile": value}, edit=True)) for value in (0.0, -0.25, -0.5, -0.75, -1.0)]
    assert np.diff([mouth.rise for mouth in mouths]).max() < 0
    assert np.diff([mouth.gap for mouth in mouths]).max() < 0.01
    assert mouths[-1].rise < 0
    assert mouths[-1].gap < 0.015


def test_nothing_hangs_from_the_corners(smiling: Portrait) -> None:
    """Own teeth go with a grin's bow as it is let go, whatever the lips do: no lip takes along what hangs on it."""
    plan = Plan(smiling)
    canvas, slit = plan.canvas, plan.lips
    sheet = Sheet(slit, canvas.a, canvas.b, canvas.rest, canvas.unit, canvas.softness)
    row, own = seen_teeth(sheet, plan.tones, smiling.pixels), OwnMouth(slit, smiling.pixels)
    assert row is not None
    fallen = (slit.along(slit.upper, canvas.a) + 0.1 * np.abs(slit.u(canvas.a))).astype(np.float32)
    lips = Lips(fallen, fallen + np.float32(0.1), 0.1, 0.0, -slit.left, slit.right)
    at = canvas.a, canvas.b[:, None]
    np.testing.assert_allclose(own.teeth(row, sheet, lips, *at, kept=0.0).cover, row.fallen(sheet).cover, atol=1e-3)
    assert np.abs(own.teeth(row, sheet, lips, *at, kept=1.0).cover - row.cover).max() > 0.5


def test_the_bow_of_its_teeth_is_let_go_of_with_its_lips(smiling: Portrait, portrait: Portrait) -> None:
    """Towards the corners, and no more than the lips; a mouth at rest has nothing to let go of."""
    slit = Plan(smiling).lips
    down, centre = teeth_fall(slit), len(slit.a) // 2
    assert abs(float(down[centre])) < 0.01
    assert down[4] > 0.06
    assert np.all(down <= np.maximum(fall(slit), 0) + 0.01)
    assert np.all(teeth_fall(Plan(portrait).lips) == 0)


def test_what_is_no_grin_is_left_alone(portrait: Portrait) -> None:
    controls = {"narrow_l": 0.5, "narrow_r": 0.5, "frown_l": 0.2, "frown_r": 0.2, "close": 1.0}
    assert let_go(0.0, 1.0, controls) is controls
    slit = Plan(portrait).lips
    assert grin(slit) == 0
    assert upper_lip_share(slit) == UPPER_LIP_SHARE


def test_the_line_at_rest_is_nearly_straight(smiling: Portrait) -> None:
    slit = Plan(smiling).lips
    before, after = closed_line(slit), closed_line(slit) + fall(slit)
    assert np.ptp(before) > 0.1
    assert np.ptp(after) < 0.2 * np.ptp(before)
    assert np.all(before >= slit.upper)
    assert np.all(before <= slit.lower)


def test_the_lower_row_is_no_part_of_the_upper(smiling: Portrait) -> None:
    """A wide grin shows both: to the sides, whatever is bright, the upper row's edge rises."""
    plan = Plan(smiling)
    canvas, slit = plan.canvas, plan.lips
    sheet = Sheet(slit, canvas.a, canvas.b, canvas.rest, canvas.unit, canvas.softness)
    picture, bright = smiling.pixels.copy(), plan.tones.teeth.tolist()
    for side in (-0.2, 0.2):
        lower = float(slit.along(slit.lower, np.array([side], np.float32))[0])
        spot = slit.axes.pixels(np.array([[side, lower - 0.02]], np.float32))[0]
        cv2.circle(picture, np.round(spot).astype(int).tolist(), round(0.05 * plan.unit_px), bright, -1)
    row = seen_teeth(sheet, plan.tones, picture)
    assert row is not None
    edge = np.where(row.cover > 0.5, canvas.b[:, None], -np.inf).max(0)
    middle, beside = np.abs(canvas.a) < 0.08, np.abs(np.abs(canvas.a) - 0.2) < 0.03
    assert edge[beside].max() < edge[middle].max()


def test_a_video_s_own_teeth_come_and_go_with_its_mouth(smiling: Portrait, portrait: Portrait) -> None:
    """Within frames, not at once; their tone stays for what is painted after."""
    memory, shares = Memory(), []
    for frame in [portrait] * 2 + [smiling] * 12 + [portrait] * 12:
        Plan(frame, memory)
        shares.append(memory.teeth.share)
    assert shares[:2] == [0, 0]
    assert 0.2 < shares[2] < 0.5
    assert shares[13] > 0.95
    assert shares[-1] < 0.05
    assert np.abs(np.diff(shares)).max() < 0.5
    assert memory.teeth.tone is not None
    teeth = memory.teeth.tone
    assert teeth.max() > 150
    assert np.all(np.diff(teeth) < 0)  # ivory: more red than green, more green than blue


def test_a_video_that_shows_its_teeth_is_drawn_with_them(smiling: Portrait) -> None:
    """After some frames as a picture of it would be: the lines between its teeth are where it has them."""
    motion = controls_to_motion({"jawOpen": 0.2, "mouthUpperUpLeft": 0.8, "mouthUpperUpRight": 0.8})
    still = drawn(smiling, {"jawOpen": 0.2, "mouthUpperUpLeft": 0.8, "mouthUpperUpRight": 0.8}).astype(int)
    drawing = WarpRenderer().open(None)
    frames = [next(iter(drawing.draw(motion, [smiling]))).pixels.astype(int) for _ in range(12)]
    x, y = np.round(smiling.landmarks[[13, 14], :2].mean(0)).astype(int)
    unit = smiling.face.pupil_distance_px
    mouth = np.s_[y - int(0.1 * unit) : y + int(0.15 * unit), x - int(0.3 * unit) : x + int(0.3 * unit)]
    first, last = (np.abs(frame - still)[mouth].mean() for frame in (frames[0], frames[-1]))
    assert last < 0.4 * first
