"""What a clip's measured frames add up to: mouth against driver, silence, jitter, seam, identity.

Per frame a few numbers are kept, never a picture.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from audio2motion import MOUTH_AMPLITUDES
from talkinghead.core.types import Doubles
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX, N_BLENDSHAPES
from talkinghead.motion.motion import Motion
from talkinghead.quality.frame_meter import Seen

# Lips are open above this gap, in distances between the outer eye corners: the mesh reads closed lips as 0 to 0.03.
OPEN_ABOVE = 0.04
# Lags that are tried, in seconds, either way.
_MAX_LAG_S = 0.24
_MIN_FRAMES = 10


def _lip_partings() -> dict[str, float]:
    """How far each blendshape parts the inner lips, in jaw openings: one side moves the middle half as far as both."""
    jaw = MOUTH_AMPLITUDES.jaw_open
    one_side = {
        "mouthLowerDown": MOUTH_AMPLITUDES.lower_lip_down / jaw / 2,
        "mouthUpperUp": MOUTH_AMPLITUDES.upper_lip_up / jaw / 2,
        "mouthPress": -MOUTH_AMPLITUDES.lip_press / jaw / 2,
    }
    # The last four are estimates: what they do to the lips depends on how far these are apart.
    return {
        "jawOpen": 1.0, "mouthClose": -1.0,
        **{f"{name}{side}": share for name, share in one_side.items() for side in ("Left", "Right")},
        "mouthFunnel": 0.2, "mouthRollLower": -0.2, "mouthRollUpper": -0.1, "mouthShrugLower": -0.1,
    }  # fmt: skip


LIP_PARTINGS = _lip_partings()


def driven_opening(motion: Motion) -> Doubles:
    """(T,) how far the motion parts the lips, in jaw openings, from its rest on; at least 0."""
    weights = np.zeros(N_BLENDSHAPES)
    for name, share in LIP_PARTINGS.items():
        weights[BLENDSHAPE_INDEX[name]] = share
    return np.asarray(np.maximum((motion.blendshapes - motion.rest.blendshapes) @ weights, 0.0), np.float64)


@dataclass(frozen=True)
class SelfCheck:
    """What was measured on the drawn frames; None where it could not be, with the reason under its name in `reasons`.

    - `frames_measured`, `frames_without_face`;
    - `mouth_correlation`: Pearson's, of measured and driven mouth opening, at `mouth_lag_frames`, the lag at which it
      is greatest (positive: the picture is behind the driver); `mouth_correlation_unshifted`: at lag 0;
    - `silent_frames`: how many were silent; `silent_open_share`: in how many of them the lips were apart by more than
      `open_above` eye distances;
    - `jitter`: noise of points that should lie still (bridge of the nose, forehead) after alignment, as a share of the
      eyes' distance; the mesh's own noise is in it;
    - `seam_mean`, `seam_worst`: difference from the source picture along the crop's border, grey levels;
    - `identity_mean`, `identity_worst`: mean absolute difference of forehead and cheeks from the source after
      alignment, grey levels; worst: the frame at the 95th percentile. Alignment being what it is, the source picture
      itself reads 1 to 5.
    """

    frames_measured: int
    frames_without_face: int
    mouth_correlation: float | None
    mouth_lag_frames: int | None
    mouth_correlation_unshifted: float | None
    silent_frames: int | None
    silent_open_share: float | None
    open_above: float
    jitter: float | None
    seam_mean: float | None
    seam_worst: float | None
    identity_mean: float | None
    identity_worst: float | None
    reasons: dict[str, str]


class Series:
    """Per-frame figures of a clip, a few numbers each, put together at the end."""

    def __init__(self) -> None:
        self.driven = array("d")
        self.opening, self.wobble, self.seam, self.skin = array("d"), array("d"), array("d"), array("d")

    def add(self, seen: Seen) -> None:
        """Take in one frame's figures."""
        self.opening.append(seen.opening)
        self.wobble.append(seen.wobble)
        self.seam.append(seen.seam)
        self.skin.append(seen.skin)

    def summary(self, fps: float, silent: npt.NDArray[np.bool_] | None, pasted: bool) -> SelfCheck:
        """The clip's figures; `silent` (T,) says which frames are silent, `pasted` whether there is a border."""
        opening, driven = np.array(self.opening), np.array(self.driven)
        there = np.isfinite(opening)
        reasons: dict[str, str] = {}
        mouth = self._mouth(opening, driven, fps, reasons)
        silence = self._silence(opening, silent, reasons)
        wobble = _finite(self.wobble)
        if not len(wobble):
            reasons["jitter"] = "no three frames in a row show a face"
        seam, skin = _finite(self.seam), _finite(self.skin)
        if not len(seam):
            reasons["seam"] = "the crop's border is the picture's own" if pasted else "nothing was pasted back"
        if not len(skin):
            reasons["identity"] = "the frames show no face"
        return SelfCheck(
            frames_measured=len(opening), frames_without_face=int((~there).sum()),
            mouth_correlation=mouth[0], mouth_lag_frames=mouth[1], mouth_correlation_unshifted=mouth[2],
            silent_frames=silence[0], silent_open_share=silence[1], open_above=OPEN_ABOVE,
            jitter=float(np.sqrt(wobble.mean() / 12)) if len(wobble) else None,
            seam_mean=float(seam.mean()) if len(seam) else None, seam_worst=float(seam.max()) if len(seam) else None,
            identity_mean=float(skin.mean()) if len(skin) else None,
            identity_worst=float(np.percentile(skin, 95)) if len(skin) else None,
            reasons=reasons,
        )  # fmt: skip

    @staticmethod
    def _mouth(
        opening: Doubles, driven: Doubles, fps: float, reasons: dict[str, str]
    ) -> tuple[float | None, int | None, float | None]:
        length = min(len(opening), len(driven))
        opening, driven = opening[:length], driven[:length]
        if np.isfinite(opening).sum() < _MIN_FRAMES:
            reasons["mouth"] = f"fewer than {_MIN_FRAMES} frames show a face"
        elif driven.std() < 1e-3:
            reasons["mouth"] = "the driver does not move the mouth"
        elif np.nanstd(opening) < 1e-5:
            reasons["mouth"] = "the mouth does not move in the frames"
        else:
            best, lag = best_lag(opening, driven, round(_MAX_LAG_S * fps))
            return best, lag, pearson(opening, driven)
        return None, None, None

    @staticmethod
    def _silence(
        opening: Doubles, silent: npt.NDArray[np.bool_] | None, reasons: dict[str, str]
    ) -> tuple[int | None, float | None]:
        if silent is None:
            reasons["silent"] = "it is not known which frames are silent"
            return None, None
        there = np.isfinite(opening[: len(silent)]) & silent[: len(opening)]
        if not there.any():
            reasons["silent"] = "no silent frame shows a face" if silent.any() else "no frame is silent"
            return int(silent.sum()), None
        return int(silent.sum()), float((opening[: len(silent)][there] > OPEN_ABOVE).mean())


def _finite(values: array[float]) -> Doubles:
    every = np.array(values)
    finite: Doubles = every[np.isfinite(every)]
    return finite


def pearson(a: Doubles, b: Doubles) -> float | None:
    """Pearson's correlation where both are finite; None where either does not vary."""
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 3 or a[both].std() < 1e-9 or b[both].std() < 1e-9:
        return None
    return float(np.corrcoef(a[both], b[both])[0, 1])


def best_lag(later: Doubles, earlier: Doubles, most: int) -> tuple[float | None, int | None]:
    """(correlation, lag in frames) where `later` follows `earlier` best, at most `most` frames either way."""
    found: list[tuple[float, int]] = []
    for lag in sorted(range(-most, most + 1), key=abs):
        length = len(later) - abs(lag)
        if length < _MIN_FRAMES:
            continue
        value = pearson(later[max(lag, 0) :][:length], earlier[max(-lag, 0) :][:length])
        if value is not None:
            found.append((value, lag))
    if not found:
        return None, None
    # Equals go to the smaller lag, which comes first.
    return max(found, key=lambda item: item[0])
