"""A video against its reference, frame against frame of the same time."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import cv2

from talkinghead.core.types import Pixels
from talkinghead.faces import FaceTracker
from talkinghead.quality.distances import SSIM_WINDOW_PX, LandmarkDistance, PictureDistance, closures, face_window
from talkinghead.quality.face_series import MAX_LAG_S, FaceSeries
from talkinghead.quality.selfcheck import best_lag, pearson


@dataclass(frozen=True)
class AgainstReference:
    """A video against its reference, frame against frame of the same time; None where it could not be had.

    - `lmd`, `m_lmd`, `f_lmd`: see `talkinghead.quality.distances.LandmarkDistance`; `frames_with_both_faces`;
    - `ssim`, `psnr_db`: of whole frames; `face_ssim`, `face_psnr_db`: of the face's crop; `identical`: all pictures
      are equal, and PSNR is infinite;
    - `opening_correlation`: Pearson's, of the two mouths' openings, at `opening_lag_ms`, the lag at which it is
      greatest (positive: the video is behind its reference); `opening_correlation_unshifted`: at no lag;
    - `closures_kept`, `closures_right`: see `talkinghead.quality.distances.closures`.
    """

    lmd: float | None
    m_lmd: float | None
    f_lmd: float | None
    frames_with_both_faces: int
    ssim: float | None
    psnr_db: float | None
    face_ssim: float | None
    face_psnr_db: float | None
    identical: bool
    opening_correlation: float | None
    opening_lag_ms: float | None
    opening_correlation_unshifted: float | None
    closures_kept: float | None
    closures_right: float | None
    reasons: dict[str, str]


class Pair:
    """One or two videos, measured frame by frame."""

    def __init__(self, fps: Fraction, size_px: tuple[int, int]) -> None:
        self._fps, self._size_px = float(fps), size_px
        self.series = (FaceSeries(self._fps), FaceSeries(self._fps))
        self._trackers = (FaceTracker(), FaceTracker())
        self._landmarks, self._both = LandmarkDistance(), 0
        self._whole, self._face = PictureDistance(), PictureDistance()

    def add(self, pixels: Pixels, reference: Pixels | None = None) -> None:
        """The next frame of each."""
        given = (pixels,) if reference is None else (pixels, reference)
        faces = []
        for shown, tracker, series in zip(given, self._trackers, self.series):
            face = tracker.track(shown)
            series.add(face, tracker.cut)
            faces.append(face)
        if reference is None:
            return
        scaled = _scaled(pixels, self._size_px)
        if min(self._size_px) >= SSIM_WINDOW_PX:
            self._whole.add(scaled, reference)
        face, wanted = faces
        window = None if wanted is None else face_window(wanted, self._size_px)
        if window is not None:
            self._face.add(scaled[window], reference[window])
        if face is not None and wanted is not None:
            self._both += 1
            self._landmarks.add(face, wanted)

    def summary(self) -> AgainstReference:
        """What the two add up to."""
        reasons: dict[str, str] = {}
        here, there = self.series[0].opening, self.series[1].opening
        best, lag = best_lag(here, there, round(MAX_LAG_S * self._fps))
        if best is None or lag is None:
            reasons["opening"] = "one of the mouths does not move, or too few frames show both faces"
        lmd, mouth, whole = self._landmarks.means or (None, None, None)
        if lmd is None:
            reasons["landmarks"] = "no frame shows both faces"
        kept, right = closures(here, there, self._fps)
        if kept is None or right is None:
            reasons["closures"] = "one of the mouths never closes"
        psnr, face_psnr = self._whole.psnr_db, self._face.psnr_db
        return AgainstReference(
            lmd, mouth, whole, self._both, self._whole.ssim, psnr, self._face.ssim, face_psnr, psnr == float("inf"),
            best, None if lag is None else 1000 * lag / self._fps, pearson(here, there), kept, right, reasons,
        )  # fmt: skip


def _scaled(pixels: Pixels, size_px: tuple[int, int]) -> Pixels:
    if pixels.shape[1::-1] == size_px:
        return pixels
    smaller = pixels.shape[1] * pixels.shape[0] > size_px[0] * size_px[1]
    scaled: Pixels = cv2.resize(pixels, size_px, interpolation=cv2.INTER_AREA if smaller else cv2.INTER_CUBIC)
    return scaled
