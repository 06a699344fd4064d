"""The program that speaks with Piper, whose licence (GPL-3) keeps it in a process of its own.

Run by whichever Python has the package `piper-tts`, which need not have this one: it imports nothing of it. The request
comes as JSON on standard input; for each of its texts a line of JSON and the samples, float32, go to standard output.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    import numpy as np
    from piper import PiperVoice

    request = json.loads(sys.stdin.buffer.read())
    # Voices that do not tell their alignments are made to, where the package onnx is there.
    voice = PiperVoice.load(request["model"], include_alignments=True)
    for text in request["texts"]:
        for chunk in voice.synthesize(text, include_alignments=True):
            samples = np.asarray(chunk.audio_float_array, np.float32)
            head = {"rate_hz": chunk.sample_rate, "samples": len(samples), "phones": phones_of(chunk)}
            sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + samples.tobytes())
            sys.stdout.buffer.flush()


def phones_of(chunk: Any) -> list[tuple[str, float, float]] | None:
    """[label, start, end] of each sound in a chunk, None where the voice does not tell."""
    if not chunk.phoneme_alignments:
        return None
    phones: list[tuple[str, float, float]] = []
    at = 0
    for one in chunk.phoneme_alignments:
        end = at + int(one.num_samples)
        if any(letter.isalpha() for letter in one.phoneme):
            phones.append((one.phoneme, at / chunk.sample_rate, end / chunk.sample_rate))
        at = end
    return phones


if __name__ == "__main__":
    del sys.path[0]  # this folder, whose piper.py is not the package
    main()
