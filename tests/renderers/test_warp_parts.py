"""The warp renderer's parts: fields and their inverses, controls, seams, depth."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from talkinghead.core.types import Face, Floats, Image, Portrait
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES, N_BLENDSHAPES
from talkinghead.renderers.warp import IGNORED_BLENDSHAPES
from talkinghead.renderers.warp.backward import Backward, Lookup, doubled
from talkinghead.renderers.warp.cropping import crop_rectangle
from talkinghead.renderers.warp.drawing import draw
from talkinghead.renderers.warp.eyeball import Gaze
from talkinghead.renderers.warp.fields import opening_profile
from talkinghead.renderers.warp.grid import Grid, Rect, inverted
from talkinghead.renderers.warp.head_turn import HeadTurn, limited, source_yaw_deg
from talkinghead.renderers.warp.mixing import FIELD_CONTROLS, to_controls
from talkinghead.renderers.warp.plan import Plan
from talkinghead.renderers.warp.quantile import median, quantile
from talkinghead.renderers.warp.slit import SeamMemory, mouth_slit
from talkinghead.renderers.warp.upper_fields import upper_region


@pytest.fixture(scope="module")
def plan(portrait: Portrait) -> Plan:
    return Plan(portrait)


def smooth_field(seed: int, strongest: float) -> Floats:
    """A random smooth field (64, 80, 2) whose slopes stay under `strongest`."""
    noise = np.random.default_rng(seed).normal(size=(64, 80, 2)).astype(np.float32)
    field = cv2.GaussianBlur(noise, (0, 0), 6, borderType=cv2.BORDER_CONSTANT)
    ramp = np.minimum.outer(np.hanning(64), np.hanning(80))[..., None]
    field = field * ramp
    slope = max(np.abs(np.gradient(field, axis=0)).max(), np.abs(np.gradient(field, axis=1)).max())
    scaled: Floats = (field * strongest / slope).astype(np.float32)
    return scaled


class TestFields:
    @pytest.mark.parametrize("seed", range(4))
    @pytest.mark.parametrize("step", [1, 3])
    def test_inverse_undoes_the_field(self, seed: int, step: int) -> None:
        field = smooth_field(seed, 0.5) * step
        back = inverted(field, step, 3)
        y, x = np.mgrid[:64, :80].astype(np.float32)
        there = cv2.remap(field, x + back[..., 0] / step, y + back[..., 1] / step, cv2.INTER_LINEAR)
        assert np.abs(there + back)[4:-4, 4:-4].max() < 0.05 * step

    def test_inverse_where_skin_is_strongly_stretched(self) -> None:
        """As a closing lid is: a plain fixed point would diverge there."""
        rows = np.arange(90, dtype=np.float32)
        t = np.clip((rows - 20) / 22, 0, 1)
        field = np.zeros((90, 8, 2), np.float32)
        field[..., 1] = (t * t * (3 - 2 * t) * 20)[:, None]
        assert np.diff(field[:, 4, 1]).max() > 1.3
        back = inverted(field, 1, 4)
        at = rows + back[:, 4, 1]
        np.testing.assert_allclose(np.interp(at, rows, field[:, 4, 1]), -back[:, 4, 1], atol=0.3)

    @pytest.mark.parametrize("turned", [False, True])
    def test_openings_are_inverted_as_the_whole_would_be(self, plan: Plan, turned: bool) -> None:
        values = np.zeros(N_BLENDSHAPES, np.float32)
        for name in ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "browInnerUp"):
            values[BLENDSHAPE_INDEX[name]] = 0.9
        rect = plan.mouth.rect.united(plan.upper.rect)
        above, below = (np.zeros((rect.y1 - rect.y0, rect.x1 - rect.x0, 2), np.float32) for _ in range(2))
        for region in (plan.mouth, plan.upper):
            for total, part in zip((above, below), region.summed(to_controls(values))):
                total[region.rect.within(rect)] += part
        turn = plan.head.inverse(np.array([3, 9, 2], np.float32), np.zeros(3, np.float32), 1.0) if turned else None
        openings = plan.mouth_opening, plan.lids_opening
        backward = Backward(plan.grid, turn, rect, above, below, openings)
        wanted = inverted(below, plan.grid.step, 2)
        for opening in openings:
            part = opening.common(rect).within(rect)
            assert np.abs(wanted[part] - backward.above[part]).max() > 3
            np.testing.assert_array_equal(backward.below[part], wanted[part])

    def test_grid_lands_on_pixels(self) -> None:
        grid = Grid(50, 38, 3)
        rect = Rect(2, 1, 12, 9)
        points = grid.points(rect)
        full = grid.full_size(points, rect)
        pixels = grid.pixels_of(rect)
        # Bilinear enlarging of a linear field is exact away from its ends.
        y, x = np.mgrid[pixels.y0 : pixels.y1, pixels.x0 : pixels.x1]
        np.testing.assert_allclose(full[3:-3, 3:-3], np.dstack([x, y])[3:-3, 3:-3], atol=1e-3)

    def test_opening_is_full_in_the_middle_and_shut_at_the_corners(self) -> None:
        profile = opening_profile(np.array([-1.2, -1, 0, 0.5, 1, 3], np.float32))
        np.testing.assert_allclose(profile[[0, 1, 4, 5]], 0)
        assert profile[2] == 1
        assert profile[3] > 0.8

    def test_skin_is_whole_past_the_mouths_corners(self, plan: Plan) -> None:
        """Beyond the corners, along the line between the lips, both sides must move alike."""
        above, below = plan.mouth.summed(to_controls(np.full(N_BLENDSHAPES, 0.5, np.float32)))
        for sign, end in ((-1, plan.lips.left), (1, plan.lips.right)):
            a = sign * np.linspace(end + 0.02, end + 0.3, 9, dtype=np.float32)
            b = plan.lips.along((plan.lips.upper + plan.lips.lower) / 2, a)
            at = plan.lips.axes.pixels(np.column_stack([a, b]))
            over = plan.grid.sample(above, plan.mouth.rect, at)
            under = plan.grid.sample(below, plan.mouth.rect, at)
            assert np.abs(over - under).max() < 0.03 * plan.unit_px


class TestLookup:
    def test_doubling_keeps_the_picture(self, portrait: Portrait) -> None:
        twice = doubled(portrait.pixels)
        np.testing.assert_array_equal(twice[::2, ::2], portrait.pixels)

    def test_halves_lie_between(self) -> None:
        ramp = np.repeat(np.arange(0, 250, 10, dtype=np.uint8)[None, :, None], 12, 0).repeat(3, 2)
        np.testing.assert_allclose(doubled(ramp)[6, 7:-7:2, 0], np.arange(35, 206, 10), atol=1)

    @pytest.mark.parametrize("often", [True, False])
    def test_standing_still_is_exact(self, portrait: Portrait, often: bool) -> None:
        grid = Grid.over(portrait.pixels, 80)
        field = np.zeros((*grid.shape, 2), np.float32)
        whole = grid.pixels_of(grid.whole)
        np.testing.assert_array_equal(Lookup(portrait.pixels, often)(grid, field, grid.whole, whole), portrait.pixels)

    def test_whole_pixels_are_exact(self, portrait: Portrait) -> None:
        grid = Grid.over(portrait.pixels, 80)
        field = np.full((*grid.shape, 2), 3, np.float32)
        seen = Lookup(portrait.pixels, often=True)(grid, field, grid.whole, grid.pixels_of(grid.whole))
        np.testing.assert_array_equal(seen[:-4, :-4], portrait.pixels[3:-1, 3:-1])

    @pytest.mark.parametrize("often", [True, False])
    @pytest.mark.parametrize("unit_px", [20, 80])
    def test_what_does_not_move_is_left_out(self, portrait: Portrait, often: bool, unit_px: float) -> None:
        """Drawing only where something moves gives what drawing everything gives, but for how places are rounded."""
        grid, lookup = Grid.over(portrait.pixels, unit_px), Lookup(portrait.pixels, often)
        field = cv2.resize(smooth_field(3, 0.4), grid.shape[::-1])
        field[: grid.shape[0] // 3] = 0
        whole = grid.pixels_of(grid.whole)
        part, drawn = Rect(3, 4, grid.shape[1] - 5, grid.shape[0] - 2), portrait.pixels.copy()
        lookup.draw_over(drawn, grid, field, grid.whole)
        off = cv2.absdiff(drawn, lookup(grid, field, grid.whole, whole))
        assert off.max() <= 4
        assert np.count_nonzero(off) < 0.001 * off.size
        moved = sum((r.x1 - r.x0) * (r.y1 - r.y0) for r in grid.moved(field, grid.whole))
        assert 0 < moved < 0.7 * drawn[..., 0].size
        drawn = portrait.pixels.copy()
        lookup.draw_over(drawn, grid, np.ascontiguousarray(field[part.slices]), part)
        np.testing.assert_array_equal(drawn[: grid.shape[0] // 3], portrait.pixels[: grid.shape[0] // 3])


class TestControls:
    def test_every_blendshape_is_used_or_ignored(self) -> None:
        for name in BLENDSHAPE_NAMES:
            values = np.zeros(N_BLENDSHAPES, np.float32)
            values[BLENDSHAPE_INDEX["jawOpen"]] = 0.5
            before = to_controls(values)
            values[BLENDSHAPE_INDEX[name]] = 1
            assert (to_controls(values) != before) == (name not in IGNORED_BLENDSHAPES), name

    def test_fields_exist_for_all_controls(self, plan: Plan) -> None:
        made = set(plan.mouth.fields) | set(plan.upper.fields)
        gaze = {name for name in FIELD_CONTROLS if name.startswith("gaze")}
        assert set(FIELD_CONTROLS) - gaze <= made

    def test_lips_close_no_further_than_the_jaw_opens(self) -> None:
        values = np.zeros(N_BLENDSHAPES, np.float32)
        values[BLENDSHAPE_INDEX["mouthClose"]] = 1
        assert to_controls(values)["lip_drop"] == 0
        values[BLENDSHAPE_INDEX["jawOpen"]] = 0.3
        assert to_controls(values)["lip_drop"] == pytest.approx(0)


class TestHead:
    def test_small_turns_are_kept_and_large_ones_bounded(self) -> None:
        assert limited(3.0, 18.0) == pytest.approx(3.0, rel=0.01)
        angles = [limited(a, 18.0) for a in (5, 10, 20, 60, 500)]
        assert angles == sorted(angles)
        assert angles[-1] <= 18.0
        assert limited(-9.0, 18.0) == -limited(9.0, 18.0)

    def test_a_turned_face_turns_less_further(self, portrait: Portrait) -> None:
        points = portrait.landmarks.copy()
        assert abs(source_yaw_deg(points)) < 8
        turn = np.radians(25)
        centre = points.mean(0)
        x, z = points[:, 0] - centre[0], points[:, 2] - centre[2]
        points[:, 0] = x * np.cos(turn) + z * np.sin(turn) + centre[0]
        points[:, 2] = z * np.cos(turn) - x * np.sin(turn) + centre[2]
        assert source_yaw_deg(points) == pytest.approx(source_yaw_deg(portrait.landmarks) + 25, abs=4)
        grid = Grid.over(portrait.pixels, 80)
        head = HeadTurn(points, grid, 80, (True,) * 4)
        further, back = (head.limits(np.array([0, yaw, 0], np.float32))[1] for yaw in (15, -15))
        assert 0 < further < -back

    def test_rest_is_no_turn(self, plan: Plan) -> None:
        assert plan.head.inverse(np.zeros(3, np.float32), np.zeros(3, np.float32), 1.0) is None

    def test_background_corners_stay(self, plan: Plan) -> None:
        turn = plan.head.inverse(np.array([8, 8, 8], np.float32), np.zeros(3, np.float32), 1.0)
        assert turn is not None
        assert np.abs(turn).max() > 3
        assert np.abs(turn[-1, [0, -1]]).max() < 1e-3


class TestMouth:
    def test_closed_lips_follow_the_dark_line(self, portrait: Portrait) -> None:
        """A line painted a little under where the mesh has it must be found."""
        points, pixels = portrait.landmarks, portrait.pixels.copy()
        unit = portrait.face.pupil_distance_px
        before = mouth_slit(points, pixels, unit)
        assert before.openness == 0
        a = np.linspace(-0.25, 0.25, 40, dtype=np.float32)
        shift = 0.035
        line = before.axes.pixels(np.column_stack([a, before.along(before.upper, a) + shift]))
        lips = cv2.GaussianBlur(pixels, (0, 0), 5)
        cv2.polylines(lips, [np.round(line).astype(np.int32)], False, (20, 5, 5), 2)
        after = mouth_slit(points, lips, unit)
        moved = (after.along(after.upper, a) - before.along(before.upper, a))[10:-10]
        assert moved.mean() == pytest.approx(shift, abs=0.015)

    def test_memory_follows_slowly(self) -> None:
        memory = SeamMemory()
        np.testing.assert_allclose(memory.follow(np.zeros(4, np.float32)), 0)
        jumped = memory.follow(np.ones(4, np.float32))
        assert 0 < jumped.max() < 0.3

    def test_own_teeth_are_used_where_seen(self, plan: Plan, smiling: Portrait) -> None:
        grin = Plan(smiling)
        assert grin.lips.openness == 1
        assert grin.smile > 0.5
        assert grin.canvas.shows_own_teeth
        assert not plan.canvas.shows_own_teeth

    def test_inside_is_darker_than_the_skin(self, plan: Plan, portrait: Portrait) -> None:
        values = np.zeros(N_BLENDSHAPES, np.float32)
        values[BLENDSHAPE_INDEX["jawOpen"]] = 1
        pixels = draw(plan, to_controls(values), None)
        x, y = portrait.landmarks[14, :2].astype(int)
        inside = pixels[y + int(0.15 * plan.unit_px), x].mean()
        assert inside < 0.5 * plan.tones.skin.mean()


class TestGlasses:
    def test_frames_are_seen(self, plan: Plan, smiling: Portrait) -> None:
        assert plan.glasses
        assert not Plan(smiling).glasses

    def test_they_confine_the_lids(self, plan: Plan) -> None:
        window = np.ones(plan.grid.shape, np.float32)
        behind, free = (
            upper_region(plan.landmarks, plan.eyes, plan.grid, window, glasses=glasses).fields["lid_l"].above
            for glasses in (True, False)
        )
        assert behind is not None
        assert free is not None
        assert np.abs(behind).sum() < 0.93 * np.abs(free).sum()


def test_gaze_moves_the_iris(plan: Plan) -> None:
    ball = plan.balls[0]
    straight, origin = ball.looking(Gaze(0, 0, 0))
    np.testing.assert_array_equal(straight, ball.own)
    assert origin == (ball.rect.x0, ball.rect.y0)
    right, left = ball.looking(Gaze(1, 0, 0))[0].astype(int), ball.looking(Gaze(-1, 0, 0))[0].astype(int)
    columns = np.arange(right.shape[1])
    darkness = [(255 - image.mean(2)) for image in (left, right)]
    centres = [(d * columns).sum() / d.sum() for d in darkness]
    assert centres[1] > centres[0]


def test_grey_noise_is_drawn(hopper_face: Face, hopper: Image) -> None:
    noise = np.random.default_rng(1).integers(0, 255, hopper.pixels.shape).astype(np.uint8)
    plan = Plan(crop_rectangle(Image(noise), hopper_face))
    frame = draw(plan, to_controls(np.ones(N_BLENDSHAPES, np.float32)), None)
    assert frame.shape == plan.pixels.shape
    # Only the face moves, and noise stays noise: nothing of it is smoothed away or blown up.
    changed = (frame != plan.pixels).any(2)
    assert changed.mean() > 0.05
    assert not changed[:, 0].any()
    assert not changed[:, -1].any()
    assert frame.mean() == pytest.approx(plan.pixels.mean(), abs=12)
    assert frame[changed].std() > 0.5 * plan.pixels.std()


@pytest.mark.parametrize("count", [1, 2, 5, 400])
def test_quantiles_are_numpys(count: int) -> None:
    values = np.random.default_rng(count).random((count, 3)).astype(np.float32)
    for share in (0.0, 0.01, 0.45, 0.6, 0.997, 1.0):
        assert quantile(values, share) == pytest.approx(np.quantile(values, share, axis=0), abs=1e-6)
    bytes_ = (255 * values).astype(np.uint8)
    assert quantile(bytes_, 0.6) == pytest.approx(np.quantile(bytes_, 0.6, axis=0))
    assert np.array_equal(median(values), np.median(values, axis=0))
