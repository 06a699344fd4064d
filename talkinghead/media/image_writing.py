"""Pictures out, through Pillow: whole or not at all, and marked as what they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from talkinghead.core.errors import OutputError
from talkinghead.core.marking import Marking
from talkinghead.core.output import check_writable, whole_file
from talkinghead.core.types import Pixels
from talkinghead.media.images import DESCRIPTION
from talkinghead.provenance.containers import PNG_XMP, xmp_segment

if TYPE_CHECKING:
    from PIL import Image as Pillow

    from talkinghead.provenance.making import Making

SYNTHETIC_PICTURE = "Synthetic picture: the face was changed by talkinghead."

_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF",
            ".bmp": "BMP"}  # fmt: skip
_OPAQUE = ("JPEG", "BMP")
_OPTIONS: dict[str, dict[str, int]] = {"PNG": {"compress_level": 4}, "JPEG": {"quality": 95, "subsampling": 0},
                                       "WEBP": {"quality": 95}}  # fmt: skip
_TIFF_XMP = 700


def write_image(path: str | Path, pixels: Pixels, *, force: bool = False, making: Making | None = None) -> Path:
    """Write `pixels` (H, W, 3) RGB or (H, W, 4) RGBA uint8 to `path`, whole or not at all.

    The suffix decides the format. JPEG and BMP have no transparency: they show the picture on white.
    With a `making` it is marked as synthetic, by a comment and XMP, where the format has a place for them (PNG, JPEG,
    WebP, TIFF), and signed where that is configured.

    Raises:
        OutputError: the suffix is unknown, the file exists and `force` is not set, or it cannot be written; or it
            is there, but could not be signed.
        InputError: the certificate or its key are not of use.
    """
    from PIL import Image as pillow  # noqa: N813

    target = Path(path)
    kind = _format_of(target)
    if making is not None:
        making.check(target.suffix, str(target))
    picture = pillow.fromarray(np.ascontiguousarray(pixels))
    if picture.mode == "RGBA" and kind in _OPAQUE:
        picture = pillow.alpha_composite(pillow.new("RGBA", picture.size, (255, 255, 255, 255)), picture).convert("RGB")
    marks = {} if making is None else _marks(kind, picture, making)
    unsigned = None
    with whole_file(target, force) as part:
        picture.save(part, format=kind, **_OPTIONS.get(kind, {}), **marks)
        if making is not None:
            unsigned = making.sign(part, target.suffix.lower(), target.name)
    if unsigned is not None:
        raise OutputError(f"{target} is written, but without a C2PA manifest: {unsigned}")
    return target


def _marks(kind: str, picture: Pillow.Image, making: Making) -> dict[str, Any]:
    """What Pillow is to write into a file of this kind beside the pixels."""
    from PIL.PngImagePlugin import PngInfo

    comment, packet = making.comment(SYNTHETIC_PICTURE), making.packet
    if not packet or kind == "BMP":
        return {}
    if kind == "PNG":
        text = PngInfo()
        text.add_text("Comment", comment)
        text.add_itxt(PNG_XMP, packet.decode())
        return {"pnginfo": text}
    exif = picture.getexif()
    exif[DESCRIPTION] = comment
    if kind == "TIFF":
        exif[_TIFF_XMP] = packet
    own: dict[str, dict[str, bytes]] = {"JPEG": {"extra": xmp_segment(packet)}, "WEBP": {"xmp": packet}}
    return {"exif": exif, **own.get(kind, {})}


def check_picture_target(
    path: Path, force: bool = False, transparent: bool = False, marking: Marking | None = None
) -> None:
    """Whether `write_image` would accept the name `path`: asked before the work, not after.

    Raises:
        OutputError, InputError: as `write_image`, also for a format that keeps nothing `transparent`, or that cannot be
            signed as `marking` asks.
    """
    if _format_of(path) in _OPAQUE and transparent:
        raise OutputError(f"{path.name} keeps no transparency: end its name in .png, .webp or .tif")
    check_writable(path, force)
    if marking is not None:
        from talkinghead.provenance.making import Making

        Making(marking).check(path.suffix, str(path))


def _format_of(target: Path) -> str:
    kind = _FORMATS.get(target.suffix.lower())
    if kind is None:
        raise OutputError(f"a picture cannot be written as {target.name}: end its name in {', '.join(_FORMATS)}")
    return kind
