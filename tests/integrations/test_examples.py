"""The examples of voice agents, run as a reader would: a video comes out in which somebody speaks."""

from __future__ import annotations

import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from talkinghead.media.audio import read_audio_blocks
from talkinghead.media.video import VideoReader

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("framework", ["pipecat", "livekit"])
def test_an_example_writes_a_video_of_speech(framework: str, tmp_path: Path) -> None:
    pytest.importorskip({"pipecat": "pipecat.frames", "livekit": "livekit.agents"}[framework])
    target = tmp_path / "said.mp4"
    script = ROOT / "examples" / f"{framework}_agent.py"
    words = [sys.executable, str(script), "Hello there.", "--voice", "en-us", "--size", "128", "-o", str(target)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{target}: " in done.stdout
    with VideoReader(target) as video:
        frames = [frame.astype(np.float32) for frame in video]
    assert frames[0].shape == (128, 128, 3)
    changes = [float(np.abs(one - other)[28:56].mean()) for one, other in pairwise(frames)]
    sound = np.concatenate(list(read_audio_blocks(target, 16_000)))
    spoken_s = np.flatnonzero(np.abs(sound) > 0.05) / 16_000
    assert spoken_s[-1] - spoken_s[0] > 0.4
    # It idled first, and moved while it spoke.
    assert spoken_s[0] > 0.7
    first = int(spoken_s[0] * 25)
    assert max(changes[first : int(spoken_s[-1] * 25) + 3]) > 3 * np.median(changes[: first - 5])
