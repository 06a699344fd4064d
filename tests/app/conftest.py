"""A real page in a process of its own, and small pictures and sounds for it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile
from PIL import Image

collect_ignore_glob = [] if find_spec("gradio") and find_spec("pandas") else ["test_*.py"]


@dataclass
class Shown:
    """A page that is shown; its temporary files lie in `folder`."""

    port: int
    process: subprocess.Popen[str]
    folder: Path

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def end(self) -> str:
        """Tell it to end as init would; what it said."""
        self.process.terminate()
        said = self.process.communicate(timeout=60)[1]
        assert self.process.returncode == 143, said
        return said


@contextmanager
def showing(folder: Path, *arguments: str, **environment: str) -> Iterator[Shown]:
    """A page, until the context ends; its temporary files are to be gone then, and it is to have raised nothing."""
    command = [sys.executable, "-m", "talkinghead", "app", "--port", "0", *arguments]
    process = subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(folder), **environment}
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "open http://" in line, line + process.stderr.read()
    page = Shown(int(line.rsplit(":", 1)[1]), process, folder)
    try:
        yield page
    finally:
        if process.poll() is None:
            assert "Traceback" not in page.end()
        assert list(folder.iterdir()) == []


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    with showing(tmp_path_factory.mktemp("page")) as shown:
        yield shown


@pytest.fixture(scope="session")
def inputs(tmp_path_factory: pytest.TempPathFactory, examples: Path) -> Path:
    """face.png (192 x 192), two.png (two faces), none.png (no face), speech.wav (a second), damaged.png and .wav."""
    folder = tmp_path_factory.mktemp("inputs")
    with Image.open(examples / "astronaut.png") as face, Image.open(examples / "grace_hopper.jpg") as other:
        face.resize((192, 192)).convert("RGB").save(folder / "face.png")
        two = Image.new("RGB", (512, 300), "white")
        two.paste(other.resize((256, 300)), (0, 0))
        two.paste(face.resize((192, 192)), (288, 60))
        two.save(folder / "two.png")
    Image.new("RGB", (192, 192), "grey").save(folder / "none.png")
    (folder / "damaged.png").write_bytes((folder / "face.png").read_bytes()[:3000])
    (folder / "damaged.wav").write_bytes(b"no sound")
    samples, rate_hz = soundfile.read(examples / "speech.wav", dtype="float32")
    soundfile.write(folder / "speech.wav", samples[:rate_hz], rate_hz)
    return folder
