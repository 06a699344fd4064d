"""Pictures and recordings that come with a request: kept in temporary files, looked at before they are decoded."""

from __future__ import annotations

import asyncio
import re
import shutil
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from talkinghead.core.background import parse_background
from talkinghead.core.errors import InputError
from talkinghead.core.marking import Marking
from talkinghead.core.options import options_of
from talkinghead.core.settings import OPTIONS, Settings, option_texts, settings_of
from talkinghead.core.temporary import KeptFile
from talkinghead.media.images import picture_size
from talkinghead.media.kinds import is_video
from talkinghead.server.limits import Limits, RefusedError

# What acts on whoever runs the server, names a file of his, or is his to say: how what he gives out is marked.
NOT_OFFERED = frozenset({"checkpoints", "device", "acceleration"}).union(item.name for item in options_of(Marking))


async def form_of(request: Any) -> dict[str, Any]:
    """A multipart form's fields by name, each given once.

    Raises:
        RefusedError: it is no form, or a field comes twice.
    """
    kind = request.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise RefusedError(415, "send a form: multipart/form-data")
    try:
        form = await request.form(max_files=3, max_fields=100)
    except HTTPException as error:
        raise RefusedError(400, f"the form is damaged ({error.detail})") from None
    fields: dict[str, Any] = {}
    for name, value in form.multi_items():
        if name in fields:
            raise RefusedError(422, f"{name} is there twice")
        fields[name] = value
    return fields


async def kept_file(value: Any, name: str) -> KeptFile:
    """An uploaded file as a temporary one; its suffix, of which nothing else of its name is used, stays.

    Raises:
        RefusedError: there is none.
    """
    if not isinstance(value, UploadFile):
        raise RefusedError(422, f"{name} is missing: it is a file")
    suffix = re.search(r"\.\w{1,8}$", value.filename or "", re.A)
    kept = KeptFile(suffix[0].lower() if suffix else "")

    def copy() -> None:
        with kept.path.open("wb") as file:
            shutil.copyfileobj(value.file, file, 1 << 20)

    await asyncio.to_thread(copy)
    return kept


def said_of(error: Exception, kept: KeptFile, called: str = "the picture") -> str:
    """An error's message, in which the temporary file is what the client calls it."""
    return str(error).replace(str(kept.path), called).replace(kept.path.name, called)


def check_is_no_text(kept: KeptFile, name: str) -> None:
    """A playlist is a text that names other files, which are this machine's: nothing that an upload names is opened.

    Raises:
        RefusedError: it is a text.
    """
    with kept.path.open("rb") as file:
        head = file.read(512)
    if head and not re.search(rb"[\x00-\x08\x0e-\x1f\x7f-\xff]", head.removeprefix(b"\xef\xbb\xbf")):
        raise RefusedError(422, f"{name} is a text, perhaps a playlist: send the recording or the video itself")


def check_picture(kept: KeptFile, limits: Limits) -> None:
    """Whether a picture may be opened; a video is none.

    Raises:
        RefusedError: it has too many pixels, or is a video.
        ImageError: it is no picture.
    """
    if is_video(kept.path):
        raise RefusedError(422, "a stream's face is a picture, not a video")
    width, height = picture_size(kept.path)
    if width * height > limits.picture_mp * 1_000_000:
        raise RefusedError(
            413, f"the picture has {width * height / 1e6:.0f} megapixels, and {limits.picture_mp} are allowed"
        )


def check_options(fields: dict[str, Any], base: Settings, *, transparent: bool = False) -> dict[str, str]:
    """A form's options as texts by the names of the command line's, each of them sound; `base` where they say nothing.

    Raises:
        InputError: there is no such option, or no such value of it, as a background that is `transparent` where the
            answer cannot be.
    """
    given = {"max-side": str(base.max_side), "renderer": base.renderer, "device": base.device,
             "precision": base.precision}  # fmt: skip
    if base.checkpoints is not None:
        given["checkpoints"] = str(base.checkpoints)
    given.update(option_texts(base.marking))
    for name, value in fields.items():
        if name in NOT_OFFERED or name not in OPTIONS or not isinstance(value, str):
            known = ", ".join(sorted(set(OPTIONS) - NOT_OFFERED))
            raise InputError(f"there is no option {name!r}: choose among {known}")
        if name == "background" and parse_background(value, files=False).is_transparent and not transparent:
            raise InputError("JPEG and MP4 keep no transparency: give blur or a colour as background")
        given[name] = value
    settings_of({name: OPTIONS[name].value_of(value) for name, value in given.items()})
    return given


def settings_from(fields: dict[str, Any], base: Settings, *, transparent: bool = False) -> Settings:
    """Settings from a form's fields, as `check_options`."""
    given = check_options(fields, base, transparent=transparent)
    return settings_of({name: OPTIONS[name].value_of(value) for name, value in given.items()})
