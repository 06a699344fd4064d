"""The server's own page in a real browser: what is typed is spoken and seen, and so is what the microphone hears."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile

from talkinghead.core.emotions import EMOTIONS, NEUTRAL
from talkinghead.core.types import Floats
from tests.server.conftest import Client, running

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGE = Path(__file__).parents[2] / "talkinghead" / "server" / "page"
KEY = "a-key-of-the-tests"
pytestmark = [
    pytest.mark.network,
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="needs Debian's chromium"),
    # Playwright's own loop is closed by its own thread.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
# The mouth of the example, in parts of the picture's height and width.
MOUTH = (slice(0.33, 0.40), slice(0.49, 0.63))
BROW = (slice(0.05, 0.12), slice(0.05, 0.35))


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's microphone hears, again and again: speech, then a quiet room."""
    speech, rate_hz = soundfile.read(PAGE.parents[2] / "examples" / "speech.wav", dtype="float32")
    room = np.random.default_rng(2).normal(0, 3e-4, 3 * rate_hz).astype(np.float32)
    path = tmp_path_factory.mktemp("microphone") / "heard.wav"
    soundfile.write(path, np.concatenate([speech[: 3 * rate_hz], room]), rate_hz, subtype="PCM_16")
    return path


@pytest.fixture(scope="module")
def browser(microphone: Path) -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
                "--use-fake-ui-for-media-stream", f"--use-file-for-fake-audio-capture={microphone}",
            ],
        )  # fmt: skip
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running(tmp_path_factory.mktemp("locked"), TALKINGHEAD_API_KEY=KEY) as client:
        yield client


@contextmanager
def opened(browser: Any, client: Client, key: str = "", width: int = 1200, height: int = 860) -> Iterator[Any]:
    """The page, once the face is there; nothing of another host may have been asked for, nor anything have failed."""
    context = browser.new_context(viewport={"width": width, "height": height}, permissions=["microphone"])
    page = context.new_page()
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"http://127.0.0.1:{client.port}/")
    if key:
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_role("button", name="Go on").click()
    state(page, "ready")
    yield page
    context.close()
    assert wrong == []
    assert [url for url in asked if not re.match(rf"(blob:)?(http|ws)://127\.0\.0\.1:{client.port}/", url)] == []


def state(page: Any, *names: str) -> None:
    wanted = ", ".join(f'#status[data-state="{name}"]' for name in names)
    page.wait_for_selector(wanted, timeout=40_000)


def frames(page: Any, seconds: float, part: tuple[slice, slice] = MOUTH) -> Floats:
    """(n, height, width, 3): a part of what the canvas shows, ten times a second."""
    pictures = []
    for _ in range(round(10 * seconds)):
        url = page.evaluate("document.getElementById('face').toDataURL('image/png')")
        data = np.frombuffer(__import__("base64").b64decode(url.partition(",")[2]), np.uint8)
        pixels = cv2.imdecode(data, cv2.IMREAD_COLOR).astype(np.float32)
        rows, columns = (
            slice(int(side.start * size), int(side.stop * size)) for side, size in zip(part, pixels.shape[:2])
        )
        pictures.append(pixels[rows, columns])
        page.wait_for_timeout(60)
    return np.stack(pictures)


def movement(pictures: Floats) -> float:
    """How much pictures differ from one to the next."""
    return float(np.abs(np.diff(pictures, axis=0)).mean())


def test_what_is_typed_is_said_sentence_by_sentence_and_stopped(server: Client, browser: Any) -> None:
    with opened(browser, server) as page:
        page.wait_for_timeout(500)
        resting = movement(frames(page, 1.0))
        page.get_by_label("What it should say").press_sequentially("Good morning, Dr. Brown. How are you? I w", delay=5)
        said = page.locator("#said li")
        assert said.all_text_contents() == ["Good morning, Dr. Brown.", "How are you?"]
        assert page.get_by_label("What it should say").input_value() == "I w"
        page.get_by_label("What it should say").press_sequentially("ould talk on and on, for ever and ever, so", delay=5)
        page.keyboard.press("Enter")
        state(page, "speaking")
        page.wait_for_timeout(400)
        speaking = movement(frames(page, 1.2))
        assert speaking > 3 * resting
        assert page.evaluate("document.getElementById('toast').hidden")
        page.get_by_role("button", name="Stop").click()
        state(page, "idle", "ready")
        page.wait_for_timeout(400)
        assert movement(frames(page, 1.0)) < 0.5 * speaking
        assert page.locator("#stop").is_hidden()


def test_the_face_says_what_the_microphone_hears(server: Client, browser: Any) -> None:
    with opened(browser, server) as page:
        resting = movement(frames(page, 1.0))
        page.get_by_role("button", name="Microphone").click()
        state(page, "speaking")
        page.wait_for_timeout(400)
        assert movement(frames(page, 1.5)) > 3 * resting
        state(page, "listening")  # in the pause
        page.get_by_role("button", name="Listening").click()
        state(page, "ready")


def test_what_cannot_be_used_is_said_in_words(server: Client, browser: Any, tmp_path: Path) -> None:
    grey = tmp_path / "grey.png"
    cv2.imwrite(str(grey), np.full((300, 300, 3), 128, np.uint8))
    with opened(browser, server, width=390, height=844) as page:
        page.get_by_label("Choose a picture").set_input_files(grey)
        page.wait_for_selector("#toast:not([hidden])")
        assert re.search(r"no face", page.get_by_role("alert").text_content(), re.I)
        state(page, "ready")  # the example is back
        assert page.get_by_role("alert").is_visible()
        page.get_by_role("button", name="Close this message").click()
        assert page.get_by_role("alert").is_hidden()
        # Nothing is wider than the phone.
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_picture_of_ones_own_and_an_emotion(server: Client, browser: Any) -> None:
    with opened(browser, server) as page:
        page.get_by_label("Choose a picture").set_input_files(PAGE.parents[2] / "examples" / "astronaut.png")
        state(page, "opening")
        state(page, "ready")
        page.wait_for_function("document.getElementById('face').width === 512")
        page.get_by_role("button", name="Use the example").click()
        state(page, "opening")
        state(page, "ready")
        page.wait_for_function("document.getElementById('face').height > 500 && document.getElementById('face').width < 500")
        before = frames(page, 0.3)[-1]
        page.get_by_text("Surprised").click()
        page.wait_for_timeout(1200)
        assert np.abs(frames(page, 0.3)[-1] - before).mean() > 2


def test_a_server_with_a_key_asks_for_it_and_a_fallen_stream_comes_back(locked: Client, browser: Any) -> None:
    with opened(browser, locked, key=KEY) as page:
        page.get_by_label("What it should say").fill("Hello there.")
        page.keyboard.press("Enter")
        state(page, "speaking")
        avatar = page.evaluate("sessionStorage.getItem('talkinghead-example')")
        assert locked.ask("DELETE", f"/v1/avatars/{avatar}")[0] == 204
        page.context.set_offline(True)
        page.context.set_offline(False)
        state(page, "idle", "ready")
        # Whatever is open falls; the avatar is gone as well, and is made anew.
        page.evaluate("import('./page/stream.js').then(() => 0)")
        assert page.get_by_role("alert").is_hidden()


def test_the_page_knows_every_emotion() -> None:
    html = (PAGE / "index.html").read_text("utf-8")
    assert re.findall(r'name="emotion" value="(\w+)"', html) == [NEUTRAL, *EMOTIONS]


def test_the_page_needs_nothing_of_others(server: Client) -> None:
    status, body, headers = server.ask("GET", "/")
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self'")
    for name in re.findall(r'(?:src|href)="([^"]+)"', body.decode()):
        assert server.ask("GET", f"/{name}")[0] == 200, name
    for path in PAGE.iterdir():
        assert "http" not in re.sub(r"http://www\.w3\.org/2000/svg|\bhttps?\b(?!:)|\"https?:\"", "", path.read_text("latin-1"))
    for name in ("nothing.js", "..%2Fapp.py", "%2e%2e%2fapp.py", "index.html"):
        assert server.ask("GET", f"/page/{name}")[0] == 404
