"""Pictures in every dress they come in, and what each bad one is told."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageCms

from talkinghead.core.errors import ImageError, OutputError
from talkinghead.core.types import Image, Pixels
from talkinghead.media.image_writing import SYNTHETIC_PICTURE, write_image
from talkinghead.media.images import open_picture, read_image
from talkinghead.provenance.making import Making
from talkinghead.provenance.xmp import DIGITAL_SOURCE_TYPE


@pytest.fixture
def colours() -> Pixels:
    """(60, 80, 3): red grows to the right, green downwards; blue is constant."""
    out = np.full((60, 80, 3), 40, np.uint8)
    out[..., 0] = np.linspace(0, 255, 80)
    out[..., 1] = np.linspace(0, 255, 60)[:, None]
    return out


def saved(picture: Pillow.Image, path: Path, **options: Any) -> Path:
    picture.save(path, **options)
    return path


def error_of(path: Path) -> str:
    with pytest.raises(ImageError) as caught:
        read_image(path)
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tiff", "a.jpg", "a.webp"])
def test_common_formats(tmp_path: Path, colours: Pixels, name: str) -> None:
    path = saved(Pillow.fromarray(colours), tmp_path / name)
    image = read_image(path)
    assert image.name == name
    assert image.size_px == (80, 60)
    assert image.alpha is None
    assert image.pixels.dtype == np.uint8
    assert np.abs(image.pixels.astype(int) - colours).mean() < (0.1 if name in ("a.png", "a.bmp", "a.tiff") else 6)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, colours: Pixels, orientation: int) -> None:
    # How a camera that was held so stores an upright picture: the inverse of what a reader must do.
    stored = {
        1: colours, 2: colours[:, ::-1], 3: colours[::-1, ::-1], 4: colours[::-1],
        5: colours.transpose(1, 0, 2), 6: np.rot90(colours, 1), 7: colours[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(colours, -1),
    }[orientation]  # fmt: skip
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    for name in ("a.png", "a.tiff"):
        path = saved(Pillow.fromarray(np.ascontiguousarray(stored)), tmp_path / name, exif=exif)
        assert np.array_equal(read_image(path).pixels, colours)


def test_a_large_oriented_jpeg_is_scaled_down(tmp_path: Path, colours: Pixels) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    big = Pillow.fromarray(np.ascontiguousarray(np.rot90(colours))).resize((1200, 1600), Pillow.Resampling.BICUBIC)
    image = read_image(saved(big, tmp_path / "a.jpg", exif=exif, quality=95), max_side_px=400)
    assert image.size_px == (400, 300)
    expected = np.asarray(Pillow.fromarray(colours).resize((400, 300), Pillow.Resampling.BICUBIC))
    assert np.abs(image.pixels.astype(int) - expected).mean() < 4


def test_alpha_is_kept_and_laid_on_white(tmp_path: Path, colours: Pixels) -> None:
    alpha = np.zeros((60, 80), np.uint8)
    alpha[:, 40:], alpha[:, 20:40] = 255, 128
    image = read_image(saved(Pillow.fromarray(np.dstack([colours, alpha])), tmp_path / "a.png"))
    assert image.alpha is not None
    assert np.array_equal(image.alpha, alpha)
    assert (image.pixels[:, :20] == 255).all()
    assert np.array_equal(image.pixels[:, 40:], colours[:, 40:])
    assert np.abs(image.pixels[:, 20:40].astype(int) - (colours[:, 20:40].astype(int) + 255) / 2).max() <= 2
    opaque = read_image(saved(Pillow.fromarray(colours).convert("RGBA"), tmp_path / "b.png"))
    assert opaque.alpha is None


@pytest.mark.parametrize("mode", ["L", "1", "LA", "P", "CMYK"])
def test_other_modes_become_rgb(tmp_path: Path, colours: Pixels, mode: str) -> None:
    path = saved(Pillow.fromarray(colours).convert(mode), tmp_path / ("a.tiff" if mode == "CMYK" else "a.png"))
    image = read_image(path)
    assert image.pixels.shape == (60, 80, 3)
    grey = mode in ("L", "1", "LA")
    assert (np.ptp(image.pixels.astype(int), axis=2).max() == 0) == grey
    shown = np.asarray(Pillow.fromarray(colours).convert(mode).convert("RGB"))
    assert np.abs(image.pixels.astype(int) - shown).mean() < 2


def test_cmyk_jpeg(tmp_path: Path, colours: Pixels) -> None:
    path = saved(Pillow.fromarray(colours).convert("CMYK"), tmp_path / "a.jpg", quality=95)
    assert np.abs(read_image(path).pixels.astype(int) - colours).mean() < 8


def test_a_palette_with_transparency(tmp_path: Path) -> None:
    picture = Pillow.new("P", (64, 64), 0)
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.paste(1, (0, 0, 32, 64))
    image = read_image(saved(picture, tmp_path / "a.png", transparency=0))
    assert image.alpha is not None
    assert (image.alpha[:, :32] == 255).all()
    assert (image.alpha[:, 32:] == 0).all()
    assert tuple(image.pixels[5, 5]) == (0, 0, 255)


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bit_grey(tmp_path: Path, suffix: str) -> None:
    ramp = np.tile(np.linspace(0, 65535, 100).astype(np.uint16), (50, 1))
    image = read_image(saved(Pillow.fromarray(ramp), tmp_path / f"a.{suffix}"))
    assert np.abs(image.pixels[..., 0].astype(float) - ramp / 257).max() <= 1


def test_sixteen_bit_grey_that_is_dark_stays_dark(tmp_path: Path) -> None:
    image = read_image(saved(Pillow.fromarray(np.full((50, 50), 200, np.uint16)), tmp_path / "a.png"))
    assert image.pixels.max() <= 1


def test_sixteen_bit_colour(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    deep = np.zeros((40, 50, 3), np.uint16)
    deep[..., 2], deep[..., 1] = 65535, np.linspace(0, 65535, 50).astype(np.uint16)  # BGR
    for name in ("a.png", "a.tiff"):
        assert cv2.imwrite(str(tmp_path / name), deep)
        image = read_image(tmp_path / name)
        assert (image.pixels[..., 0] == 255).all()
        assert np.abs(image.pixels[0, :, 1] - deep[0, :, 1] / 257).max() <= 1


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Pillow.new("RGB", (48, 48), colour) for colour in ("red", "blue")]
    path = tmp_path / "a.gif"
    frames[0].save(path, save_all=True, append_images=frames[1:])
    assert tuple(read_image(path).pixels[5, 5]) == (255, 0, 0)


def test_heic(tmp_path: Path, colours: Pixels) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    path = saved(Pillow.fromarray(colours).resize((160, 120)), tmp_path / "a.heic", quality=95)
    image = read_image(path)
    assert image.size_px == (160, 120)
    assert image.pixels[60, 150, 0] > 200


def test_heic_without_its_plugin_says_what_to_install(tmp_path: Path, colours: Pixels) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.register_heif_opener()
    path = saved(Pillow.fromarray(colours).resize((160, 120)), tmp_path / "a.heic")
    code = (
        "import sys; sys.modules['pillow_heif'] = None\n"
        "from talkinghead.media.images import read_image\n"
        "from talkinghead.core.errors import ImageError\n"
        f"try: read_image({str(path)!r})\nexcept ImageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install pillow-heif" in done.stdout


def test_a_wide_gamut_becomes_srgb(tmp_path: Path) -> None:
    # LittleCMS has no Display P3 at hand: a linear profile is as different as a profile gets.
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture = Pillow.new("RGB", (64, 64), (120, 30, 200))
    plain = read_image(saved(picture, tmp_path / "a.png", icc_profile=lab))
    assert tuple(plain.pixels[0, 0]) == (120, 30, 200)
    broken = read_image(saved(picture, tmp_path / "b.png", icc_profile=b"no profile at all"))
    assert tuple(broken.pixels[0, 0]) == (120, 30, 200)


def test_forty_megapixels_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Pillow.effect_noise((910, 606), 60).resize((7280, 5500)).convert("RGB").save(path, quality=80)
    code = (
        "import resource\nfrom PIL import Image\nimport talkinghead.media.images as images\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        f"image = images.read_image({str(path)!r})\nprint(*image.size_px)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    size, grown_kb = done.stdout.splitlines()
    assert size == "2048 1547"
    if sys.platform == "linux":
        assert int(grown_kb) < 150_000


class TestWhatAProgramHolds:
    @pytest.mark.parametrize("kind", [str, Path])
    def test_a_path_is_read(self, tmp_path: Path, colours: Pixels, kind: type[str] | type[Path]) -> None:
        path = saved(Pillow.fromarray(colours), tmp_path / "a.png")
        image = open_picture(kind(path))
        assert image.name == "a.png"
        np.testing.assert_array_equal(image.pixels, colours)

    def test_an_image_is_taken_as_it_is(self, colours: Pixels) -> None:
        image = Image(colours, name="mine")
        assert open_picture(image) is image

    @pytest.mark.parametrize("kind", ["uint8", "float32", "float64", "view"])
    def test_an_array_is_a_picture(self, colours: Pixels, kind: str) -> None:
        given = colours[:, ::-1][:, ::-1] if kind == "view" else colours
        image = open_picture(given.astype(kind) / 255 if kind.startswith("float") else given)
        assert image.alpha is None
        assert image.pixels.dtype == np.uint8
        np.testing.assert_array_equal(image.pixels, colours)

    def test_an_array_is_copied(self, colours: Pixels) -> None:
        image = open_picture(colours)
        before = image.pixels.copy()
        colours[...] = 0
        np.testing.assert_array_equal(image.pixels, before)

    @pytest.mark.parametrize("as_pillow", [True, False])
    def test_a_fourth_channel_is_transparency(self, colours: Pixels, as_pillow: bool) -> None:
        alpha = np.full((60, 80), 255, np.uint8)
        alpha[:, :20] = 0
        both = np.dstack([colours, alpha])
        image = open_picture(Pillow.fromarray(both) if as_pillow else both)
        assert image.alpha is not None
        np.testing.assert_array_equal(image.alpha, alpha)
        assert (image.pixels[:, :20] == 255).all()
        np.testing.assert_array_equal(image.pixels[:, 20:], colours[:, 20:])

    @pytest.mark.parametrize("mode", ["RGB", "L", "P", "CMYK"])
    def test_a_pillow_picture_is_as_its_file(self, tmp_path: Path, colours: Pixels, mode: str) -> None:
        picture = Pillow.fromarray(colours).convert(mode)
        path = saved(picture, tmp_path / "a.tiff")
        np.testing.assert_array_equal(open_picture(picture).pixels, read_image(path).pixels)

    def test_a_pillow_pictures_orientation_is_heeded(self, tmp_path: Path, colours: Pixels) -> None:
        exif = Pillow.Exif()
        exif[0x0112] = 6
        path = saved(Pillow.fromarray(np.ascontiguousarray(np.rot90(colours))), tmp_path / "a.png", exif=exif)
        with Pillow.open(path) as picture:
            np.testing.assert_array_equal(open_picture(picture).pixels, colours)

    def test_large_ones_are_scaled_down(self) -> None:
        assert open_picture(np.zeros((300, 600, 3), np.uint8), max_side_px=200).size_px == (200, 100)

    @pytest.mark.parametrize(
        ("picture", "said"),
        [
            (np.zeros((60, 80), np.uint8), r"the shape \(60, 80\)"),
            (np.zeros((60, 80, 2), np.uint8), "3 or 4"),
            (np.zeros((3, 60, 80), np.uint8), "3 or 4"),
            (np.zeros((60, 80, 3), np.int32), "uint8, or floats"),
            (np.full((60, 80, 3), 255.0), "between 0 and 1"),
            (np.full((60, 80, 3), -0.1), "between 0 and 1"),
            (np.full((60, 80, 3), np.nan), "between 0 and 1"),
            (np.zeros((20, 80, 3), np.uint8), "at least 32 x 32"),
        ],
    )
    def test_other_arrays_are_told_what_a_picture_is(self, picture: Pixels, said: str) -> None:
        with pytest.raises(ImageError, match=said) as caught:
            open_picture(picture)
        assert "\n" not in str(caught.value)


def png_header(width: int, height: int) -> bytes:
    head = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    chunk = (13).to_bytes(4, "big") + head + zlib.crc32(head).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n" + chunk + (1000).to_bytes(4, "big") + b"IDAT"


@pytest.mark.parametrize("side", [13_000, 60_000])
def test_a_decompression_bomb_is_refused(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(side, side) + b"\0" * 100)
    assert f"{side} x {side} pixels: scale it down to at most 150 million" in error_of(path)


def test_what_the_message_allows_is_read_without_a_warning(tmp_path: Path) -> None:
    # Beyond Pillow's own limit, at which it warns, and within ours; warnings are errors here.
    image = read_image(saved(Pillow.new("L", (10_000, 10_000), 90), tmp_path / "photo.jpg"))
    assert image.size_px == (2048, 2048)


def test_bad_files_are_told_apart(tmp_path: Path, colours: Pixels) -> None:
    assert "no file" in error_of(tmp_path / "missing.png")
    assert "folder" in error_of(tmp_path)
    (tmp_path / "empty.png").touch()
    assert "empty" in error_of(tmp_path / "empty.png")
    (tmp_path / "text.png").write_text("not a picture")
    assert "not a picture" in error_of(tmp_path / "text.png")
    assert "32 x 32" in error_of(saved(Pillow.new("RGB", (20, 200)), tmp_path / "small.png"))


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp", "tiff", "gif", "bmp"])
def test_a_cut_off_file_is_an_error(tmp_path: Path, kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    whole = io.BytesIO()
    Pillow.fromarray(noise).save(whole, kind)
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(whole.getvalue()[: len(whole.getvalue()) // 2])
    error_of(path)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_an_error(tmp_path: Path, colours: Pixels) -> None:
    path = saved(Pillow.fromarray(colours), tmp_path / "a.png")
    path.chmod(0)
    assert "permissions" in error_of(path)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.jpg", "a.webp"])
def test_written_pictures_are_read_again(tmp_path: Path, colours: Pixels, name: str) -> None:
    path = write_image(tmp_path / name, colours, making=Making())
    assert [item.name for item in tmp_path.iterdir()] == [name]
    again = read_image(path)
    assert np.abs(again.pixels.astype(int) - colours).max() <= (0 if name in ("a.png", "a.bmp", "a.tif") else 30)
    with Pillow.open(path) as picture:
        said = picture.info.get("Comment"), picture.getexif().get(0x010E)
    # As PNG's own text or as EXIF's ImageDescription; a BMP has no place for either.
    words = f"{SYNTHETIC_PICTURE} {DIGITAL_SOURCE_TYPE}"
    assert said == {"a.png": (words, None), "a.bmp": (None, None)}.get(name, (None, words))


def test_nothing_is_overwritten_unasked(tmp_path: Path, colours: Pixels) -> None:
    path = write_image(tmp_path / "a.png", colours)
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists"):
        write_image(path, colours[::-1])
    assert path.read_bytes() == before
    write_image(path, colours[::-1], force=True)
    assert np.array_equal(read_image(path).pixels, colours[::-1])


@pytest.mark.parametrize(("name", "says"), [("a.xyz", "end its name in"), ("nowhere/a.png", "folder"), ("a", "end")])
def test_bad_targets(tmp_path: Path, colours: Pixels, name: str, says: str) -> None:
    with pytest.raises(OutputError, match=says):
        write_image(tmp_path / name, colours)
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_image(tmp_path / "a.png", np.zeros((4, 4, 7), np.uint8))
    assert not list(tmp_path.iterdir())
