"""One picture in, one picture out: `edit`, and sheets of values for choosing."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image as PillowImage

import talkinghead
from talkinghead import Avatar
from talkinghead.cli import main
from talkinghead.core.errors import InputError
from talkinghead.core.settings import Gains
from talkinghead.core.types import Pixels
from talkinghead.media.images import read_image
from talkinghead.media.sheet import CELL_PX
from talkinghead.media.video import write_video


@pytest.fixture(scope="module")
def astronaut(examples: Path) -> Avatar:
    return Avatar(examples / "astronaut.png", renderer="warp")


@pytest.mark.parametrize("name", ["astronaut.png", "grace_hopper.jpg"])
def test_an_edit_of_nothing_leaves_the_picture_as_it_is(examples: Path, name: str) -> None:
    pixels = read_image(examples / name).pixels
    np.testing.assert_array_equal(talkinghead.edit(examples / name, {}, renderer="warp"), pixels)


def test_an_edit_changes_the_face_and_not_the_corners(astronaut: Avatar, examples: Path) -> None:
    before = read_image(examples / "astronaut.png").pixels.astype(int)
    change = np.abs(astronaut.edit({"smile": 0.8, "blink": 1}) - before).max(axis=2)
    assert change[90:190, 180:270].max() > 40
    assert change[:20, :20].max() == 0
    assert change[400:].max() == 0


def test_the_same_edit_of_a_path_an_array_and_a_pillow_picture(astronaut: Avatar, examples: Path) -> None:
    path = examples / "astronaut.png"
    once = astronaut.edit({"smile": 0.6, "yaw": 8})
    with PillowImage.open(path) as picture:
        for source in (path, str(path), read_image(path).pixels, picture):
            np.testing.assert_array_equal(talkinghead.edit(source, {"smile": 0.6, "yaw": 8}, renderer="warp"), once)


def test_gains_and_still_are_for_drivers_and_leave_an_edit_alone(astronaut: Avatar, examples: Path) -> None:
    gains = Gains(mouth=0, head=0)
    other = Avatar(examples / "astronaut.png", renderer="warp", still=True, gains=gains)
    np.testing.assert_array_equal(other.edit({"smile": 0.6, "yaw": 8}), astronaut.edit({"smile": 0.6, "yaw": 8}))


def test_a_sheet_has_a_cell_for_every_value(examples: Path) -> None:
    avatar = Avatar(examples / "astronaut.png", renderer="warp", framing="crop")
    sheet = avatar.edit_sheet({}, {"smile": (0, 1), "yaw": (-5, 0, 5)})
    height = sheet.shape[0] // 3
    assert height > CELL_PX
    assert sheet.shape[0] == 3 * height
    cells = [np.split(row, 2, axis=1) for row in np.split(sheet, 3, axis=0)]
    faces = [cell[height - CELL_PX :] for row in cells for cell in row]
    for number, face in enumerate(faces):
        assert all(np.abs(face.astype(int) - other).max() > 30 for other in faces[:number])
    row = avatar.edit_sheet({"yaw": 5}, {"smile": (0, 1)})
    np.testing.assert_array_equal(row[height - CELL_PX :], np.hstack(faces[4:]))


def test_what_cannot_be_edited_is_told(astronaut: Avatar, examples: Path, tmp_path: Path) -> None:
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    write_video(tmp_path / "clip.mp4", [pixels] * 3, Fraction(25))
    with pytest.raises(InputError, match=r"clip\.mp4 is a video: edit one picture"):
        talkinghead.edit(tmp_path / "clip.mp4", {"smile": 1}, renderer="warp")
    with pytest.raises(InputError, match="one or two controls, not 3"):
        astronaut.edit_sheet({}, {"smile": (0,), "yaw": (0,), "roll": (0,)})
    with pytest.raises(InputError, match="give a face's number"):
        Avatar(examples / "astronaut.png", renderer="warp", face="all").edit({})


@pytest.fixture(scope="module")
def cutout(examples: Path) -> Pixels:
    """A portrait (H, W, 4) whose surroundings are transparent, with a soft edge."""
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    height, width = pixels.shape[:2]
    y, x = np.mgrid[:height, :width]
    distance = np.hypot((x - 0.45 * width) / (0.42 * width), (y - 0.4 * height) / (0.55 * height))
    return np.dstack([pixels, np.clip((1.1 - distance) * 10 * 255, 0, 255).astype(np.uint8)])


def test_a_transparent_picture_stays_transparent(cutout: Pixels, tmp_path: Path) -> None:
    source, out = tmp_path / "cutout.png", tmp_path / "out.png"
    PillowImage.fromarray(cutout).save(source)
    result = CliRunner().invoke(main, ["edit", str(source), "--jaw", "0.6", "-o", str(out), "--renderer", "warp"])
    assert result.exit_code == 0, result.output
    with PillowImage.open(out) as picture:
        assert picture.mode == "RGBA"
        edited = np.asarray(picture)
    # The silhouette stays, and so does what is not moved; the mouth opens within it.
    assert np.abs(edited[..., 3].astype(int) - cutout[..., 3]).mean() < 1
    there = cutout[..., 3] == 255
    assert np.abs(edited[there][:, :3].astype(int) - cutout[there][:, :3]).mean() < 6
    assert np.abs(edited[..., :3].astype(int) - cutout[..., :3])[there].max() > 60
    assert (edited[..., 3][there] > 245).all()


def test_frames_of_a_transparent_picture_are_transparent_and_a_video_has_a_background(
    cutout: Pixels, tmp_path: Path
) -> None:
    sound = (0.3 * np.sin(np.arange(4000) / 9).astype(np.float32), 16_000)
    avatar = Avatar(cutout, renderer="warp")
    clip = avatar.speak(sound)
    assert "transparent parts are white" in clip.note
    clip.save(f"{tmp_path}/frames/")
    with PillowImage.open(tmp_path / "frames" / "000002.png") as frame:
        assert frame.mode == "RGBA"
        assert np.abs(np.asarray(frame)[..., 3].astype(int) - cutout[..., 3]).mean() < 2
    assert (next(iter(clip))[:4, -4:] == 255).all()
    green = Avatar(cutout, renderer="warp", background="#00ff00")
    assert (next(iter(green.speak(sound)))[:4, -4:] == (0, 255, 0)).all()
    assert green.edit_rgba({"smile": 0.2}).shape[2] == 3
    with pytest.raises(InputError, match="not a colour"):
        Avatar(cutout, renderer="warp", background="greenish")


def test_one_picture_out_of_animate_is_transparent_too(cutout: Pixels, examples: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "cutout.png", tmp_path / "out.png"
    PillowImage.fromarray(cutout).save(source)
    words = ["animate", str(source), str(examples / "grace_hopper.jpg"), "-o", str(out), "--renderer", "warp"]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, result.output
    with PillowImage.open(out) as picture:
        assert picture.mode == "RGBA"


def test_a_large_picture_is_said_to_be_scaled_down(examples: Path, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    with PillowImage.open(examples / "astronaut.png") as picture:
        picture.convert("RGB").resize((2400, 2400)).save(path)
    assert "2400 x 2400 drawn as 2048 x 2048 (--max-side)" in Avatar(path, renderer="warp").note
    assert Avatar(path, renderer="warp", max_side=300).edit({}).shape == (300, 300, 3)
    assert "--max-side" not in Avatar(path, renderer="warp", max_side=2400).note
