"""How fast the speech model is, and how soon.

    python benchmarks/speech_model.py [--checkpoint DIR] [--device cpu] [--audio FILE] [--seconds 60] [--json FILE]

Printed:

- load: seconds to import and load the model in this process;
- real-time factor (seconds of work per second of sound; CPU time beside it) of a whole recording at once, of a stream
  fed 1 s at a time, and of a low-latency stream fed 20 ms at a time; and of the behaviour (blinks, gaze, brows, head)
  alone;
- latency in low-latency mode: from the sound's arrival to the motion that shows it. Sound arrives in blocks of 20 ms as
  from a microphone; a frame is there when the push that completes it returns. Frames of the picture are 40 ms (25 per
  second), so a frame's motion is due at its start: the latency is how late it comes;
- whether stream and whole agree.

`--device cpu` takes ONNX Runtime where the checkpoint has its model.onnx; `--device cpu:0` always takes PyTorch. Both
compute on one thread.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from audio2motion import PredictionStream

RATE_HZ = 16000
FPS = Fraction(25)
EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "speech.wav"
Floats = npt.NDArray[np.float32]


@dataclass
class Result:
    """Everything that is printed; `rtf_*`: (wall, CPU) seconds per second of sound; latencies in ms."""

    machine: str
    library: str
    seconds: float
    load_s: float
    look_ahead_ms: float
    rtf_whole: tuple[float, float]
    rtf_stream: tuple[float, float]
    rtf_low_latency: tuple[float, float]
    rtf_behaviour: tuple[float, float]
    first_motion_ms: float
    latency_mean_ms: float
    latency_p99_ms: float
    push_p99_ms: float
    largest_difference: float


class Stopwatch:
    """Wall and CPU seconds since it was made."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def per(self, seconds: float) -> tuple[float, float]:
        return (time.perf_counter() - self._wall) / seconds, (time.process_time() - self._cpu) / seconds


def sound(path: Path, seconds: float) -> Floats:
    """`seconds` of the file's sound, repeated as often as it takes."""
    import soundfile
    import soxr

    samples, rate_hz = soundfile.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(samples.mean(1), rate_hz, RATE_HZ).astype(np.float32)
    return np.resize(mono, int(seconds * RATE_HZ))


def measure(checkpoint: Path | None, device: str, audio: Path, seconds: float) -> Result:
    """All figures, the model loaded in this process."""
    begin = time.perf_counter()
    from audio2motion import Behaviour, Predictor

    predictor = Predictor.load(checkpoint, device)
    load_s = time.perf_counter() - begin
    from audio2motion.network.feature_lips import MixedNetwork

    network = predictor.network
    inner = network.inner if isinstance(network, MixedNetwork) else network
    samples = sound(audio, seconds)
    predictor.predict(samples[: 2 * RATE_HZ], FPS)

    watch = Stopwatch()
    whole = predictor.predict(samples, FPS, 0)
    rtf_whole = watch.per(seconds)

    watch, stream = Stopwatch(), predictor.stream(FPS, 0)
    parts = [stream.push(samples[at : at + RATE_HZ]) for at in range(0, len(samples), RATE_HZ)] + [stream.finish()]
    rtf_stream = watch.per(seconds)
    joined = type(whole).joined([part for part in parts if part is not None])
    difference = max(float(np.abs(a - b).max()) for a, b in zip(whole[:3], joined[:3]))

    lateness, pushes, rtf_low = low_latency(predictor.stream(FPS, 0, low_latency=True), samples)

    watch, behaviour = Stopwatch(), Behaviour(0)
    behaviour.push(samples)
    behaviour.finish()
    return Result(
        machine=platform.processor() or platform.machine(), library=type(inner).__name__,
        seconds=seconds, load_s=load_s, look_ahead_ms=1000 * predictor.low_latency_look_ahead_s,
        rtf_whole=rtf_whole, rtf_stream=rtf_stream, rtf_low_latency=rtf_low, rtf_behaviour=watch.per(seconds),
        first_motion_ms=lateness[0], latency_mean_ms=float(np.mean(lateness)),
        latency_p99_ms=float(np.percentile(lateness, 99)), push_p99_ms=float(np.percentile(pushes, 99)),
        largest_difference=difference,
    )  # fmt: skip


def low_latency(stream: PredictionStream, samples: Floats) -> tuple[list[float], list[float], tuple[float, float]]:
    """(lateness of every frame, time of every push) in ms, and the real-time factor, of a stream fed 20 ms at a time.

    A push that takes longer than its block delays those after it, as it would live.
    """
    block = RATE_HZ // 50
    lateness: list[float] = []
    pushes: list[float] = []
    free_s, watch = 0.0, Stopwatch()
    for at in range(0, len(samples) - block + 1, block):
        arrived_s = (at + block) / RATE_HZ
        begin = time.perf_counter()
        prediction = stream.push(samples[at : at + block])
        took_s = time.perf_counter() - begin
        free_s = max(arrived_s, free_s) + took_s
        pushes.append(1000 * took_s)
        if prediction is not None:
            first = len(lateness)
            lateness += [1000 * (free_s - float(k / FPS)) for k in range(first, first + prediction.frames)]
    return lateness, pushes, watch.per(len(samples) / RATE_HZ)


def lines(r: Result) -> list[str]:
    """The result as text."""
    factors = (("whole", r.rtf_whole), ("stream", r.rtf_stream), ("low latency", r.rtf_low_latency),
               ("behaviour alone", r.rtf_behaviour))  # fmt: skip
    return [
        f"{r.seconds:.0f} s of sound, {r.library}; load {r.load_s:.2f} s",
        *(f"real-time factor {name:<16} {wall:.4f} (CPU {cpu:.4f})" for name, (wall, cpu) in factors),
        f"low latency: first motion {r.first_motion_ms:.0f} ms after its sound, mean {r.latency_mean_ms:.0f} ms, "
        f"99 % within {r.latency_p99_ms:.0f} ms (look-ahead {r.look_ahead_ms:.0f} ms; a push takes up to "
        f"{r.push_p99_ms:.1f} ms)",
        f"stream and whole differ by at most {r.largest_difference:.2g}",
    ]


def main() -> None:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(description="Speed and latency of the speech model.")
    parser.add_argument("--checkpoint", type=Path, help="folder of a checkpoint (default: the embedded one)")
    parser.add_argument("--audio", type=Path, default=EXAMPLE)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    options = parser.parse_args()
    result = measure(options.checkpoint, options.device, options.audio, options.seconds)
    print("\n".join(lines(result)))
    if options.json:
        options.json.write_text(json.dumps(asdict(result), indent=1) + "\n")


if __name__ == "__main__":
    main()
