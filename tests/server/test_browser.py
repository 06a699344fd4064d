"""The server's own page in a real browser: what is typed is spoken and seen, and so is what the microphone hears."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import soundfile

from talkinghead.core.emotions import EMOTIONS, NEUTRAL
from tests.server.conftest import Client, File, running

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
MOUTH = (0.33, 0.40), (0.49, 0.63)


@pytest.fixture(scope="module")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the browser's microphone hears, again and again: speech, then a quiet room."""
    speech, rate_hz = soundfile.read(PAGE.parents[2] / "examples" / "speech.wav", dtype="float32")
    room = np.random.default_rng(2).normal(0, 3e-4, 12 * rate_hz).astype(np.float32)  # as long as a busy machine needs
    path = tmp_path_factory.mktemp("microphone") / "heard.wav"
    soundfile.write(path, np.concatenate([speech[: 2 * rate_hz], room]), rate_hz, subtype="PCM_16")
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
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One that refuses no stream and draws in time, however busy this machine is with other tests."""
    with running(tmp_path_factory.mktemp("server"), "--max-side", "256") as client:
        yield client


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with running(tmp_path_factory.mktemp("locked"), "--max-side", "128", TALKINGHEAD_API_KEY=KEY) as client:
        yield client


@contextmanager
def opened(browser: Any, client: Client, key: str = "", width: int = 1200, height: int = 860) -> Iterator[Any]:
    """The page, once the face is there; nothing of another host may have been asked for, nor anything have failed."""
    context = browser.new_context(viewport={"width": width, "height": height}, permissions=["microphone"])
    try:
        yield from shown(context.new_page(), client, key)
    finally:
        context.close()


def shown(page: Any, client: Client, key: str) -> Iterator[Any]:
    asked, wrong = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"http://127.0.0.1:{client.port}/")
    if key:  # before anything else is asked for
        page.get_by_label("Key", exact=True).fill(key)
        page.get_by_role("button", name="Go on").click()
    state(page, "ready")
    page.wait_for_selector("#face:not([width='480'])")  # the still picture's
    yield page
    assert wrong == []
    assert [url for url in asked if not re.match(rf"(blob:)?(http|ws)://127\.0\.0\.1:{client.port}/", url)] == []


def state(page: Any, *names: str) -> None:
    wanted = ", ".join(f'#status[data-state="{name}"]' for name in names)
    page.wait_for_selector(wanted, timeout=40_000)


# How much a part of the canvas differs from one look to the next, and at last from what it was at first.
_LOOK = """async ([seconds, top, bottom, left, right]) => {
  const canvas = document.getElementById("face");
  const look = () => {
    const { width: w, height: h } = canvas;
    return canvas.getContext("2d").getImageData(left * w, top * h, (right - left) * w, (bottom - top) * h).data;
  };
  const between = (one, other) => one.reduce((sum, value, i) => sum + Math.abs(value - other[i]), 0) / one.length;
  const first = look();
  let [last, sum, count] = [first, 0, 0];
  for (const end = performance.now() + 1000 * seconds; performance.now() < end; count++) {
    await new Promise((resolve) => setTimeout(resolve, 80));
    const next = look();
    sum += between(last, next);
    last = next;
  }
  return [sum / count, between(first, last)];
}"""


def looked(page: Any, seconds: float) -> tuple[float, float]:
    """(movement, change from the first to the last) of the mouth, in grey levels, while so many seconds pass."""
    (top, bottom), (left, right) = MOUTH
    moved, changed = page.evaluate(_LOOK, [seconds, top, bottom, left, right])
    return moved, changed


def until(page: Any, what: Callable[[float], bool]) -> float:
    """Look until the mouth's movement is so; what it was."""
    for _ in range(30):
        moved, _ = looked(page, 0.6)
        if what(moved):
            return moved
    raise AssertionError(moved)


def test_what_is_typed_is_said_sentence_by_sentence_and_stopped(server: Client, browser: Any) -> None:
    with opened(browser, server) as page:
        resting, _ = looked(page, 0.8)
        words = page.get_by_label("What it should say")
        words.press_sequentially("Good morning, Dr. Brown. How are you? I w")
        assert page.locator("#said li").all_text_contents() == ["Good morning, Dr. Brown.", "How are you?"]
        assert words.input_value() == "I w"
        words.fill("I would talk on and on, for ever and ever, so that nobody else could say a single word")
        page.keyboard.press("Enter")
        state(page, "speaking")
        speaking = until(page, lambda moved: moved > 2.5 * resting)
        assert page.get_by_role("alert").is_hidden()
        page.get_by_role("button", name="Stop").click()
        state(page, "idle", "ready")
        until(page, lambda moved: moved < 0.5 * speaking)
        assert page.locator("#stop").is_hidden()


def test_the_face_says_what_the_microphone_hears(server: Client, browser: Any) -> None:
    with opened(browser, server) as page:
        resting, _ = looked(page, 0.8)
        page.get_by_role("button", name="Microphone").click()
        state(page, "speaking")
        until(page, lambda moved: moved > 2.5 * resting)
        state(page, "listening")  # in the pause
        page.get_by_role("button", name="Listening").click()
        assert page.get_by_role("button", name="Microphone").get_attribute("aria-pressed") == "false"


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
        page.get_by_text("Surprised").click()
        assert looked(page, 2.0)[1] > 1
        page.get_by_label("Choose a picture").set_input_files(PAGE.parents[2] / "examples" / "astronaut.png")
        page.wait_for_selector("#face[width='256']")
        state(page, "ready")
        page.get_by_role("button", name="Use the example").click()
        page.wait_for_selector("#face:not([width='256']):not([width='480'])")
        assert page.get_by_role("alert").is_hidden()


def test_a_server_with_a_key_asks_for_it_and_an_avatar_that_is_gone_is_made_anew(locked: Client, browser: Any) -> None:
    with opened(browser, locked, key=KEY) as page:
        page.get_by_label("What it should say").fill("Hello there.")
        page.keyboard.press("Enter")
        state(page, "speaking")
        avatar = page.evaluate("sessionStorage.getItem('talkinghead-example')")
        assert locked.ask("DELETE", f"/v1/avatars/{avatar}")[0] == 204
        page.reload()
        state(page, "ready")
        assert page.evaluate("sessionStorage.getItem('talkinghead-example')") != avatar


def test_a_stream_that_falls_is_taken_up_again(server: Client, browser: Any) -> None:
    sockets: list[Any] = []

    def between(socket: Any) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    context = browser.new_context()
    try:
        page = context.new_page()
        page.route_web_socket(re.compile("/stream"), between)
        page.goto(f"http://127.0.0.1:{server.port}/")
        state(page, "ready")
        sockets[0].close(code=3000)
        state(page, "reconnecting")
        state(page, "ready")
        assert len(sockets) == 2
    finally:
        context.close()


def test_the_call_that_the_documents_show(server: Client, browser: Any, picture: File) -> None:
    pytest.importorskip("aiortc")
    text = (PAGE.parents[2] / "docs" / "tutorials" / "server.md").read_text("utf-8")
    (program,) = re.findall(r"^```js\n(.*?)^```", text, flags=re.M | re.S)
    avatar = server.post("/v1/avatars", picture=picture)[1]["id"]
    context = browser.new_context(permissions=["microphone"])
    try:
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{server.port}/healthz")
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.evaluate("document.body.innerHTML = '<video autoplay muted></video>'")
        page.evaluate("async (avatar) => {" + program + "window.peer = peer}", avatar)
        for _ in range(300):
            page.wait_for_timeout(100)
            stats = page.evaluate("async () => [...(await peer.getStats()).values()]")
            found = {one["kind"]: one for one in stats if one["type"] == "inbound-rtp"}
            if found.get("video", {}).get("framesDecoded", 0) > 10 and any("speaking" in line for line in said):
                break
    finally:
        context.close()
    assert (found["video"]["frameWidth"], found["video"]["frameHeight"]) == (256, 256)
    assert found["audio"]["packetsReceived"] > 10
    events = [json.loads(line) for line in said if line.startswith("{")]
    assert [event["type"] for event in events[:2]] == ["ready", "speaking"]


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
        assert "http" not in re.sub(
            r"http://www\.w3\.org/2000/svg|\bhttps?\b(?!:)|\"https?:\"", "", path.read_text("latin-1")
        )
    for name in ("nothing.js", "..%2Fapp.py", "%2e%2e%2fapp.py", "index.html"):
        assert server.ask("GET", f"/page/{name}")[0] == 404
