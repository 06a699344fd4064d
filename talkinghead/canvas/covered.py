"""Whether something covers the mouth in a video, as far as its beginning shows."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from talkinghead.faces import FaceTracker
from talkinghead.faces.mouth import mouth_covered
from talkinghead.media.video import VideoReader

# How many times the mouth is looked at in the first second: a hand that passes is not a mask.
_LOOKS = 4


def covered_at_first(path: Path, face: int | None) -> bool:
    """Whether the mouth of face number `face` (None: the largest) is covered whenever it is looked at in the video's
    first second; False where no face is found there.

    Raises:
        VideoError: the file is no video that can be decoded.
    """
    with VideoReader(path) as reader:
        second = max(1, round(reader.fps))
        every, looks = max(1, second // _LOOKS), 0
        tracker = FaceTracker(index=face)
        for number, pixels in enumerate(islice(reader, second)):
            found = tracker.track(pixels)
            if found is None or number % every:
                continue
            if not mouth_covered(pixels, found):
                return False
            looks += 1
    return looks > 0
