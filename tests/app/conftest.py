"""A real page in a process of its own, and small pictures and sounds for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest
import soundfile
from PIL import Image

from tests.programs import Program, started

collect_ignore_glob = [] if find_spec("gradio") and find_spec("pandas") else ["test_*.py"]


@contextmanager
def showing(folder: Path, *arguments: str, **environment: str) -> Iterator[Program]:
    """A page, until the context ends; its temporary files are to be gone then, and it is to have raised nothing."""
    with started("app", *arguments, folder=folder, environment=environment) as page:
        yield page


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
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
