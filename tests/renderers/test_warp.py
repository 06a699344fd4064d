"""The warp renderer as a whole: crops, frames, what moves and what does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from talkinghead.core.errors import FaceError, InputError
from talkinghead.core.renderer_options import WarpOptions
from talkinghead.core.types import DrawnCrop, Face, Floats, Image, Pixels, Portrait
from talkinghead.faces import find_face
from talkinghead.faces.paste import paste_back
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, BLENDSHAPE_NAMES, N_BLENDSHAPES
from talkinghead.motion.motion import Motion, Rest
from talkinghead.renderers.warp import IGNORED_BLENDSHAPES, WarpRenderer

FPS = Fraction(25)


def weights(shapes: Mapping[str, float]) -> Floats:
    """(52,) from names; a name without a side means both sides."""
    values = np.zeros(N_BLENDSHAPES, np.float32)
    for name, value in shapes.items():
        for full in [name] if name in BLENDSHAPE_INDEX else [f"{name}Left", f"{name}Right"]:
            values[BLENDSHAPE_INDEX[full]] = value
    return values


def posed(
    *frames: Mapping[str, float],
    rotation: Sequence[Sequence[float]] | None = None,
    translation: Sequence[Sequence[float]] | None = None,
    scale: Sequence[float] | None = None,
) -> Motion:
    """One frame of motion for each dictionary of weights; angles are pitch, yaw and roll in degrees."""
    shapes = np.stack([weights(frame) for frame in frames])
    return Motion.from_blendshapes(shapes, FPS, rotation=rotation, translation=translation, scale=scale)


def crops(renderer: WarpRenderer, portrait: Portrait, motion: Motion) -> list[DrawnCrop]:
    drawing = renderer.open(portrait)
    return [*drawing.draw(motion), *drawing.finish()]


def drawn(renderer: WarpRenderer, portrait: Portrait, motion: Motion) -> list[Pixels]:
    return [frame.pixels for frame in crops(renderer, portrait, motion)]


def drawn_video(renderer: WarpRenderer, portraits: Sequence[Portrait], motion: Motion) -> list[DrawnCrop]:
    drawing = renderer.open(None)
    return [*drawing.draw(motion, portraits), *drawing.finish()]


def gap(pixels: Pixels) -> float:
    """Opening of the inner lips in pupil distances, as the face mesh sees it."""
    face = find_face(Image(pixels))
    return float(np.linalg.norm(face.landmarks[13, :2] - face.landmarks[14, :2])) / face.pupil_distance_px


def changed(before: Pixels, after: Pixels) -> npt.NDArray[np.int64]:
    """(h, w): by how many grey levels a pixel's most changed colour differs."""
    difference: npt.NDArray[np.int64] = np.abs(before.astype(np.int64) - after.astype(np.int64)).max(2)
    return difference


class TestCrop:
    def test_is_a_rectangle_of_the_picture(self, hopper: Image, portrait: Portrait) -> None:
        x0, y0 = (int(v) for v in -portrait.crop.matrix[:, 2])
        width, height = portrait.crop.size_px
        np.testing.assert_array_equal(portrait.crop.matrix[:, :2], np.eye(2))
        np.testing.assert_array_equal(portrait.pixels, hopper.pixels[y0 : y0 + height, x0 : x0 + width])

    def test_pastes_back_without_a_trace(self, renderer: WarpRenderer, hopper: Image, portrait: Portrait) -> None:
        (frame,) = crops(renderer, portrait, posed({}))
        np.testing.assert_array_equal(paste_back(hopper.pixels, frame), hopper.pixels)

    def test_side_is_2_15_face_heights(self, portrait: Portrait, hopper_face: Face) -> None:
        height = hopper_face.landmarks[152, 1] - hopper_face.landmarks[10, 1]
        assert max(portrait.crop.size_px) == pytest.approx(2.15 * height, rel=0.06)

    def test_size_and_whole(self, hopper: Image, hopper_face: Face) -> None:
        small = WarpRenderer(WarpOptions(crop_size_px=160))
        portrait = small.crop(hopper, hopper_face)
        assert max(portrait.pixels.shape[:2]) == 160 == max(portrait.crop.size_px)
        inside = portrait.landmarks[:, :2]
        assert inside.min() > 0
        assert inside.max() < 160
        whole = WarpRenderer().crop(hopper, hopper_face, whole=True)
        np.testing.assert_array_equal(whole.pixels, hopper.pixels)

    def test_large_pictures_are_limited(self, hopper: Image, hopper_face: Face) -> None:
        big = Image(np.repeat(np.repeat(hopper.pixels, 5, 0), 5, 1))
        portrait = WarpRenderer().crop(big, hopper_face.moved(np.array([[5, 0, 2], [0, 5, 2]])))
        assert max(portrait.crop.size_px) == 1440

    def test_face_outside_the_picture(self, hopper: Image, hopper_face: Face) -> None:
        away = hopper_face.moved(np.array([[1.0, 0, 5000], [0, 1, 0]]))
        with pytest.raises(FaceError, match="outside"):
            WarpRenderer().crop(hopper, away)

    def test_bad_size(self) -> None:
        with pytest.raises(InputError, match="at least 32"):
            WarpOptions(crop_size_px=5)


class TestStill:
    def test_rest_is_the_picture(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        (frame,) = drawn(renderer, portrait, posed({}))
        np.testing.assert_array_equal(frame, portrait.pixels)

    def test_motion_counts_from_its_rest(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        pose = np.array([4.0, 5.0, -6.0], np.float32)
        rest = Rest(blendshapes=weights({"jawOpen": 0.4, "mouthSmile": 0.3}), rotation=pose, scale=1.1)
        motion = Motion.from_blendshapes(rest.blendshapes[None], FPS, rotation=pose[None], scale=[1.1], rest=rest)
        (frame,) = drawn(renderer, portrait, motion)
        assert changed(frame, portrait.pixels).max() <= 1

    def test_jaw_opens_the_mouth_as_far_as_asked(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        asked = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
        seen = [gap(pixels) for pixels in drawn(renderer, portrait, posed(*({"jawOpen": w} for w in asked)))]
        assert np.corrcoef(asked, seen)[0, 1] > 0.97
        assert seen[0] < 0.015
        assert 0.25 < seen[-1] < 0.5

    def test_pressed_lips_are_closed(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        pressed, held = drawn(renderer, portrait, posed({"mouthPress": 1}, {"jawOpen": 0.5, "mouthClose": 0.5}))
        assert gap(pressed) < 0.015
        assert gap(held) < 0.03
        assert changed(pressed, portrait.pixels).max() > 10

    def test_an_open_mouth_is_closed(self, renderer: WarpRenderer, smiling: Portrait) -> None:
        closed, wide = drawn(renderer, smiling, posed({}, {"jawOpen": 0.7}))
        assert gap(smiling.pixels) > 0.08
        assert gap(closed) < 0.03
        assert gap(wide) > 0.15

    def test_rounded_lips_are_narrow(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        def width(pixels: Pixels) -> float:
            face = find_face(Image(pixels))
            return float(np.linalg.norm(face.landmarks[61, :2] - face.landmarks[291, :2])) / face.pupil_distance_px

        rest, pucker, stretch = drawn(renderer, portrait, posed({}, {"mouthPucker": 1}, {"mouthStretch": 1}))
        assert width(pucker) < 0.85 * width(rest) < width(rest) < 0.95 * width(stretch)

    @pytest.mark.parametrize("name", BLENDSHAPE_NAMES)
    def test_every_blendshape_acts_or_is_listed(self, renderer: WarpRenderer, portrait: Portrait, name: str) -> None:
        base = {"jawOpen": 0.5} if name == "mouthClose" else {}
        before, after = drawn(renderer, portrait, posed(base, {**base, name: 1.0}))
        assert (changed(before, after).max() > 4) == (name not in IGNORED_BLENDSHAPES)

    @pytest.mark.parametrize("name", ["mouthSmile", "eyeBlink", "browDown", "mouthUpperUp", "noseSneer", "eyeWide"])
    def test_the_persons_left_is_the_pictures_right(
        self, renderer: WarpRenderer, portrait: Portrait, name: str
    ) -> None:
        left, right = drawn(renderer, portrait, posed({f"{name}Left": 1}, {f"{name}Right": 1}))
        middle = int(portrait.landmarks[1, 0])
        for pixels, near, far in (
            (left, slice(middle, None), slice(0, middle)),
            (right, slice(0, middle), slice(middle, None)),
        ):
            moved = changed(pixels, portrait.pixels)
            assert moved[:, near].sum() > 3 * moved[:, far].sum()

    def test_speech_stays_below_the_eyes(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        points = portrait.landmarks
        (frame,) = drawn(renderer, portrait, posed({"jawOpen": 0.4, "mouthStretch": 0.5, "mouthUpperUp": 0.5}))
        eyes = int(points[[145, 374], 1].max())
        assert changed(frame, portrait.pixels)[:eyes].max() <= 1

    def test_frames_meet_the_picture_at_the_crops_border(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        motion = posed({"jawOpen": 1}, rotation=[[10, 12, 9]], translation=[[0.1, 0.05, 0]], scale=[1.1])
        (frame,) = drawn(renderer, portrait, motion)
        height, width = portrait.image.pixels.shape[:2]
        x0, y0 = (int(v) for v in -portrait.crop.matrix[:, 2])
        x1, y1 = x0 + portrait.crop.size_px[0], y0 + portrait.crop.size_px[1]
        assert changed(frame, portrait.pixels).max() > 30
        # The picture goes on to the left, to the right and below, and there alone the crop must not end in a step.
        assert (x0 > 0, y0 > 0, x1 < width, y1 < height) == (True, False, True, True)
        np.testing.assert_array_equal(frame[:, 0], portrait.pixels[:, 0])
        np.testing.assert_array_equal(frame[:, -1], portrait.pixels[:, -1])
        np.testing.assert_array_equal(frame[-1], portrait.pixels[-1])
        assert changed(frame, portrait.pixels)[0].max() > 10

    @pytest.mark.parametrize(
        ("rotation", "point", "axis", "sign"),
        [([9, 0, 0], 1, 1, 1), ([0, 9, 0], 1, 0, -1), ([0, 0, 9], 10, 0, 1), ([-9, 0, 0], 1, 1, -1)],
    )
    def test_head_turns_the_way_it_is_told(
        self, renderer: WarpRenderer, portrait: Portrait, rotation: list[float], point: int, axis: int, sign: int
    ) -> None:
        (frame,) = drawn(renderer, portrait, posed({}, rotation=[rotation]))
        found = find_face(Image(frame)).landmarks
        assert sign * (found[point, axis] - portrait.landmarks[point, axis]) > 0.05 * portrait.face.pupil_distance_px

    def test_translation_is_half_of_liveportraits_crop(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        (frame,) = drawn(renderer, portrait, posed({}, translation=[[0.1, 0, 0]]))
        moved = (find_face(Image(frame)).landmarks - portrait.landmarks)[:, 0].mean()
        assert moved == pytest.approx(0.1 * 1.15 * max(portrait.face.box[2:]), rel=0.2)

    def test_how_motion_is_cut_changes_nothing(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        motion = posed({"jawOpen": 0.1}, {"jawOpen": 0.5}, {"mouthPucker": 1}, rotation=[[1, 2, 3]] * 3)
        whole = drawn(renderer, portrait, motion)
        drawing = renderer.open(portrait)
        pieces = [frame.pixels for i in range(3) for frame in drawing.draw(motion[i : i + 1])]
        np.testing.assert_array_equal(pieces, whole)

    def test_a_frame_depends_on_no_other(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        """Drawn two at a time, alone, in reverse, with another's memory just used: the same bits."""
        motion = posed(
            {"jawOpen": 0.6, "eyeBlink": 0.9},
            {"eyeLookUp": 0.5, "mouthPucker": 0.8},
            {},
            {"eyeLookInLeft": 0.7, "eyeLookOutRight": 0.7, "mouthPress": 1},
            {"browInnerUp": 1, "eyeSquint": 0.6},
            rotation=[[4, -9, 3], [0, 0, 0], [6, 6, -6], [-5, 12, 0], [0, 0, 0]],
            scale=[1, 1, 1.05, 1, 1],
        )
        together = drawn(renderer, portrait, motion)
        backwards = [drawn(WarpRenderer(), portrait, motion[k : k + 1])[0] for k in reversed(range(len(motion)))]
        np.testing.assert_array_equal(backwards[::-1], together)

    def test_frames_are_pictures_of_their_own(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        first, second = crops(renderer, portrait, posed({"jawOpen": 0.5}, {"jawOpen": 0.5}))
        np.testing.assert_array_equal(first.pixels, second.pixels)
        first.pixels[...] = 0
        assert second.pixels.any()
        assert first.portrait is second.portrait is portrait

    def test_an_edit_keeps_an_open_mouth_as_it_is(self, renderer: WarpRenderer, smiling: Portrait) -> None:
        (frame,) = renderer.open(smiling, keep_mouth=True).draw(posed({}))
        np.testing.assert_array_equal(frame.pixels, smiling.pixels)

    def test_drawings_in_two_threads_are_those_of_one(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        motions = [
            posed(*[{"jawOpen": k / 8, "eyeBlink": 0.5}] * 4, rotation=[[k, -k, k]] * 4, scale=[1 + k / 100] * 4)
            for k in range(4)
        ]
        alone = [drawn(renderer, portrait, motion) for motion in motions]
        with ThreadPoolExecutor(4) as pool:
            together = list(pool.map(lambda motion: drawn(renderer, portrait, motion), motions))
        np.testing.assert_array_equal(together, alone)


class TestVideo:
    @staticmethod
    def frames(portrait: Portrait, count: int) -> list[Portrait]:
        """A video of the portrait: the same, each frame an array of its own."""
        return [Portrait(portrait.image, portrait.face, portrait.crop, portrait.pixels.copy()) for _ in range(count)]

    def test_every_frame_is_drawn_into_its_own_portrait(self, renderer: WarpRenderer, portrait: Portrait) -> None:
        portraits = self.frames(portrait, 3)
        made = drawn_video(renderer, portraits, posed({}, {"jawOpen": 0.8}, {}))
        assert [frame.portrait for frame in made] == portraits
        np.testing.assert_array_equal(made[0].pixels, made[2].pixels)
        assert changed(made[1].pixels, made[0].pixels).max() > 30

    def test_replaces_the_mouth_and_keeps_the_eyes(self, renderer: WarpRenderer, smiling: Portrait) -> None:
        motion = posed({"eyeBlink": 1, "browInnerUp": 1}, {"eyeBlink": 1, "jawOpen": 0.7}, rotation=[[9, 9, 9]] * 2)
        closed, wide = (frame.pixels for frame in drawn_video(renderer, self.frames(smiling, 2), motion))
        eyes = int(smiling.landmarks[[159, 386], 1].max())
        np.testing.assert_array_equal(closed[:eyes], smiling.pixels[:eyes])
        assert gap(closed) < 0.03
        assert gap(wide) > 0.14

    def test_does_not_flicker(self, renderer: WarpRenderer, smiling: Portrait) -> None:
        """Noise in the video's frames must not change the colours inside the mouth."""
        noise = np.random.default_rng(0)
        frames = self.frames(smiling, 6)
        for frame in frames:
            bright = noise.uniform(0.9, 1.1)
            frame.pixels[...] = np.clip(frame.pixels * bright, 0, 255)
        drawn_frames = drawn_video(renderer, frames, posed(*[{"jawOpen": 0.9}] * 6))
        x, y = smiling.landmarks[[13, 14], :2].mean(0).astype(int)
        unit = int(smiling.face.pupil_distance_px)
        inside = [
            f.pixels[y + unit // 12 : y + unit // 8, x - unit // 12 : x + unit // 12].mean() for f in drawn_frames
        ]
        assert np.ptp(inside) < 0.05 * np.mean(inside)


@pytest.mark.parametrize("size", [24, 60])
def test_tiny_faces(hopper: Image, hopper_face: Face, size: int) -> None:
    scale = size / max(hopper.size_px)
    small = Image(cv2.resize(hopper.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    renderer = WarpRenderer()
    portrait = renderer.crop(small, hopper_face.moved(np.array([[scale, 0, 0], [0, scale, 0]])))
    rest, moved = drawn(renderer, portrait, posed({}, {"jawOpen": 1, "eyeBlink": 1}, rotation=[[0, 0, 0], [5, 5, 5]]))
    np.testing.assert_array_equal(rest, portrait.pixels)
    assert moved.shape == portrait.pixels.shape
    assert changed(moved, portrait.pixels).max() > 20


@pytest.mark.parametrize("shift", [(-0.3, 0.0), (0.35, -0.3), (0.0, 0.45)])
def test_faces_cut_off_by_the_picture(hopper: Image, hopper_face: Face, shift: tuple[float, float]) -> None:
    width, height = hopper.size_px
    x, y, wide, tall = hopper_face.box
    # Cut so that part of the face's box is gone.
    left = int(x - shift[0] * wide) if shift[0] < 0 else 0
    right = int(x + (1 - shift[0]) * wide) if shift[0] > 0 else width
    top = int(y - shift[1] * tall) if shift[1] < 0 else 0
    bottom = int(y + (1 - shift[1]) * tall) if shift[1] > 0 else height
    cut = Image(np.ascontiguousarray(hopper.pixels[top:bottom, left:right]))
    face = hopper_face.moved(np.array([[1.0, 0, -left], [0, 1, -top]]))
    renderer = WarpRenderer()
    portrait = renderer.crop(cut, face)
    rest, moved = drawn(renderer, portrait, posed({}, {"jawOpen": 1, "eyeBlink": 1}, rotation=[[0, 0, 0], [9, 9, 9]]))
    np.testing.assert_array_equal(rest, portrait.pixels)
    assert moved.shape == portrait.pixels.shape
    assert changed(moved, portrait.pixels).max() > 20


@pytest.mark.parametrize("quarters", [1, 2])
def test_faces_that_lie_on_their_side(renderer: WarpRenderer, portrait: Portrait, quarters: int) -> None:
    """Turning the picture turns the frames: nothing depends on the face being upright."""
    height, width = portrait.pixels.shape[:2]
    one = np.array([[0.0, 1, 0], [-1, 0, width - 1]])
    two = np.array([[-1.0, 0, width - 1], [0, -1, height - 1]])
    turned = Image(np.ascontiguousarray(np.rot90(portrait.pixels, quarters)))
    upright = Image(portrait.pixels)
    face = Face(portrait.landmarks)
    motion = posed(
        {"jawOpen": 0.6, "eyeBlink": 1, "browInnerUp": 1, "mouthSmile": 0.5},
        {"eyeBlink": 1},
        rotation=[[0, 0, 0], [4, 6, 5]],
        translation=[[0, 0, 0], [0.05, 0.02, 0]],
    )
    wanted = drawn(renderer, renderer.crop(upright, face, whole=True), motion)
    lying = drawn(renderer, renderer.crop(turned, face.moved([one, two][quarters - 1]), whole=True), motion)
    for expected, got in zip(wanted, lying):
        off = changed(np.rot90(expected, quarters), got)
        assert off.mean() < 0.04 * changed(expected, portrait.pixels).mean()


def test_what_may_be_no_person_gets_no_teeth(renderer: WarpRenderer, portrait: Portrait) -> None:
    unsure = replace(portrait, face=replace(portrait.face, confidence=0.75))
    opened = posed({"jawOpen": 0.7, "mouthUpperUp": 0.5})
    (sure,), (toothless,) = (drawn(renderer, one, opened) for one in (portrait, unsure))
    brighter = sure.astype(int).sum(2) - toothless.astype(int).sum(2)
    rows, columns = np.nonzero(np.abs(brighter) > 24)
    assert len(rows) > 100
    assert brighter[rows, columns].mean() > 60  # teeth are bright
    left, right = sorted(portrait.landmarks[[61, 291], 0])
    assert left < columns.min() < columns.max() < right
