"""The page as programs call it: every tab's function end to end, and what it says where something is wrong."""

from __future__ import annotations

import contextlib
import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from talkinghead.app.edit_tab import SLIDERS
from talkinghead.media.audio import probe_audio
from talkinghead.media.video import VideoReader
from talkinghead.motion.controls import CONTROLS
from tests.programs import Program

pytestmark = [pytest.mark.network, pytest.mark.timeout(240), pytest.mark.filterwarnings("ignore")]
gradio_client = pytest.importorskip("gradio_client")
PICTURE: list[Any] = [1, "picture", "white", 256]
MANNER: list[Any] = ["neutral", 1.0, 1.0, 1.0, 1.0, 1.0, False]


@pytest.fixture(scope="module")
def client(page: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    opened = gradio_client.Client(page.address, verbose=False, analytics_enabled=False,
                                  download_files=str(tmp_path_factory.mktemp("downloads")))  # fmt: skip
    with contextlib.closing(opened):
        yield opened


def given(path: Path) -> Any:
    return gradio_client.handle_file(str(path))


def said(client: Any, *values: Any, api_name: str) -> str:
    """The one line of an error."""
    with pytest.raises(gradio_client.exceptions.AppError) as error:
        client.predict(*values, api_name=api_name)
    return str(error.value)


def test_speaking(client: Any, inputs: Path) -> None:
    video, _, note = client.predict(
        given(inputs / "face.png"), *PICTURE, given(inputs / "speech.wav"), "", "", *MANNER, api_name="/speak"
    )
    path = Path(video["video"] if isinstance(video, dict) else video)
    with VideoReader(path) as reader:
        frames = np.asarray(list(reader))
    assert frames.shape == (25, 192, 192, 3)
    assert np.abs(np.diff(frames.astype(int), axis=0)).max() > 30
    assert probe_audio(path).duration_s == pytest.approx(1, abs=0.06)
    assert "renderer: warp" in note
    words, *_ = client.predict(None, api_name="/motion")
    assert "25 at 25 frames/s" in words
    moved, *_ = client.predict(
        given(inputs / "face.png"), *PICTURE, given(path), None, False, *MANNER, api_name="/animate"
    )
    with VideoReader(Path(moved["video"] if isinstance(moved, dict) else moved)) as reader:
        assert np.shape(list(reader)) == (25, 192, 192, 3)


def test_a_text_and_an_emotion(client: Any, inputs: Path) -> None:
    *_, note = client.predict(
        given(inputs / "face.png"), *PICTURE, None, "Guten Tag.", "de", "happy", *MANNER[1:], api_name="/speak"
    )
    assert "espeak-ng de" in note


def test_editing(client: Any, inputs: Path) -> None:
    names = [name for group in SLIDERS.values() for name in group]
    assert sorted(names) == sorted(CONTROLS)
    rest = [1.0 if name == "zoom" else 0.0 for name in names]
    open_mouth = [0.8 if name == "jaw" else value for name, value in zip(names, rest)]
    pictures = []
    for values in (rest, open_mouth):
        shown, _ = client.predict(
            given(inputs / "face.png"), *PICTURE, "neutral", 1.0, "", 0.5, *values, api_name="/edit"
        )
        with Image.open(shown) as picture:
            assert "talkinghead" in picture.info["Comment"]
            pictures.append(np.asarray(picture, int))
    assert np.abs(pictures[1] - pictures[0]).max() > 30


def test_faces(client: Any, inputs: Path) -> None:
    drawn, words, *_ = client.predict(given(inputs / "two.png"), api_name="/faces")
    assert words.startswith("2 faces")
    with Image.open(drawn) as picture:
        assert picture.size == (512, 300)


def test_what_is_wrong_is_said_in_one_line(client: Any, inputs: Path, page: Program) -> None:
    face, manner = given(inputs / "face.png"), ["", "", *MANNER]
    lines = [
        said(client, None, *PICTURE, given(inputs / "speech.wav"), *manner, api_name="/speak"),
        said(client, face, *PICTURE, None, *manner, api_name="/speak"),
        said(client, given(inputs / "none.png"), *PICTURE, None, "Hello.", *manner[1:], api_name="/speak"),
        said(client, face, 7, *PICTURE[1:], None, "Hello.", *manner[1:], api_name="/speak"),
        said(client, face, *PICTURE, None, None, False, *MANNER, api_name="/animate"),
        said(client, given(inputs / "none.png"), api_name="/faces"),
        said(client, given(inputs / "damaged.png"), api_name="/faces"),
        said(client, face, *PICTURE, given(inputs / "damaged.wav"), *manner, api_name="/speak"),
    ]
    begin = ["choose a picture first", "give a recording, or write", "no face was found in none.png", "",
             "give a video of a moving face", "no face was found in none.png",
             "damaged.png is damaged", "damaged.wav"]  # fmt: skip
    for line, start in zip(lines, begin):
        assert line.startswith(start), line
        assert "\n" not in line
        assert str(page.folder) not in line
    assert "7" in lines[3]


def test_nobody_elsewhere_is_told_or_asked(page: Program) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    connection.request("GET", "/config")
    config = connection.getresponse().read().decode()
    connection.request("GET", "/theme.css")
    styles = connection.getresponse().read().decode()
    connection.close()
    assert '"analytics_enabled":false' in config.replace(" ", "")
    assert "http" not in styles.replace("http://www.w3.org", "")


@pytest.mark.parametrize(("origin", "status"), [("http://elsewhere.example", 403), ("null", 403), (None, 200)])
def test_pages_of_other_sites_are_not_answered(page: Program, origin: str | None, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    own = f"http://127.0.0.1:{page.port}"
    connection.request("GET", "/config", headers={"Origin": own if origin is None else origin})
    assert connection.getresponse().status == status
    connection.close()


def test_others_need_the_key() -> None:
    command = [sys.executable, "-m", "talkinghead", "app", "--host", "0.0.0.0", "--port", "0"]
    environment = {name: value for name, value in os.environ.items() if name != "TALKINGHEAD_API_KEY"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=environment)
    assert done.returncode == 1
    assert done.stderr.startswith("talkinghead: at 0.0.0.0 others could use this server: set TALKINGHEAD_API_KEY")
    assert done.stderr.count("\n") == 1
