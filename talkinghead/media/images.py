"""Pictures in, through Pillow: whatever the file holds becomes upright RGB of 8 bits."""

from __future__ import annotations

import contextlib
import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import ImageError
from talkinghead.core.places import is_file, is_folder, is_there
from talkinghead.core.settings import MAX_PICTURE_SIDE_PX, MIN_SIDE_PX
from talkinghead.core.types import Image, Pixels
from talkinghead.media.limits import MAX_PICTURE_PIXELS, too_large

if TYPE_CHECKING:
    from PIL import Image as Pillow

    PictureLike = str | Path | npt.NDArray[Any] | Pillow.Image | Image

# EXIF's tag of a description.
DESCRIPTION = 0x010E
# Its tag of how the picture is turned, and the values that exchange width and height.
_ORIENTATION, _ON_ITS_SIDE = 0x0112, (5, 6, 7, 8)
# Of a PNG's gAMA chunk: sRGB's, and what is a mistake rather than a gamma.
_USUAL_GAMMA, _DARKEST_GAMMA, _BRIGHTEST_GAMMA = 1 / 2.2, 0.2, 1.5
_HEIF_SUFFIXES = (".heic", ".heif", ".hif")
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1")


def read_image(path: str | Path, max_side_px: int = MAX_PICTURE_SIDE_PX) -> Image:
    """The picture in the file `path`: upright (EXIF), RGB, its longer side at most `max_side_px`.

    Grey, 16-bit, CMYK and palette pictures become RGB of 8 bits; colour profiles become sRGB; of an animation the
    first frame is taken. Transparency is kept as `alpha`, and `pixels` show the picture on white.

    Raises:
        ImageError: there is no such file, or it is no picture that can be read, or too small or too large.
    """
    path = Path(path)
    _check_file(path)
    picture = _opened(path)
    with picture:
        return replace(_image_of(picture, str(path), path.name, max_side_px), file=path)


def open_picture(picture: PictureLike, max_side_px: int = MAX_PICTURE_SIDE_PX) -> Image:
    """A picture from a path, an array (H, W, 3 or 4) uint8 or float in 0..1, a Pillow picture, or an Image.

    An array's fourth channel, or a Pillow picture's transparency, becomes `alpha`, and `pixels` show it on white.

    Raises:
        ImageError: it cannot be read, is too small or too large, or is an array of another kind.
    """
    from PIL import Image as pillow  # noqa: N813

    if isinstance(picture, Image):
        return picture
    if isinstance(picture, str | Path):
        return read_image(picture, max_side_px)
    if isinstance(picture, pillow.Image):
        _check_pixels(picture.size, "the picture")
        return _image_of(picture, "the picture", "picture", max_side_px)
    values = _eight_bit_array(np.asarray(picture))
    _check_pixels((values.shape[1], values.shape[0]), "the picture")
    return _image_of(pillow.fromarray(values), "the picture", "picture", max_side_px)


def _eight_bit_array(values: npt.NDArray[Any]) -> Pixels:
    """An array (H, W, 3 or 4) as uint8."""
    if values.ndim != 3 or values.shape[2] not in (3, 4):
        raise ImageError(f"an array of the shape {values.shape} is no picture: give (height, width, 3 or 4), RGB")
    if values.dtype == np.uint8:
        return np.ascontiguousarray(values)
    if values.dtype.kind != "f" or not np.isfinite(values).all() or values.min() < 0 or values.max() > 1:
        raise ImageError(f"an array of {values.dtype} is no picture: give uint8, or floats between 0 and 1")
    return np.asarray(np.round(values * 255), np.uint8)


def _image_of(picture: Pillow.Image, what: str, name: str, max_side_px: int) -> Image:
    """An opened picture, decoded; `what` is what messages call it."""
    width, height = picture.size
    if min(width, height) < MIN_SIDE_PX:
        raise ImageError(f"{what} has only {width} x {height} pixels: "
                         f"choose a picture of at least {MIN_SIDE_PX} x {MIN_SIDE_PX}")  # fmt: skip
    try:
        pixels, alpha = _decoded(picture, max_side_px)
    except Exception as error:  # Pillow's decoders raise whatever they stumble over
        raise ImageError(
            f"{what} is damaged or incomplete and cannot be read ({error}): "
            "copy it again, or save it anew from a picture viewer"
        ) from error
    own = (height, width) if picture.getexif().get(_ORIENTATION, 1) in _ON_ITS_SIDE else (width, height)
    return Image(pixels, alpha, name, None if own == (pixels.shape[1], pixels.shape[0]) else own)


def picture_size(path: Path) -> tuple[int, int]:
    """(width, height) that a picture's header tells; its pixels are not read.

    Raises:
        ImageError: it is no picture, or one with too many pixels.
    """
    _check_file(path)
    with _opened(path) as picture:
        width, height = picture.size
    return width, height


def describe_picture(path: Path) -> tuple[str, tuple[int, int], str]:
    """(format, (width, height), comment) that a picture's header tells; its pixels are not read.

    Raises:
        ImageError: as `picture_size`.
    """
    _check_file(path)
    with _opened(path) as picture:
        said = picture.info.get("Comment") or picture.info.get("comment") or picture.getexif().get(DESCRIPTION) or ""
        text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return picture.format or path.suffix, picture.size, text


def _check_pixels(size: tuple[int, int], what: str) -> None:
    if size[0] * size[1] > MAX_PICTURE_PIXELS:
        raise ImageError(too_large(what, *size, MAX_PICTURE_PIXELS))


def _check_file(path: Path) -> None:
    if is_folder(path):
        raise ImageError(f"{path} is a folder: give the name of a picture")
    if not is_there(path):
        raise ImageError(f"there is no file {path}: check its name")
    if not is_file(path):  # a pipe can be read once, and pictures are looked at first
        raise ImageError(f"{path} is a pipe or a device: save the picture to a file first")
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise ImageError(f"{path} cannot be read ({error.strerror}): check its permissions") from error
    if empty:
        raise ImageError(f"{path} is an empty file: copy the picture again")


def _opened(path: Path) -> Pillow.Image:
    """The file's header, understood; its pixels not yet read."""
    from PIL import UnidentifiedImageError

    # The plugin takes a while to import, and few pictures need it.
    heif = path.suffix.lower() in _HEIF_SUFFIXES or _is_heif(path)
    plugin = heif and _register_heif()
    try:
        picture = _identified(path)
    except UnidentifiedImageError:
        if heif and not plugin:
            raise ImageError(f"{path} is a HEIC picture, which needs the package pillow-heif: "
                             "run 'pip install pillow-heif', or save it as JPEG") from None  # fmt: skip
        raise ImageError(
            f"{path} is not a picture that can be read: give a PNG, JPEG, WebP, TIFF or HEIC file"
        ) from None
    except Exception as error:  # a header that a plugin stumbles over
        raise ImageError(f"{path} is damaged and cannot be read ({error}): copy it again") from error
    try:
        _check_pixels(picture.size, str(path))
    except ImageError:
        picture.close()
        raise
    return picture


# To read EPS, Pillow starts Ghostscript, which runs what the file says.
_RUNS_PROGRAMS = frozenset({"EPS"})


def _identified(path: Path) -> Pillow.Image:
    """`PIL.Image.open` without its own limit, which is another than ours, and for all of the process.

    Raises:
        UnidentifiedImageError: no plugin knows it.
    """
    from PIL import Image as pillow  # noqa: N813
    from PIL import UnidentifiedImageError

    with path.open("rb") as file:
        head = file.read(16)
    # Few pictures need more than the usual plugins, and all of them take a tenth of a second to import.
    for load in (pillow.preinit, pillow.init):
        load()
        for name in (known for known in pillow.ID if known not in _RUNS_PROGRAMS):
            factory, accepts = pillow.OPEN[name]
            if accepts is None or accepts(head) is True:
                with contextlib.suppress(SyntaxError, IndexError, TypeError, struct.error):  # it is not of this kind
                    return factory(str(path), "")  # type: ignore[arg-type]  # a path is as good as a stream
    raise UnidentifiedImageError


def _register_heif() -> bool:
    """Teach Pillow HEIC; False where the plugin is missing."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        return False
    register_heif_opener()
    return True


def _is_heif(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(12)
    return head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS


def _decoded(picture: Pillow.Image, max_side_px: int) -> tuple[Pixels, Pixels | None]:
    """(pixels, alpha or None) of an opened picture."""
    from PIL import Image as pillow  # noqa: N813

    shrink = min(1.0, max_side_px / max(picture.size))
    wanted = max(1, round(picture.width * shrink)), max(1, round(picture.height * shrink))
    if shrink < 1:
        # JPEG decodes at a half, quarter or eighth right away: memory stays small.
        picture.draft(picture.mode, wanted)
    picture.load()
    oriented = picture.getexif().get(_ORIENTATION, 1) != 1
    flat = _eight_bits(picture)
    if shrink < 1 and flat.size != wanted:
        flat = flat.resize(wanted, pillow.Resampling.LANCZOS, reducing_gap=2.0)
    if oriented:
        flat = _turned(flat, picture)
    flat = _to_srgb(_of_gamma(flat, picture), picture.info.get("icc_profile"))
    if flat.mode != "RGBA":
        return np.array(flat.convert("RGB")), None
    alpha = np.array(flat.getchannel("A"))
    if alpha.min() == 255:
        return np.array(flat.convert("RGB")), None
    white = pillow.new("RGBA", flat.size, (255, 255, 255, 255))
    return np.array(pillow.alpha_composite(white, flat).convert("RGB")), alpha


def _turned(flat: Pillow.Image, picture: Pillow.Image) -> Pillow.Image:
    """`flat` as the EXIF orientation of `picture` wants it."""
    from PIL import Image as pillow  # noqa: N813

    turn = pillow.Transpose
    ways = {2: turn.FLIP_LEFT_RIGHT, 3: turn.ROTATE_180, 4: turn.FLIP_TOP_BOTTOM, 5: turn.TRANSPOSE,
            6: turn.ROTATE_270, 7: turn.TRANSVERSE, 8: turn.ROTATE_90}  # fmt: skip
    way = ways.get(picture.getexif().get(_ORIENTATION, 1))
    return flat if way is None else flat.transpose(way)


def _eight_bits(picture: Pillow.Image) -> Pillow.Image:
    """The picture as RGB, RGBA or CMYK of 8 bits."""
    from PIL import Image as pillow  # noqa: N813

    if picture.mode in ("RGB", "RGBA", "CMYK"):
        return picture
    if picture.mode.startswith(("I", "F")):
        return pillow.fromarray(_scaled(np.asarray(picture))).convert("RGB")
    transparent = "transparency" in picture.info or picture.mode in ("LA", "PA", "La", "RGBa")
    return picture.convert("RGBA" if transparent else "RGB")


def _scaled(values: npt.NDArray[np.generic]) -> Pixels:
    """Deep grey values as 8 bits: 16-bit numbers by their range, fractions from 0 to 1."""
    deep = np.nan_to_num(values.astype(np.float32))
    if values.dtype == np.uint16:
        full = 65535.0
    else:
        likely = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
        top = float(deep.max(initial=0))
        full = next((limit for limit in likely if top <= limit), top)
    return np.asarray(np.clip(deep * (255 / full) + 0.5, 0, 255), np.uint8)


def _of_gamma(flat: Pillow.Image, picture: Pillow.Image) -> Pillow.Image:
    """Values of a PNG that says which power of light they are (a renderer's are linear), as sRGB's; as browsers do.

    Where the file also has a profile, or says that it is sRGB, that holds.
    """
    gamma = picture.info.get("gamma")
    if (
        not isinstance(gamma, float)
        or {"icc_profile", "srgb"} & picture.info.keys()
        or flat.mode not in ("RGB", "RGBA")
    ):
        return flat
    if not _DARKEST_GAMMA < gamma < _BRIGHTEST_GAMMA or abs(gamma - _USUAL_GAMMA) < 0.02:
        return flat
    light = (np.arange(256) / 255) ** (1 / gamma)
    shown = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    table = np.asarray(np.round(255 * shown), np.uint8).tolist()
    return flat.point(table * 3 + (list(range(256)) if flat.mode == "RGBA" else []))


def _to_srgb(flat: Pillow.Image, profile: bytes | None) -> Pillow.Image:
    """Colours of another profile (a phone's Display P3, a printer's CMYK) as sRGB's; an unusable profile is ignored."""
    if not profile or flat.mode not in ("RGB", "CMYK"):
        return flat
    import io

    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if "sRGB" in ImageCms.getProfileDescription(own):
            return flat
        changed = ImageCms.profileToProfile(flat, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return flat
    return changed or flat
