"""Pictures of curves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from audio2motion.evaluation.clips import Clip
from audio2motion.evaluation.metrics import LAGS_MS, Trace

if TYPE_CHECKING:
    from audio2motion.evaluation.results import ClipResult


def plot_clip(path: Path, result: ClipResult, clip: Clip, opening: Trace, width: Trace, envelope: Trace) -> None:
    """Measured and predicted opening and width (outer-eye distances), loudness, and the lag curve, as a PNG."""
    # The object interface leaves pyplot's global state, and whoever uses it, alone.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 2, width_ratios=(4, 1))
    top, bottom = figure.add_subplot(grid[0, 0]), figure.add_subplot(grid[1, 0])
    lags = figure.add_subplot(grid[:, 1])
    known = np.isfinite(clip.aperture.values)
    lowest = np.percentile(clip.aperture.values[known], 5) if known.any() else 0.0
    measured = clip.aperture.values - lowest
    top.plot(clip.aperture.times_s, measured, "k", lw=1.4, label="measured, above its 5th percentile")
    top.plot(opening.times_s, opening.values, "tab:red", lw=1.4, label="predicted")
    scale = max(float(np.max(measured[known], initial=0.0)), float(opening.values.max()), 1e-6) / max(
        float(np.ptp(envelope.values)), 1e-9
    )
    top.fill_between(envelope.times_s, (envelope.values - envelope.values.min()) * scale, color="tab:blue", alpha=0.15,
                     lw=0, label="loudness")  # fmt: skip
    top.set(title=f"{result.name} ({result.tier}, {result.lang}): opening r = {result.opening.r:.2f}, "
            f"slope {result.opening.slope:.2f}", ylabel="opening / outer-eye distance")  # fmt: skip
    top.legend(loc="upper right", fontsize=8)
    bottom.plot(
        clip.width.times_s, clip.width.values - (np.nanmean(clip.width.values) if known.any() else 0.0), "k", lw=1.4
    )
    bottom.plot(width.times_s, width.values - width.values.mean(), "tab:red", lw=1.4)
    bottom.set(title=f"width r = {result.width.r:.2f}", ylabel="width less its mean", xlabel="s")
    lags.plot(LAGS_MS, result.opening.lag_curve, "tab:red", label="opening")
    lags.plot(LAGS_MS, result.width.lag_curve, "tab:orange", label="width")
    lags.axvline(0, color="grey", lw=0.8)
    lags.set(title=f"best lag {result.opening.best_lag_ms:.0f} ms", xlabel="lag / ms", ylim=(-1, 1))
    lags.legend(fontsize=8)
    figure.savefig(path, dpi=70)
