"""What is answered at once: the faces in a picture, and a picture with its face changed."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from talkinghead.core.errors import InputError, TalkingHeadError
from talkinghead.core.settings import OPTIONS, Settings
from talkinghead.core.temporary import temporary_folder
from talkinghead.provenance.making import MadeFrom, Making
from talkinghead.server.limits import Limits
from talkinghead.server.uploads import check_picture, kept_file, said_of, settings_from


async def faces_in(fields: dict[str, Any], limits: Limits) -> dict[str, object]:
    """What `talkinghead faces --json` prints of the form's `picture`.

    Raises:
        InputError: it is no picture, or shows no face; or there is another field.
        RefusedError: it is missing, or too large.
    """
    kept = await kept_file(fields.pop("picture", None), "picture")
    try:
        if fields:
            raise InputError(f"faces take a picture alone, not {sorted(fields)[0]!r}")
        check_picture(kept, limits)

        def found() -> dict[str, object]:
            from talkinghead.faces.listing import faces_record, list_faces
            from talkinghead.media.images import read_image

            image = read_image(kept.path)
            return cast(dict[str, object], faces_record(image, list_faces(image)))

        return await asyncio.to_thread(found)
    except TalkingHeadError as error:
        raise InputError(said_of(error, kept)) from None
    finally:
        kept.close()


async def edited(fields: dict[str, Any], base: Settings, limits: Limits) -> bytes:
    """The form's `picture` as PNG with its face changed: fields are controls (`smile`) and blendshapes with their
    values, or options.

    Raises:
        InputError: as `Avatar.edit`.
        RefusedError: the picture is missing, or too large.
    """
    kept = await kept_file(fields.pop("picture", None), "picture")
    try:
        options = {name: value for name, value in fields.items() if name in OPTIONS}
        controls = {name: _number(name, value) for name, value in fields.items() if name not in OPTIONS}
        settings = settings_from(options, base, transparent=True)
        check_picture(kept, limits)

        def drawn() -> bytes:
            from talkinghead.calls import editor
            from talkinghead.media.image_writing import write_image

            pixels = editor(kept.path, settings).edit_rgba(controls)
            making = Making(settings.marking, (MadeFrom(kept.path, "source"),), edits=True)
            with temporary_folder() as folder:
                return write_image(folder / "edited.png", pixels, making=making).read_bytes()

        return await asyncio.to_thread(drawn)
    except TalkingHeadError as error:
        raise InputError(said_of(error, kept)) from None
    finally:
        kept.close()


def _number(name: str, value: object) -> float:
    try:
        return float(str(value))
    except ValueError:
        raise InputError(f"{name} must be a number, not {str(value)[:40]!r}") from None
