"""`--background` from the command line: what is made, and what is refused in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result
from PIL import Image as PillowImage

from talkinghead.avatar import Avatar
from talkinghead.cli import main
from talkinghead.media.images import read_image
from talkinghead.media.probe import describe
from talkinghead.media.video import VideoReader

pytestmark = pytest.mark.usefixtures("beside_a_face")


@pytest.fixture(autouse=True)
def sound(beside_a_face: None) -> None:
    rate_hz = 16_000
    soundfile.write("said.wav", 0.3 * np.sin(np.arange(rate_hz // 5) / 9), rate_hz)


def run(*words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--renderer", "warp"])


def test_speech_before_nothing_is_webm_by_default() -> None:
    made = run("speak", "face.png", "said.wav", "--background", "transparent")
    assert made.exit_code == 0, made.output
    assert made.stdout == "face--said.webm\n"
    assert "alpha_mode" in describe(Path("face--said.webm"))


def test_colours_pictures_and_blur_replace_the_room() -> None:
    PillowImage.new("RGB", (90, 400), (200, 0, 200)).save("room.png")
    before = read_image("face.png").pixels
    assert run("edit", "face.png", "--yaw", "8", "-o", "as_it_is.png").exit_code == 0
    turned = read_image("as_it_is.png").pixels
    for given, colour in (("#0000ff", (0, 0, 255)), ("room.png", (200, 0, 200))):
        made = run("edit", "face.png", "--yaw", "8", "--background", given, "-o", "out.png", "--force")
        assert made.exit_code == 0, made.output
        picture = read_image("out.png").pixels
        assert np.abs(picture[:60, 180:].astype(int) - colour).max() <= 1
        np.testing.assert_array_equal(picture[48:64, 92:116], turned[48:64, 92:116])  # her cheeks
    made = run("edit", "face.png", "--background", "blur", "-o", "out.png", "--force", "-q")
    assert made.exit_code == 0, made.output
    soft = read_image("out.png").pixels
    steepest = [np.abs(np.diff(one[:70, 180:].astype(int), axis=1)).max() for one in (before, soft)]
    assert steepest[0] > 100
    assert steepest[1] < 40


def test_a_clip_upon_a_colour_is_what_python_draws() -> None:
    made = run("speak", "face.png", "said.wav", "--background", "lime", "-o", "out.mp4")
    assert made.exit_code == 0, made.output
    with VideoReader("out.mp4") as video:
        written = next(iter(video))
    expected = next(iter(Avatar("face.png", renderer="warp", background="lime").speak("said.wav")))
    assert np.abs(written.astype(int) - expected).mean() < 4
    assert (expected[:50, 180:] == (0, 255, 0)).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("speak", "face.png", "said.wav", "--background", "greenish"), "not a colour"),
        (("speak", "face.png", "said.wav", "--background", "missing.jpg"), "nor is there such a file"),
        (("speak", "face.png", "said.wav", "--background", "said.wav"), "said.wav"),
        (("speak", "face.png", "said.wav", "--background", "transparent", "-o", "a.mp4"), "a .webm (VP9)"),
        (("speak", "face.png", "said.wav", "--background", "transparent", "-o", "-"), "a .webm (VP9)"),
        (("animate", "face.png", "face.png", "--background", "transparent", "-o", "a.jpg"), ".png, .webp or .tif"),
        (("edit", "face.png", "--background", "transparent", "-o", "a.jpg"), ".png, .webp or .tif"),
        (("live", "face.png", "--background", "transparent", "--no-window", "--max-frames", "1"), "no transparency"),
    ],
)
def test_what_cannot_be_is_refused(words: tuple[str, ...], message: str) -> None:
    made = run(*words)
    assert made.exit_code in (1, 2)
    last = made.stderr.strip().splitlines()[-1]
    assert message in last
    assert not {path.name for path in Path().iterdir()} - {"face.png", "said.wav"}
