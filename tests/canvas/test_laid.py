"""People laid upon another background: the picture as it is composed, and what it is composed of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from talkinghead.avatar import Avatar
from talkinghead.canvas.cutout import Cutout, behind, cut_out, over
from talkinghead.canvas.laid import Laid
from talkinghead.canvas.source import Source
from talkinghead.core.background import Background, parse_background
from talkinghead.core.errors import FaceError, ImageError, InputError
from talkinghead.core.types import DrawnCrop, Face, Image, Pixels
from talkinghead.faces import find_face
from talkinghead.media.images import open_picture, read_image
from talkinghead.renderers.warp import WarpRenderer

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def oval() -> Pixels:
    """(203, 255): the matte of a portrait in a locket, soft, of odd sizes."""
    y, x = np.indices((203, 255))
    far = np.hypot((x - 127) / 90, (y - 96) / 90)
    return np.clip(255 * (1 - (far - 0.9) / 0.2), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def hopper() -> Image:
    image = read_image(EXAMPLES / "grace_hopper.jpg", max_side_px=300)
    return Image(np.ascontiguousarray(image.pixels[:203, :255]), name="hopper.jpg")


@pytest.fixture(scope="module")
def face(hopper: Image) -> Face:
    return find_face(hopper)


@pytest.mark.parametrize("colour", [(0, 255, 0), (0, 0, 0), (12, 200, 90)])
def test_a_resting_face_upon_a_background_is_the_composition(
    hopper: Image, face: Face, oval: Pixels, colour: tuple[int, int, int]
) -> None:
    plain = np.full_like(hopper.pixels, colour)
    laid = Laid(Cutout(hopper.pixels, oval), plain, face, WarpRenderer(), whole=False, image=hopper)
    assert laid.portrait.matte is not None
    drawn = DrawnCrop(laid.portrait.pixels, laid.portrait, matte=laid.portrait.matte)
    share = oval[..., None] / 255
    expected = share * hopper.pixels + (1 - share) * colour
    placed = laid.placed(drawn)
    assert np.abs(placed - expected).max() <= 0.51
    np.testing.assert_array_equal(placed, laid.at_rest(drawn))
    x, y = -laid.portrait.crop.matrix[:, 2].round().astype(int)
    cropped = laid.cropped(drawn)
    np.testing.assert_array_equal(cropped, placed[y : y + cropped.shape[0], x : x + cropped.shape[1]])


def test_upon_nothing_colours_are_not_multiplied(hopper: Image, face: Face, oval: Pixels) -> None:
    laid = Laid(Cutout(hopper.pixels, oval), None, face, WarpRenderer(), whole=False, image=hopper)
    placed = laid.placed(DrawnCrop(laid.portrait.pixels, laid.portrait, matte=laid.portrait.matte))
    assert laid.is_transparent
    np.testing.assert_array_equal(placed, np.dstack([hopper.pixels, oval]))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_a_pictures_own_transparency_is_taken(tmp_path: Path, hopper: Image, oval: Pixels, mode: str) -> None:
    """Grey with alpha, a palette with transparent colours, turned by EXIF: alpha arrives, and colours without white."""
    picture = PillowImage.fromarray(np.dstack([hopper.pixels, oval if mode != "P" else (oval > 127) * np.uint8(255)]))
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    picture.convert("LA" if mode == "LA" else "RGBA").quantize(64).save(tmp_path / "a.png") if mode == "P" else (
        picture.convert(mode).save(tmp_path / "a.png", exif=exif)
    )
    image = read_image(tmp_path / "a.png")
    assert image.alpha is not None
    turned = np.rot90(oval, -1) if mode != "P" else np.where(oval > 127, 255, 0)
    assert np.abs(image.alpha.astype(int) - turned).mean() < 1
    cutout = cut_out(image, [])
    np.testing.assert_array_equal(cutout.alpha, image.alpha)
    source = np.asarray(picture.convert(mode if mode == "LA" else "RGBA").convert("RGB"))
    source = source if mode == "P" else np.rot90(source, -1)
    there = image.alpha > 60
    assert np.abs(cutout.own.astype(int) - source)[there].mean() < (12 if mode == "P" else 1.5)
    # White, upon which a picture shows itself, is gone from where it is all transparent.
    assert cutout.own[image.alpha == 0].mean() < 200


def test_a_background_picture_covers_any_size(tmp_path: Path, hopper: Image) -> None:
    wide = np.zeros((40, 400, 3), np.uint8)
    wide[:, 180:220] = (255, 0, 0)
    PillowImage.fromarray(wide).save(tmp_path / "wide.png")
    found = behind(parse_background(str(tmp_path / "wide.png")), hopper, Cutout(hopper.pixels, hopper.pixels[..., 0]))
    assert found is not None
    assert found.shape == hopper.pixels.shape
    assert (found[:, 100:150] == (255, 0, 0)).mean() > 0.9  # its middle, and not squeezed
    (tmp_path / "none.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"none\.png"):
        behind(parse_background(str(tmp_path / "none.png")), hopper, Cutout(hopper.pixels, hopper.pixels[..., 0]))


def test_a_blurred_background_shows_nobody_behind_themselves(hopper: Image) -> None:
    picture = hopper.pixels.copy()
    picture[:], alpha = (0, 0, 200), np.zeros(picture.shape[:2], np.uint8)
    picture[60:, 80:180], alpha[60:, 80:180] = (255, 255, 0), 255
    found = behind(Background(blurred=True), Image(picture), Cutout(picture, alpha))
    assert found is not None
    assert np.abs(found.astype(int) - (0, 0, 200)).max() <= 3


def test_over_is_exact_at_both_ends() -> None:
    own, back = np.full((3, 5, 3), 201, np.uint8), np.full((3, 5, 3), 7, np.uint8)
    alpha = np.array([[0, 255, 128, 1, 254]] * 3, np.uint8)
    out = over(own, alpha, back)
    assert out[0, :, 0].tolist() == [7, 201, 104, 8, 200]


@pytest.mark.parametrize(
    ("background", "name", "message"),
    [
        ("transparent", "liveportrait", "--renderer warp"),
        ("blur", "warp", "no background to blur"),
        ("blur", "liveportrait", "no background to blur"),
    ],
)
def test_what_cannot_be_is_refused_at_once(
    hopper: Image, oval: Pixels, background: str, name: str, message: str
) -> None:
    renderer = WarpRenderer()
    renderer.name = name
    source = open_picture(np.dstack([hopper.pixels, oval]))
    with pytest.raises(InputError, match=message):
        Source(source, "picture", None, background).drawn_by(renderer)


def test_networks_blur_no_background(hopper: Image) -> None:
    renderer = WarpRenderer()
    renderer.name = "liveportrait"
    with pytest.raises(InputError, match="by a colour alone"):
        Source(hopper, "picture", None, "blur").drawn_by(renderer)


def test_a_video_keeps_its_background() -> None:
    with pytest.raises(InputError, match="is a video, whose background stays"):
        Source(Path("walk.mp4"), "picture", None, "green")


def test_a_picture_without_a_face_says_so() -> None:
    wall = Image(np.full((200, 300, 3), 127, np.uint8), name="wall.png")
    with pytest.raises(FaceError, match=r"wall\.png"):
        Source(wall, "picture", None, "green").drawn_by(WarpRenderer()).canvas(None, None)


def test_a_doubtful_matte_is_told() -> None:
    wall = Image(np.full((200, 300, 3), 127, np.uint8), name="wall.png")
    source = Source(wall, "picture", (100, 50, 80, 100), "transparent").drawn_by(WarpRenderer())
    (said,) = source.notes(None)
    assert "cut badly" in said
    assert "rembg" in said


@pytest.mark.slow
def test_a_colour_laid_before_drawing_is_the_matte_laid_after_it() -> None:
    """Two ways to the same frames, of two people: a colour behind the still picture, and a matte that moves."""
    small = [read_image(EXAMPLES / name, max_side_px=256).pixels for name in ("grace_hopper.jpg", "astronaut.png")]
    both = np.hstack([one[:218, :218] for one in small])
    sound = (0.3 * np.sin(np.arange(1900) / 9).astype(np.float32), 16_000)
    clips = [
        Avatar(both, face="all", renderer="warp", background=name).speak(sound) for name in ("lime", "transparent")
    ]
    assert [clip.faces for clip in clips] == [2, 2]
    assert [clip.is_transparent for clip in clips] == [False, True]
    first: Pixels | None = None
    for coloured, cut in zip(*clips, strict=True):
        first = cut if first is None else first
        composed = over(np.ascontiguousarray(cut[..., :3]), cut[..., 3], np.full_like(coloured, (0, 255, 0)))
        off = np.abs(composed.astype(int) - coloured)
        assert off.mean() < 0.3
        assert off.max() < 40  # where a soft edge is moved, by rounding and resampling
    assert first is not None
    assert (first[..., 3] != cut[..., 3]).any()  # it did move
