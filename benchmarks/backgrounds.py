"""What a background costs: opening an avatar, and drawing its frames, with each kind in turn.

    python benchmarks/backgrounds.py [PICTURE]

Prints seconds of the processor, which a busy machine changes less than the clock's.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from talkinghead.avatar import Avatar

ROOT = Path(__file__).parents[1]
KINDS = (None, "green", "transparent", "blur", str(ROOT / "examples" / "grace_hopper.jpg"))
ROUNDS, SECONDS = 5, 2.0


def main() -> None:
    """Open one avatar for each kind, then draw with them in turn."""
    picture = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "examples" / "astronaut.png")
    Avatar(picture, renderer="warp").edit({"smile": 0.1})  # what is loaded once
    avatars = {}
    for kind in KINDS:
        begin = time.process_time()
        avatars[kind] = Avatar(picture, renderer="warp", background=kind)
        print(f"{_name(kind):12} opened in {time.process_time() - begin:.2f} s")
    rng = np.random.default_rng(0)
    sound = (0.2 * rng.standard_normal(round(16_000 * SECONDS))).astype(np.float32)
    costs: dict[str | None, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(ROUNDS):
        for kind, avatar in avatars.items():
            with avatar.session(rate_hz=16_000) as session:
                session.push_audio(sound)
                begin, before = time.process_time(), session.frames
                session.push_audio(sound)
                costs[kind].append((time.process_time() - begin) / (session.frames - before))
    for kind, found in costs.items():
        print(f"{_name(kind):12} {1000 * min(found):.1f} ms of one core for a frame, speech heard and drawn")


def _name(kind: str | None) -> str:
    return "none" if kind is None else "picture" if "/" in kind else kind


if __name__ == "__main__":
    main()
