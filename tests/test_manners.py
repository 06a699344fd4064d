"""A library call leaves the process as it found it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Runs in a process of its own. What importing the libraries does to it is theirs: they are imported first.
PROGRAM = """
import gc, json, os, signal, sys, tempfile, threading, warnings
import cv2, torch, numpy as np
import talkinghead

examples, out = sys.argv[1:3]

def umask():
    now = os.umask(0o22)
    os.umask(now)
    return now

def state():
    own = os.fstat(2)
    return {
        "descriptor 2": [own.st_dev, own.st_ino, os.get_inheritable(2)],
        "descriptors": len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0,
        "stderr": sys.stderr is sys.__stderr__,
        "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
        "umask": umask(), "cwd": os.getcwd(), "environment": dict(os.environ),
        "threads of torch": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "threads": sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("talkinghead")),
        "random": [float(np.random.rand()) for _ in [np.random.seed(0)]] + [torch.initial_seed()],
        "temporary": sorted(os.listdir(tempfile.gettempdir())),
    }

os.umask(0o027)
torch.set_num_threads(2)
torch.manual_seed(5)
signal.signal(signal.SIGTERM, lambda number, frame: None)
handler = signal.getsignal(signal.SIGTERM)
before = state()
"""
ENDING = """
clip.save(out + "/clip.mp4")
frames = iter(clip)
next(frames)
frames.close()
del clip, frames
gc.collect()
assert signal.getsignal(signal.SIGTERM) is handler
print(json.dumps([before, state(), sorted(os.listdir(out))]))
"""
CLIPS = {
    "a text": 'clip = talkinghead.speak(examples + "/astronaut.png", text="Hello.", renderer="warp")',
    "samples": (
        'sound = np.random.default_rng(0).normal(0, 0.1, 8000).astype("f4"), 16000\n'
        'clip = talkinghead.speak(examples + "/astronaut.png", sound, renderer="warp")'
    ),
    "several faces": (
        'rng = np.random.default_rng(0)\n'
        'both = np.hstack([cv2.imread(examples + "/astronaut.png")[..., ::-1]] * 2)\n'
        'voices = [(rng.normal(0, 0.1, 8000).astype("f4"), 16000) for _ in range(2)]\n'
        'clip = talkinghead.speak(both, voices[0], tracks={2: voices[1]}, face="all", renderer="warp")'
    ),
    "a driving video": (
        'from fractions import Fraction\n'
        'from talkinghead.media.video import write_video\n'
        'pixels = cv2.imread(examples + "/astronaut.png")[..., ::-1]\n'
        'write_video(out + "/driving.mp4", [pixels] * 6, Fraction(25), examples + "/speech.wav", duration_s=0.24)\n'
        'clip = talkinghead.animate(examples + "/grace_hopper.jpg", out + "/driving.mp4", renderer="warp")'
    ),
}  # fmt: skip


@pytest.mark.timeout(200)
@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_that_was_saved_and_dropped_leaves_nothing_behind(name: str, tmp_path: Path, examples: Path) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "out").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM + CLIPS[name] + ENDING, str(examples), str(tmp_path / "out")],
        cwd=tmp_path, env={**os.environ, "TMPDIR": str(tmp_path / "tmp")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    before, after, files = json.loads(done.stdout.splitlines()[-1])
    assert before["temporary"] == []
    assert "clip.mp4" in files
    assert after == before
    assert list((tmp_path / "tmp").iterdir()) == []
