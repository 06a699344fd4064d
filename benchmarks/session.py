"""What a session costs: how late frames are, how soon a mouth closes, how memory grows, how fast frames come.

    python benchmarks/session.py [--picture P] [--sound S] [--hour] [--json OUT.json]

Sound is pushed in pieces of 20 ms as a microphone would, but as fast as it is taken. `late_ms` is how much sound must
have been pushed beyond a frame's time before the frame comes out (the look-ahead, without any computing);
`first_frame_ms` the computing time from the push that completes the first frame to the frame; `interrupt_ms` from the
call to its last frame. With `--hour`, an hour of sound is pushed as well (at 5 frames per second and a small crop, for
the memory alone), and the process's memory after it is compared with that after a minute.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import soundfile

from talkinghead import Avatar, Session

EXAMPLES = Path(__file__).parents[1] / "examples"
PIECE_S = 0.02


def pushed(session: Session, samples: np.ndarray, rate_hz: int) -> dict[str, Any]:
    """Figures of one utterance, pushed piece by piece."""
    piece = round(PIECE_S * rate_hz)
    late: list[float] = []
    frames, first_ms, begin = 0, None, time.perf_counter()
    for start in range(0, len(samples), piece):
        at = time.perf_counter()
        made = session.push_audio(samples[start : start + piece])
        heard_s = min(start + piece, len(samples)) / rate_hz
        late += [1000 * (heard_s - frame.time_s) for frame in made]
        if made and first_ms is None:
            first_ms = 1000 * (time.perf_counter() - at)
        frames += len(made)
    seconds = time.perf_counter() - begin
    at = time.perf_counter()
    eased = session.interrupt()
    return {
        "late_ms_first": round(late[0], 1), "late_ms_worst": round(max(late), 1),
        "first_frame_ms": round(first_ms or 0, 1), "frames_per_s": round(frames / seconds, 1),
        "interrupt_frames": len(eased),
        "interrupt_ms": round(1000 * (time.perf_counter() - at), 1),
    }  # fmt: skip


def memory_mb() -> float:
    return psutil.Process().memory_info().rss / 2**20


def an_hour(picture: Path, samples: np.ndarray, rate_hz: int) -> dict[str, float]:
    """Memory after a minute and after an hour of one session."""
    avatar = Avatar(picture, renderer="warp", framing="crop", warp={"crop_size_px": 64})
    grown: dict[str, float] = {}
    with avatar.session(fps=5, rate_hz=rate_hz) as session:
        pushed_s, turn = 0.0, 0
        while pushed_s < 3600:
            session.push_audio(samples)
            pushed_s += len(samples) / rate_hz
            turn += 1
            if "after_a_minute_mb" not in grown and pushed_s >= 60:
                grown["after_a_minute_mb"] = round(memory_mb(), 1)
    grown["after_an_hour_mb"] = round(memory_mb(), 1)
    return grown


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--picture", type=Path, default=EXAMPLES / "grace_hopper.jpg")
    parser.add_argument("--sound", type=Path, default=EXAMPLES / "speech.wav")
    parser.add_argument("--hour", action="store_true", help="also push an hour of sound")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    asked = parser.parse_args()
    samples, rate_hz = soundfile.read(asked.sound, dtype="float32")
    avatar = Avatar(asked.picture, renderer="warp")
    figures: dict[str, Any] = {}
    for name, low_latency in (("default", False), ("low_latency", True)):
        with avatar.session(rate_hz=rate_hz, low_latency=low_latency) as warm:
            warm.push_audio(samples[:rate_hz])
        with avatar.session(rate_hz=rate_hz, low_latency=low_latency) as session:
            figures[name] = pushed(session, samples, rate_hz)
    if asked.hour:
        figures["memory"] = an_hour(asked.picture, samples, rate_hz)
    print(json.dumps(figures, indent=1))
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
