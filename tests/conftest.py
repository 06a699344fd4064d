"""What every room's tests share."""

from pathlib import Path

import pytest
import soundfile


@pytest.fixture(scope="session")
def examples() -> Path:
    """The project's own portraits and recording."""
    return Path(__file__).parents[1] / "examples"


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, examples: Path) -> Path:
    """A new clone's folder, as far as the lines of README and pages need it, with one second of the recording."""
    (tmp_path / "examples").mkdir()
    for file in examples.iterdir():
        if file.name != "speech.wav":
            (tmp_path / "examples" / file.name).symlink_to(file)
    samples, rate_hz = soundfile.read(examples / "speech.wav", dtype="float32")
    soundfile.write(tmp_path / "examples" / "speech.wav", samples[:rate_hz], rate_hz)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    return tmp_path
