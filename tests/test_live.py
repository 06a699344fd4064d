"""A camera that drives a portrait in real time, without a window: a file stands in for the camera."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from talkinghead.cli import main
from talkinghead.core.errors import OutputError, VideoError
from talkinghead.core.settings import Settings
from talkinghead.core.types import Pixels
from talkinghead.drivers.tracking.expression import load_basis
from talkinghead.drivers.tracking.live_stream import LiveDriver
from talkinghead.faces import canonical_mesh
from talkinghead.live.camera import Camera
from talkinghead.live.loop import Session, open_session
from talkinghead.live.outputs import Recorder
from talkinghead.media.video import VideoReader, write_video
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX

JAW = BLENDSHAPE_INDEX["jawOpen"]
FPS = Fraction(10)


@pytest.fixture(scope="module")
def camera_file(examples: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of a portrait that moves across the picture."""
    from talkinghead.media.images import read_image

    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    path = tmp_path_factory.mktemp("camera") / "camera.mp4"
    write_video(path, (np.roll(pixels, 2 * (i % 8), axis=1) for i in range(20)), FPS)
    return path


class Keys:
    """An output that presses keys: one real implementation more of `Output`."""

    def __init__(self, keys: dict[int, str]) -> None:
        self.keys, self.shown, self.closed = keys, [], False

    def show(self, pixels: Pixels, times: int) -> str:
        self.shown.append(times)
        return self.keys.get(len(self.shown), "")

    def close(self) -> None:
        self.closed = True


def session(picture: Path, camera: Path, output: Keys) -> Session:
    made = open_session(picture, Settings(renderer="warp"), camera=str(camera), window=False, max_side_px=320)
    made._outputs = [output]
    return made


def test_a_file_as_camera_drives_records_and_counts(examples, camera_file, tmp_path):
    out = tmp_path / "live.mp4"
    made = open_session(
        examples / "grace_hopper.jpg", Settings(renderer="warp"), camera=str(camera_file), window=False,
        record=str(out), max_side_px=320,
    )  # fmt: skip
    report = made.run()
    # Every picture of the camera was either drawn or counted as dropped, and time in the recording stays true.
    assert report.frames + report.dropped in (19, 20)
    # How many depends on the machine; speed is measured in benchmarks/, not here.
    assert report.frames >= 1
    assert report.latency_ms(0.5) > 0
    with VideoReader(out) as video:
        assert video.fps == FPS
        assert len(list(video)) == report.frames + report.dropped
    assert "dropped" in report.summary()


def test_keys_set_the_neutral_face_and_quit(examples, camera_file):
    output = Keys({6: "n", 9: "q"})
    made = session(examples / "grace_hopper.jpg", camera_file, output)
    report = made.run()
    assert report.frames == len(output.shown) == 9
    assert output.closed
    assert made._driver._fixed


def test_the_neutral_key_makes_this_moment_the_rest():
    mesh = 100 * canonical_mesh().astype(np.float64) + 150
    talking = mesh.copy()
    talking[:, :2] += 100 * 0.5 * load_basis()[JAW]
    frown = mesh.copy()
    frown[:, :2] += (
        100 * 0.7 * load_basis()[[BLENDSHAPE_INDEX[f"mouthFrown{side}"] for side in ("Left", "Right")]].sum(0)
    )
    driver = LiveDriver(FPS, canonical_mesh())
    assert not driver.set_neutral()  # nobody has been seen
    moves = [driver.push(mesh) for _ in range(12)]
    assert moves[0] is None  # too little is known to move at all
    assert moves[-1].blendshapes.max() < 0.1
    for _ in range(8):
        opened = driver.push(talking)
    assert opened.blendshapes[0, JAW] > 0.3
    for _ in range(8):
        sad = driver.push(frown)
    place = BLENDSHAPE_INDEX["mouthFrownLeft"]
    assert sad.blendshapes[0, place] > 0.4
    assert driver.set_neutral()
    for _ in range(20):
        calm = driver.push(frown)
    assert calm.blendshapes[0, place] < 0.15
    for _ in range(20):
        gone = driver.push(None)
    assert np.abs(gone.blendshapes).max() < 0.05
    assert driver.report.lost == 20


def test_what_cannot_be_opened_is_said(examples, tmp_path):
    with pytest.raises(VideoError, match="no file"):
        Camera(str(tmp_path / "nowhere.mp4"))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError, match="cannot be opened"):
        Camera(str(tmp_path / "text.mp4"))
    (tmp_path / "there.mp4").write_bytes(b"kept")
    with pytest.raises(OutputError):
        Recorder(tmp_path / "there.mp4", FPS)
    assert (tmp_path / "there.mp4").read_bytes() == b"kept"
    portrait = str(examples / "grace_hopper.jpg")
    nothing = CliRunner().invoke(main, ["live", portrait, "--no-window"])
    assert nothing.exit_code == 2
    missing = CliRunner().invoke(
        main, ["live", portrait, "--camera", "nowhere.mp4", "--no-window", "--max-frames", "3"]
    )
    assert missing.exit_code == 1
    assert "no file nowhere.mp4" in missing.output


def test_the_command_runs_headless(examples, camera_file):
    result = CliRunner().invoke(
        main,
        ["live", str(examples / "grace_hopper.jpg"), "--camera", str(camera_file), "--no-window", "--max-frames", "5",
         "--max-side", "256", "--renderer", "warp"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "5 frames" in result.output
