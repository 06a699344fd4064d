"""How large a picture may be: memory for more could take the machine down, so that it is refused unread."""

from __future__ import annotations

MAX_PICTURE_PIXELS = 150_000_000
# A decoder holds several pictures at once: half of what a single picture may have. 8K for headsets has 67 million.
MAX_VIDEO_PIXELS = 75_000_000


def too_large(what: str, width: int | str, height: int | str, most: int) -> str:
    """What to say of a picture with more than `most` pixels."""
    return f"{what} is too large with {width} x {height} pixels: scale it down to at most {most // 1_000_000} million"
