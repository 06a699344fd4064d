"""How well a speech model moves lips: against measured mouths, known phonemes, and sounds that are no speech.

    evaluation = evaluate(Path("clips"), Predictor.load(), out=Path("report"))
    print(table(evaluation))

writes report/evaluation.json, report/evaluation.txt and a plot per clip. Correlations are Pearson's, lags are negative
where the measured mouth leads the prediction. Every figure for the model stands beside the best of eight loudness
envelopes (four smoothings, two scales).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from audio2motion.evaluation.clips import Clip, loudness, open_clips
from audio2motion.evaluation.closures import RATE_HZ, Mouth, score_not_speech, score_speech, viseme_table
from audio2motion.evaluation.metrics import (
    APERTURE_OF_OPEN_A,
    PUPIL_IN_OUTER_EYE,
    Trace,
    best_lag_ms,
    circular_p,
    correlation,
    fisher_mean,
    jitter,
    lag_curve,
    paired_p,
    pooled_correlation,
    regression_slope,
)
from audio2motion.evaluation.probes import known_speech
from audio2motion.evaluation.results import ClipResult, Evaluation, Fit, Pooled, table
from audio2motion.targets import opening_of, width_of

__all__ = ["BASELINES", "ClipResult", "Evaluation", "Fit", "Pooled", "SpeechModel", "as_mouth", "evaluate", "table"]

BASELINES: tuple[tuple[str, float], ...] = tuple(
    (kind, sigma_ms) for kind in ("loudness", "level") for sigma_ms in (20.0, 40.0, 80.0, 160.0)
)


class Blendshapes(Protocol):
    """What an evaluation reads of a prediction."""

    @property
    def blendshapes(self) -> npt.ArrayLike: ...


@runtime_checkable
class SpeechModel(Protocol):
    """What `audio2motion.Predictor` is to an evaluation."""

    def predict(
        self, samples: npt.ArrayLike, fps: Fraction, seed: int = 0, low_latency: bool = False
    ) -> Blendshapes: ...


Doubles = npt.NDArray[np.float64]


@dataclass
class _Curves:
    """A clip's curves in outer-eye distances, for pooling and plotting."""

    clip: Clip
    opening: Trace
    width: Trace
    baselines: dict[str, Trace]
    shift_s: float


def as_mouth(predictor: SpeechModel | Mouth, seed: int = 0, low_latency: bool = False) -> Mouth:
    """A predictor, or a function of the same use, as samples (n,) -> blendshapes (T, 52) at 50 Hz."""
    if not isinstance(predictor, SpeechModel):
        return predictor
    model = predictor
    return lambda samples: np.asarray(
        model.predict(samples, Fraction(RATE_HZ), seed, low_latency=low_latency).blendshapes, np.float32
    )


def _curves(clip: Clip, mouth: Mouth, shift_ms: float) -> _Curves:
    blendshapes = mouth(clip.samples)
    opening = opening_of(blendshapes).astype(np.float64) * APERTURE_OF_OPEN_A
    width = width_of(blendshapes).astype(np.float64) * PUPIL_IN_OUTER_EYE
    baselines = {f"{kind} {sigma:.0f} ms": loudness(clip.samples, sigma, kind) for kind, sigma in BASELINES}
    return _Curves(clip, Trace(opening, RATE_HZ), Trace(width, RATE_HZ), baselines, shift_ms / 1000)


def _aligned(predicted: Trace, measured: Trace, shift_s: float) -> Doubles:
    return predicted.at(measured.times_s - shift_s)


def _fit(predicted: Trace, measured: Trace, shift_s: float) -> Fit:
    at = _aligned(predicted, measured, shift_s)
    curve = lag_curve(predicted, measured)
    lag, best = best_lag_ms(curve)
    known = np.isfinite(at) & np.isfinite(measured.values)
    spread = float(measured.values[known].std()) if known.any() else math.nan
    ratio = float(at[known].std()) / spread if known.any() and spread > 0 else math.nan
    return Fit(correlation(at, measured.values), lag, best, regression_slope(at, measured.values), ratio,
               jitter(at), jitter(measured.values), [float(v) for v in curve])  # fmt: skip


def _result(curves: _Curves) -> ClipResult:
    clip, shift_s = curves.clip, curves.shift_s
    baselines = {
        name: correlation(_aligned(trace, clip.aperture, shift_s), clip.aperture.values)
        for name, trace in curves.baselines.items()
    }
    opening, width = _fit(curves.opening, clip.aperture, shift_s), _fit(curves.width, clip.width, shift_s)
    return ClipResult(clip.name, clip.tier, clip.lang, len(clip.samples) / 16000, opening, width, baselines)


def _pairs(group: Sequence[_Curves], pick: Callable[[_Curves], tuple[Trace, Trace]]) -> list[tuple[Doubles, Doubles]]:
    return [(_aligned(*pick(c), c.shift_s), pick(c)[1].values) for c in group]


def _mean(values: Iterable[float]) -> float:
    known = [v for v in values if math.isfinite(v)]
    return float(np.mean(known)) if known else math.nan


def _pool(group: Sequence[_Curves], results: Sequence[ClipResult], seed: int) -> Pooled:
    opening = _pairs(group, lambda c: (c.opening, c.clip.aperture))
    width = _pairs(group, lambda c: (c.width, c.clip.width))
    names = list(results[0].baselines)
    baseline_pooled = [
        pooled_correlation(
            [(_aligned(c.baselines[n], c.clip.aperture, c.shift_s), m) for c, (_, m) in zip(group, opening)]
        )
        for n in names
    ]
    baseline_mean = {n: _mean(r.baselines[n] for r in results) for n in names}
    best = max(names, key=lambda n: baseline_mean[n] if math.isfinite(baseline_mean[n]) else -2.0)
    lag_curves = np.array([r.opening.lag_curve for r in results])
    known = np.isfinite(lag_curves).all(1)
    return Pooled(
        clips=len(results),
        mean_r=_mean(r.opening.r for r in results),
        pooled_r=pooled_correlation(opening),
        p=circular_p(opening, seed=seed),
        mean_best_lag_ms=_mean(r.opening.best_lag_ms for r in results),
        curve_lag_ms=best_lag_ms(lag_curves[known].mean(0))[0] if known.any() else math.nan,
        mean_best_r=fisher_mean([r.opening.best_r for r in results]),
        slope=_mean(r.opening.slope for r in results),
        spread_ratio=_mean(r.opening.spread_ratio for r in results),
        width_mean_r=_mean(r.width.r for r in results),
        width_pooled_r=pooled_correlation(width),
        width_p=circular_p(width, seed=seed),
        best_baseline=best,
        baseline_mean_r=baseline_mean[best],
        baseline_pooled_r=max(baseline_pooled),
        p_over_baseline=paired_p([r.opening.r for r in results], [r.baselines[best] for r in results], seed=seed),
    )


def _known_sounds(mouth: Mouth, seed: int) -> tuple[dict[str, Any], dict[str, dict[str, float]]]:
    scores = score_speech(mouth, known_speech())
    speech = {
        "closure_recall": scores.closure_recall,
        "closures": {lang: {"recall": t.share, "count": t.total} for lang, t in scores.closures.items()},
        "open_vowels_open": scores.open_vowels.share,
        "silent_frames_open": scores.silent_open.share,
        "closing_ms_mean": 1000 * _mean(scores.closing_s),
        "closing_ms_longest": 1000 * max(scores.closing_s, default=math.nan),
        "visemes": [dict(zip(("viseme", "count", "opening", "target", "error"), row)) for row in viseme_table(scores)],
    }
    return speech, score_not_speech(mouth, seed=seed)


def evaluate(
    clips_dir: Path | str,
    predictor: SpeechModel | Mouth,
    *,
    out: Path | str | None = None,
    use_av_offset: bool = False,
    offset_ms: float = 0.0,
    low_latency: bool = False,
    known_sounds: bool = True,
    plots: bool = True,
    seed: int = 0,
    note: Callable[[str], None] | None = None,
) -> Evaluation:
    """Run a predictor over a folder of clips (`audio2motion.evaluation.clips`) and over sounds with a known answer.

    A folder of videos is measured first (face mesh; the clips are kept in `out`/clips); `note` hears of those left out.

    `predictor`: an `audio2motion.Predictor`, or any function from samples (n,) float32 at 16 kHz to blendshapes
    (T, 52) at 50 Hz. `out`: a folder for evaluation.json, evaluation.txt and (with `plots`) a PNG per clip.
    `use_av_offset`: shift each clip by the offset that its clips.json states; `offset_ms`: and all of them by this
    (negative: the mouth leads). `low_latency`: as the predictor's streams with little look-ahead. `known_sounds`: also
    synthesised speech, silence, noise and music. Raises Audio2MotionError for a folder without clips.
    """
    mouth = as_mouth(predictor, seed, low_latency)
    with TemporaryDirectory() as scratch:
        clips = open_clips(Path(clips_dir), Path(scratch if out is None else out) / "clips", note)
    curves = [_curves(clip, mouth, offset_ms + (clip.av_offset_ms if use_av_offset else 0.0)) for clip in clips]
    results = [_result(c) for c in curves]
    pooled = {
        name: _pool([curves[i] for i in group], [results[i] for i in group], seed)
        for name, group in _groups(clips).items()
    }
    evaluation = Evaluation(results, pooled)
    if known_sounds:
        evaluation.speech, evaluation.not_speech = _known_sounds(mouth, seed)
    if out is not None:
        _write(Path(out), evaluation, curves if plots else [])
    return evaluation


def _groups(clips: Sequence[Clip]) -> dict[str, list[int]]:
    """Places of the clips that are pooled together: all, those of a tier, those of a language."""
    groups = {"all": list(range(len(clips)))}
    for key, values in (("tier", [clip.tier for clip in clips]), ("lang", [clip.lang for clip in clips])):
        for value in sorted(set(values)):
            groups[f"{key} {value}"] = [i for i, other in enumerate(values) if other == value]
    return groups


def _write(folder: Path, evaluation: Evaluation, plotted: Sequence[_Curves]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evaluation.json").write_text(json.dumps(evaluation.to_dict(), indent=1) + "\n")
    (folder / "evaluation.txt").write_text(table(evaluation) + "\n")
    if plotted:
        from audio2motion.evaluation.plots import plot_clip

        for one, result in zip(plotted, evaluation.clips):
            plot_clip(folder / f"{result.name}.png", result, one.clip, one.opening, one.width,
                      loudness(one.clip.samples, 80.0))  # fmt: skip
