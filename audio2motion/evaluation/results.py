"""What an evaluation found, and how it is written down."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np


@dataclass
class Fit:
    """One measure (opening or width) of one clip: correlation at zero lag, best lag and the correlation there, measured
    over predicted movement (`slope`, regression; `spread_ratio`, predicted over measured standard deviation)."""

    r: float
    best_lag_ms: float
    best_r: float
    slope: float
    spread_ratio: float
    jitter: float
    jitter_measured: float
    lag_curve: list[float] = field(repr=False)


@dataclass
class ClipResult:
    """One clip; `baselines`: name to correlation with the opening at zero lag."""

    name: str
    tier: str
    lang: str
    seconds: float
    opening: Fit
    width: Fit
    baselines: dict[str, float]


@dataclass
class Pooled:
    """Many clips. `mean_r`: mean of the clips' r; `pooled_r`: over all frames, each clip freed of its own mean and
    spread; `p`: that pooled_r is chance (circular shifts); `p_over_baseline`: that the clips are no better than the
    best baseline (sign flips); `curve_lag_ms`: where the mean lag curve is highest."""

    clips: int
    mean_r: float
    pooled_r: float
    p: float
    mean_best_lag_ms: float
    curve_lag_ms: float
    mean_best_r: float
    slope: float
    spread_ratio: float
    width_mean_r: float
    width_pooled_r: float
    width_p: float
    best_baseline: str
    baseline_mean_r: float
    baseline_pooled_r: float
    p_over_baseline: float


@dataclass
class Evaluation:
    """`pooled`: by "all", "tier X" and "lang X"; `speech` and `not_speech`: known sounds, where they were asked for."""

    clips: list[ClipResult]
    pooled: dict[str, Pooled]
    speech: dict[str, Any] = field(default_factory=dict)
    not_speech: dict[str, dict[str, float]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values; unknown figures are null."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else None
    return value


def table(evaluation: Evaluation) -> str:
    """The evaluation as text."""
    lines = [f"{'group':<14}{'clips':>6}{'r':>7}{'pooled':>8}{'p':>8}{'best lag':>10}{'of curve':>10}{'width r':>9}"
             f"{'p':>8}{'slope':>7}{'spread':>8}   best loudness (r, pooled; p that we are no better)"]  # fmt: skip
    for name, p in evaluation.pooled.items():
        lines.append(
            f"{name:<14}{p.clips:>6}{p.mean_r:>7.2f}{p.pooled_r:>8.2f}{p.p:>8.4f}{p.mean_best_lag_ms:>7.0f} ms"
            f"{p.curve_lag_ms:>7.0f} ms{p.width_pooled_r:>9.2f}{p.width_p:>8.4f}{p.slope:>7.2f}{p.spread_ratio:>8.2f}"
            f"   {p.best_baseline} ({p.baseline_mean_r:.2f}, {p.baseline_pooled_r:.2f}; {p.p_over_baseline:.4f})"
        )
    lines += ["", f"{'clip':<26}{'tier':<9}{'r':>6}{'lag':>8}{'at lag':>8}{'width':>7}{'slope':>7}{'jitter':>8}"
              f"{'loudest':>9}"]  # fmt: skip
    for c in evaluation.clips:
        loudest = max((v for v in c.baselines.values() if math.isfinite(v)), default=math.nan)
        lines.append(
            f"{c.name:<26}{c.tier:<9}{c.opening.r:>6.2f}{c.opening.best_lag_ms:>5.0f} ms{c.opening.best_r:>8.2f}"
            f"{c.width.r:>7.2f}{c.opening.slope:>7.2f}{c.opening.jitter:>8.2f}{loudest:>9.2f}"
        )
    if evaluation.speech:
        lines += ["", *_speech_lines(evaluation)]
    return "\n".join(lines)


def _speech_lines(evaluation: Evaluation) -> list[str]:
    s = evaluation.speech
    by_language = ", ".join(f"{lang} {100 * c['recall']:.0f} %" for lang, c in s["closures"].items())
    lines = [
        f"closures of p b m: {100 * s['closure_recall']:.1f} % ({by_language})",
        f"open vowels that open: {100 * s['open_vowels_open']:.1f} %",
        f"silence: lips open in {100 * s['silent_frames_open']:.1f} % of frames; closed {s['closing_ms_mean']:.0f} ms "
        f"after the last sound (longest {s['closing_ms_longest']:.0f} ms)",
    ]
    for kind, shares in evaluation.not_speech.items():
        each = ", ".join(f"{name} {100 * share:.0f} %" for name, share in shares.items())
        lines.append(f"{kind}: lips open in {100 * float(np.mean(list(shares.values()))):.1f} % of frames ({each})")
    lines.append("opening by sound, predicted / target: " + ", ".join(
        f"{v['viseme']} {v['opening']:.2f}/{v['target']:.2f}" for v in s["visemes"]))  # fmt: skip
    return lines
