"""A picture whose people are laid upon another background, or upon none, as a canvas."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from talkinghead.canvas.cutout import Cutout, over
from talkinghead.core.types import DrawnCrop, Face, Image, Pixels, Portrait, TrackReport
from talkinghead.faces.paste import covered_rectangle, paste_back
from talkinghead.motion.protocols import Renderer


class Laid:
    """One portrait whose matte is drawn with it, before what is `behind` (H, W, 3), or with None before nothing.

    Its frames are (H, W, 3) RGB, or with nothing behind (H, W, 4) RGBA, not premultiplied.
    """

    report: TrackReport | None = None

    def __init__(
        self, cutout: Cutout, behind: Pixels | None, face: Face, renderer: Renderer, *, whole: bool, image: Image
    ) -> None:
        """`whole`: see `Renderer.crop`; `image` is the picture as it was read."""

        def cropped(pixels: Pixels) -> Portrait:
            return renderer.crop(Image(pixels, name=image.name, file=image.file), face, whole=whole)

        # The crop's matte and background are cut as the crop itself is.
        matte = np.ascontiguousarray(cropped(cv2.merge([cutout.alpha] * 3)).pixels[..., 0])
        self.portrait: Portrait = replace(cropped(cutout.own), matte=matte)
        self._alpha, self._behind = cutout.alpha, behind
        self._behind_crop = None if behind is None else cropped(behind).pixels
        self._at_rest = _finished(cutout.own, cutout.alpha, behind)

    @property
    def is_transparent(self) -> bool:
        """Whether nothing is behind."""
        return self._behind is None

    @property
    def file(self) -> Path | None:
        """What the picture was read from; None where it was handed over."""
        return self.portrait.image.file

    @property
    def size_px(self) -> tuple[int, int]:
        """(width, height) of the whole picture."""
        return self.portrait.image.size_px

    def portraits(self) -> Iterator[Portrait]:
        """None: a still picture's one portrait is `portrait`."""
        return iter(())

    def placed(self, drawn: DrawnCrop) -> Pixels:
        """The whole picture with a drawn crop pasted into its place, upon its background."""
        # Beyond the crop nothing moves.
        x0, y0, x1, y1 = covered_rectangle(drawn.portrait.crop, self.size_px)
        part = slice(y0, y1), slice(x0, x1)
        own = paste_back(self.portrait.image.pixels, drawn)[part]
        alpha = paste_back(self._alpha, replace(drawn, pixels=_matte(drawn), patch=None))[part]
        out: Pixels = self._at_rest.copy()
        out[part] = _finished(own, alpha, None if self._behind is None else self._behind[part])
        return out

    def cropped(self, drawn: DrawnCrop) -> Pixels:
        """A drawn crop alone, upon its background."""
        return _finished(drawn.pixels, _matte(drawn), self._behind_crop)

    def at_rest(self, drawn: DrawnCrop) -> Pixels:
        """The whole picture, upon its background, of which nothing is drawn."""
        return self._at_rest


def _matte(drawn: DrawnCrop) -> Pixels:
    """The matte that a renderer has drawn; the portrait's own from one that draws none."""
    matte = drawn.portrait.matte if drawn.matte is None else drawn.matte
    assert matte is not None
    return matte


def _finished(own: Pixels, alpha: Pixels, behind: Pixels | None) -> Pixels:
    if behind is not None:
        return over(np.ascontiguousarray(own), alpha, np.ascontiguousarray(behind))
    return np.asarray(np.dstack([own, alpha]), np.uint8)
