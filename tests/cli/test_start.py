"""What a whole run of the embedded path loads: no PyTorch, and nothing else that takes long to import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

EXAMPLES = Path(__file__).parents[2] / "examples"
PORTRAIT = EXAMPLES / "grace_hopper.jpg"
# Each takes from a twentieth of a second to two seconds to import, or is there for other inputs than these.
HEAVY = (
    "torch", "transformers", "safetensors", "scipy", "jax", "matplotlib", "onnx", "huggingface_hub", "httpx",
    "requests", "pillow_heif", "rich", "ray", "pydantic", "importlib.metadata",
)  # fmt: skip
PROGRAM = """
import sys
from talkinghead.cli import main
try:
    main(sys.argv[1:], prog_name="talkinghead")
finally:
    print(*[name for name in {heavy!r} if name in sys.modules], sep=",")
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sound") / "sound.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 9600).astype(np.float32), 16000)
    return path


def loaded(*arguments: str | Path) -> list[str]:
    """Which of the heavy packages a fresh interpreter has loaded after a command."""
    command = [sys.executable, "-c", PROGRAM.format(heavy=HEAVY), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert said[0] == str(arguments[-1])
    return said[1].split(",") if said[1:] and said[1] else []


def test_speaking_loads_nothing_heavy(sound: Path, tmp_path: Path) -> None:
    extra = ("--renderer", "warp", "--device", "cpu")
    assert loaded("speak", PORTRAIT, sound, *extra, "-o", tmp_path / "out.mp4") == []
    assert (tmp_path / "out.mp4").stat().st_size > 1000


def test_being_driven_by_a_picture_and_by_a_motion_file_loads_nothing_heavy(tmp_path: Path) -> None:
    driving, motion = EXAMPLES / "astronaut.png", tmp_path / "motion.npz"
    extra = ("--renderer", "warp", "--save-motion", motion)
    assert loaded("animate", PORTRAIT, driving, *extra, "-o", tmp_path / "one.mp4") == []
    assert loaded("animate", PORTRAIT, motion, "--renderer", "warp", "-o", tmp_path / "two.mp4") == []


def test_being_driven_by_a_video_loads_nothing_heavy(sound: Path, tmp_path: Path) -> None:
    video = tmp_path / "video.mp4"
    assert loaded("speak", PORTRAIT, sound, "--renderer", "warp", "-o", video) == []
    assert loaded("animate", PORTRAIT, video, "--renderer", "warp", "-o", tmp_path / "out.mp4") == []
