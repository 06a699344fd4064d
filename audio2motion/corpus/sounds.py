"""What is not speech, made from nothing: noise, music, breath. Mono float32 at 16 kHz, about unit level."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

Floats = npt.NDArray[np.float32]
RATE_HZ = 16000


def _unit(samples: npt.NDArray[np.floating[Any]]) -> Floats:
    return (samples / max(float(np.sqrt(np.mean(np.square(samples)))), 1e-9)).astype(np.float32)


def shaped_noise(count: int, rng: np.random.Generator, tilt: float) -> Floats:
    """Noise with a spectrum f^-tilt (0 white, 1 brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    shape = np.maximum(np.arange(len(spectrum)) * RATE_HZ / count, 30.0) ** -tilt
    return _unit(np.fft.irfft(spectrum * shape, count))


def noise(count: int, rng: np.random.Generator) -> Floats:
    """A room's or street's noise: coloured, sometimes band-limited, breathing in level, with hum, knocks or drops."""
    out = shaped_noise(count, rng, rng.uniform(0.0, 1.0)).astype(np.float64)
    if rng.random() < 0.3:
        low = rng.uniform(80, 2000)
        out = sosfilt(butter(2, [low, min(low * rng.uniform(1.5, 6), 7500)], "band", fs=RATE_HZ, output="sos"), out)
        out = _unit(out).astype(np.float64)
    if rng.random() < 0.5:
        knots = rng.uniform(-12, 6, max(2, int(count / RATE_HZ * rng.uniform(0.3, 4))))
        out *= 10 ** (np.interp(np.linspace(0, len(knots) - 1, count), np.arange(len(knots)), knots) / 20)
    if rng.random() < 0.25:
        base = rng.choice([50.0, 60.0, rng.uniform(80, 400)])
        t = np.arange(count) / RATE_HZ
        for k in range(1, 6):
            out += rng.uniform(0, 1.0 / k) * np.sin(2 * np.pi * base * k * t + rng.uniform(0, 6))
    if rng.random() < 0.25:
        # Rain, fire, applause, typing: many short sounds.
        drops = rng.standard_normal(count) * (rng.random(count) < 10 ** rng.uniform(-4, -1.7))
        ring = sosfilt(butter(1, rng.uniform(100, 3000), fs=RATE_HZ, output="sos"), drops)
        out += _unit(ring) * rng.uniform(0.3, 3)
    if rng.random() < 0.3:
        for start in rng.integers(0, max(1, count - 4000), max(1, int(count / RATE_HZ * rng.uniform(0.5, 5)))):
            length = int(rng.integers(80, 3000))
            knock = rng.standard_normal(length) * np.exp(-np.arange(length) / (length / 5)) * rng.uniform(1, 8)
            stop = min(count, int(start) + length)
            out[int(start) : stop] += knock[: stop - int(start)]
    return _unit(out)


def _note(local_s: npt.NDArray[np.float64], hz: float, timbre: npt.NDArray[np.float64], fade: float) -> Floats:
    """A tone of partials that die away, the higher the faster (`fade` per second and partial); 0: it is held."""
    out = np.zeros(len(local_s))
    for k, strength in enumerate(timbre, 1):
        if k * hz < RATE_HZ / 2:
            out += strength * np.exp(-local_s * fade * (0.5 + 0.5 * k)) * np.sin(2 * np.pi * k * hz * local_s)
    return np.asarray(out * np.minimum(1, local_s / 0.01), np.float32)


def music(count: int, rng: np.random.Generator) -> Floats:
    """Held chords, plucked or struck notes, a melody, drums: harmonic tones in tune, in a timbre of their own."""
    t = np.arange(count) / RATE_HZ
    out = np.zeros(count)
    beat_s = 60 / rng.uniform(50, 220)
    root = float(rng.choice([55, 82.4, 110, 146.8, 220])) * 2 ** (rng.integers(0, 12) / 12)
    scale = np.array([0, 2, 4, 5, 7, 9, 11] if rng.random() < 0.5 else [0, 2, 3, 5, 7, 8, 10])
    scale = np.concatenate([scale, scale + 12])
    timbre = rng.uniform(0.1, 1, int(rng.integers(2, 16)))
    timbre /= np.arange(1, len(timbre) + 1) ** rng.uniform(0.3, 2)
    fade = float(rng.choice([0.0, rng.uniform(0.3, 2), rng.uniform(2, 9)]))
    chords, melody, drums = rng.random() < 0.7, rng.random() < 0.8, rng.random() < 0.4
    for beat in range(int(count / RATE_HZ / beat_s) + 1):
        start = int(beat * beat_s * RATE_HZ)
        notes = [(int(n), 4.0) for n in rng.choice(scale, 3)] if chords and beat % 4 == 0 else []
        if (melody or not chords) and rng.random() < 0.8:
            notes.append((12 + int(rng.choice(scale)), float(rng.uniform(0.5, 3))))
        for note, beats in notes:
            stop = min(count, start + int(RATE_HZ * beat_s * beats))
            hz = root * 2 ** (note / 12)
            out[start:stop] += _note(t[start:stop] - t[min(start, count - 1)], hz, timbre, fade) * rng.uniform(0.3, 1)
        if drums:
            stop = min(count, start + 2400)
            out[start:stop] += rng.standard_normal(stop - start) * np.exp(-np.arange(stop - start) / 400) * 0.8
    return _unit(out + 1e-4 * rng.standard_normal(count))


def breath(rng: np.random.Generator) -> Floats:
    """One breath of 0.25 to 0.6 s: soft noise between 300 Hz and 5 kHz that swells and fades."""
    count = int(RATE_HZ * rng.uniform(0.25, 0.6))
    low = rng.uniform(300, 1200)
    band = butter(2, [low, rng.uniform(2500, 5500)], "band", fs=RATE_HZ, output="sos")
    return _unit(sosfilt(band, rng.standard_normal(count)) * np.sin(np.linspace(0, np.pi, count)) ** 1.5)


def room(samples: Floats, rng: np.random.Generator) -> Floats:
    """The sound in a room: sparse early reflections and an exponential tail (0.08 to 0.7 s), direct sound in time."""
    decay_s = rng.uniform(0.08, 0.7)
    count = int(RATE_HZ * decay_s)
    tail = rng.standard_normal(count) * np.exp(-6.9 * np.arange(count) / count)
    tail[: int(0.002 * RATE_HZ)] = 0
    tail *= 10 ** (rng.uniform(-22, -2) / 20) / np.sqrt(np.sum(np.square(tail)))
    tail[0] = 1.0
    size = 1 << int(np.ceil(np.log2(len(samples) + count)))
    wet = np.fft.irfft(np.fft.rfft(samples, size) * np.fft.rfft(tail, size), size)
    return np.asarray(wet[: len(samples)], np.float32)


def equaliser(samples: Floats, rng: np.random.Generator) -> Floats:
    """A microphone's colour: a smooth random curve of up to 9 dB over the octaves, and a tilt."""
    spectrum = np.fft.rfft(samples)
    octave = np.log2(np.maximum(np.arange(len(spectrum)) * RATE_HZ / len(samples), 40.0) / 40.0)
    knots = rng.normal(0, 3.5, 8).clip(-9, 9) + np.linspace(-1, 1, 8) * rng.uniform(-6, 6)
    curve = np.interp(octave, np.linspace(0, 7.7, 8), knots)
    return np.fft.irfft(spectrum * 10 ** (curve / 20), len(samples)).astype(np.float32)


def band_limit(samples: Floats, rng: np.random.Generator) -> Floats:
    """A telephone's or a cheap microphone's band."""
    low, high = (300.0, 3400.0) if rng.random() < 0.4 else (rng.uniform(60, 250), rng.uniform(3000, 7500))
    # Run forward only: real filters delay a little, and 4th order keeps that under a millisecond.
    return np.asarray(sosfilt(butter(4, [low, high], "band", fs=RATE_HZ, output="sos"), samples), np.float32)


def codec(samples: Floats, rng: np.random.Generator) -> Floats:
    """Through a lossy codec and back, in time: MP3, Vorbis, Opus or mu-law."""
    import io

    import soundfile

    kind = int(rng.integers(4))
    if kind == 3:
        peak = max(float(np.abs(samples).max()), 1e-6)
        squeezed = np.sign(samples) * np.log1p(255 * np.abs(samples) / peak) / np.log(256)
        coded = np.round(squeezed * 127) / 127
        return np.asarray(np.sign(coded) * (256 ** np.abs(coded) - 1) / 255 * peak, np.float32)
    container, subtype = (("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS"))[kind]
    with io.BytesIO() as stream:
        level = float(rng.uniform(0.3, 0.95))
        soundfile.write(stream, samples, RATE_HZ, format=container, subtype=subtype, compression_level=level)
        stream.seek(0)
        coded, _ = soundfile.read(stream, dtype="float32")
    out = np.zeros_like(samples)
    out[: min(len(out), len(coded))] = coded[: len(out)]
    return out
