"""The page in a real browser: picture and text in, a playing video out, errors shown, nothing from elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from talkinghead.media.ffmpeg import FFmpeg
from tests.programs import Program

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
playwright = pytest.importorskip("playwright.sync_api")
pytestmark = [
    pytest.mark.network,
    pytest.mark.timeout(240),
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium"),
]
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
         "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")  # fmt: skip
# The mouth's part of the picture as the video shows it at a time: its grey levels.
MOUTH = """async (video, at) => {
  video.pause(); video.currentTime = at;
  await new Promise(done => video.addEventListener('seeked', done, {once: true}));
  const canvas = document.createElement('canvas');
  canvas.width = video.videoWidth; canvas.height = video.videoHeight;
  const brush = canvas.getContext('2d');
  brush.drawImage(video, 0, 0);
  return Array.from(brush.getImageData(canvas.width * 0.35, canvas.height * 0.3, canvas.width * 0.2,
    canvas.height * 0.15).data).filter((_, i) => i % 4 == 1);
}"""


@pytest.fixture(scope="module")
def browser(inputs: Path, examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Its camera sees the portrait, its microphone hears the recording."""
    camera = tmp_path_factory.mktemp("camera") / "face.y4m"
    arguments = ["-loop", "1", "-i", str(inputs / "face.png"), "-t", "0.5", "-r", "10", "-vf", "pad=320:240:64:24"]
    with FFmpeg([*arguments, "-pix_fmt", "yuv420p", str(camera)]) as made:
        assert made.finish(), made.complaint
    devices = [f"--use-file-for-fake-video-capture={camera}",
               f"--use-file-for-fake-audio-capture={examples / 'speech.wav'}"]  # fmt: skip
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=[*QUIET, *devices])
        yield opened
        opened.close()


@pytest.fixture
def tab(browser: Any, page: Program) -> Iterator[Any]:
    """The page at a phone's width; it asks nobody else for anything, and is never wider than the screen."""
    asked: list[str] = []
    opened = browser.new_page(viewport={"width": 390, "height": 844})
    opened.set_default_timeout(30_000)
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(page.address, wait_until="domcontentloaded")
    opened.wait_for_selector("#speak-go")
    yield opened
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    assert [url for url in asked if not url.startswith((page.address, "data:", "blob:"))] == []
    opened.close()


def choose(tab: Any, path: Path) -> None:
    tab.set_input_files("#picture input[type=file]", str(path))
    tab.wait_for_selector("#picture img")


def test_a_picture_and_a_text_become_a_video_that_plays(tab: Any, inputs: Path) -> None:
    choose(tab, inputs / "face.png")
    tab.fill("#text textarea", "Wow, a map of all.")
    tab.click("#speak-go")
    video = tab.wait_for_selector("#speak-video video")
    tab.wait_for_function("video => video.readyState >= 2", arg=video)
    length_s = video.evaluate("video => video.duration")
    assert 0.8 < length_s < 5
    looks = [video.evaluate(f"(video) => ({MOUTH})(video, {length_s * k / 6})") for k in range(1, 5)]
    moved = max(abs(a - b) for one in looks[1:] for a, b in zip(looks[0], one))
    assert moved > 40, moved
    video.evaluate("video => { video.currentTime = 0; return video.play(); }")
    tab.wait_for_function("video => video.currentTime > 0.4", arg=video)
    with tab.expect_download() as download:
        tab.click("#speak-download")
    assert Path(download.value.path()).read_bytes()[4:8] == b"ftyp"
    tab.get_by_role("tab", name="Motion").click()
    tab.get_by_text("frames/s").wait_for()
    tab.wait_for_selector(".curves canvas, .curves svg")


def test_a_photograph_and_a_voice_of_this_moment_become_a_video(tab: Any) -> None:
    tab.context.grant_permissions(["camera", "microphone"])
    tab.click("#picture button[aria-label='Capture from camera']")
    tab.get_by_text("Click to Access Webcam").click()
    # What is shown until then is no picture yet.
    tab.wait_for_function("() => (document.querySelector('#picture video')?.readyState ?? 0) >= 2")
    tab.click("#picture button[aria-label='capture photo']")
    tab.wait_for_selector("#picture img")
    tab.click("#sound button[aria-label='Record audio']")
    tab.click("#sound .record-button")
    tab.get_by_text("0:02").wait_for()  # how long it is recording
    tab.click("#sound .stop-button")
    tab.wait_for_selector("#sound .play-pause-button")
    tab.click("#speak-go")
    video = tab.wait_for_selector("#speak-video video")
    tab.wait_for_function("video => video.readyState >= 2", arg=video)
    length_s = video.evaluate("video => video.duration")
    assert length_s > 1
    # The photograph's shape, larger or smaller as the browser takes it.
    assert video.evaluate("video => video.videoWidth / video.videoHeight") == pytest.approx(4 / 3, abs=0.02)
    # The recording begins within a word or before one: somewhere in it the mouth moves.
    looks = [video.evaluate(f"(video) => ({MOUTH})(video, {length_s * k / 8})") for k in range(8)]
    moved = max(abs(a - b) for one in looks[1:] for a, b in zip(looks[0], one))
    assert moved > 40, moved


def test_what_is_wrong_is_shown(tab: Any, inputs: Path) -> None:
    toast = tab.get_by_test_id("toast-body")
    tab.click("#speak-go")
    toast.get_by_text("choose a picture first").wait_for()
    choose(tab, inputs / "none.png")
    toast.get_by_text("no face was found in none.png").wait_for()
    assert "Traceback" not in tab.content()
    tab.wait_for_selector("#speak-go:not([disabled])")


def test_a_slider_moves_the_preview(tab: Any, inputs: Path) -> None:
    choose(tab, inputs / "face.png")
    tab.get_by_role("tab", name="Edit").click()
    first = tab.wait_for_selector("#preview img").get_attribute("src")
    tab.fill("#edit-smile input[type=number]", "0.8")
    tab.press("#edit-smile input[type=number]", "Enter")
    tab.wait_for_function("was => document.querySelector('#preview img')?.src != was", arg=first)


def test_a_face_is_chosen_by_clicking(tab: Any, inputs: Path) -> None:
    choose(tab, inputs / "two.png")
    tab.get_by_role("tab", name="Faces").click()
    faces = tab.wait_for_selector("#faces img")
    tab.get_by_text("2 faces; face 1 is chosen").wait_for()
    box = faces.bounding_box()
    # The picture is as wide as its place: the left one is the larger.
    tab.mouse.click(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5)
    tab.get_by_text("Face 2 of 2 is chosen").wait_for()
    tab.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    tab.get_by_text("Face 1 of 2 is chosen").wait_for()


def test_what_is_being_made_is_stopped(tab: Any, inputs: Path) -> None:
    choose(tab, inputs / "face.png")
    tab.fill("#text textarea", "One two three four five six seven eight nine ten. " * 20)
    tab.click("#speak-go")
    tab.click("#speak-stop")
    tab.get_by_text("Stopped.").wait_for()
    tab.wait_for_selector("#speak-go:not([disabled])")
