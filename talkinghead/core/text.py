"""Texts in files, as editors write them."""

from __future__ import annotations

import codecs


def read_text(data: bytes) -> str:
    """A file's bytes as text: UTF-8, or the UTF-16 of Windows' editors and spreadsheets, which begins with its mark.

    Raises:
        UnicodeDecodeError: it is neither.
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16")
    return data.decode("utf-8-sig")
