"""A camera that drives a portrait in real time, without a window: a file stands in for the camera."""

from __future__ import annotations

import sys
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from talkinghead import Avatar
from talkinghead.cli import main
from talkinghead.core.errors import DependencyError, InputError, MotionError, OutputError, VideoError
from talkinghead.core.types import Floats, Image
from talkinghead.drivers.live_video import LiveVideoDriver
from talkinghead.drivers.tracking.expression import load_basis
from talkinghead.drivers.tracking.live_stream import LiveMotionStream
from talkinghead.faces import canonical_mesh
from talkinghead.live.camera import Camera
from talkinghead.live.loop import LiveLoop, LiveReport, open_live
from talkinghead.live.outputs import Recorder
from talkinghead.media.images import read_image
from talkinghead.media.video import VideoReader
from talkinghead.motion.blendshapes import BLENDSHAPE_INDEX
from tests.live.conftest import FPS, Keys

JAW = BLENDSHAPE_INDEX["jawOpen"]


def test_a_file_as_camera_drives_records_and_counts(hopper: Image, camera_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "live.mp4"
    loop = open_live(Avatar(hopper, renderer="warp"), camera=str(camera_file), window=False, record=str(out))
    report = loop.run()
    # Every picture of the camera was either drawn or counted as dropped, and time in the recording stays true.
    assert report.frames + report.dropped in (19, 20)
    # How many depends on the machine; speed is measured in benchmarks/, not here.
    assert report.frames >= 1
    assert report.latency_ms(0.5) > 0
    with VideoReader(out) as video:
        assert video.fps == FPS
        assert video.size_px[0] - hopper.size_px[0] in (0, 1)
        assert len(list(video)) == report.frames + report.dropped
    assert "dropped" in report.summary()


def test_keys_set_the_neutral_face_and_quit(hopper: Image, lasting_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learnt: list[bool] = []
    own = LiveVideoDriver.set_neutral
    monkeypatch.setattr(LiveVideoDriver, "set_neutral", lambda self: learnt.append(own(self)))
    output = Keys({3: "n", 5: "q"})
    session = Avatar(hopper, renderer="warp").motion_session(FPS)
    report = LiveLoop(session, Camera(str(lasting_file)), [output]).run()
    assert report.frames == len(output.frames) == 5
    assert output.closed
    assert learnt == [True]


def test_a_session_of_another_rate_is_refused(hopper: Image, camera_file: Path) -> None:
    session = Avatar(hopper, renderer="warp").motion_session(Fraction(25))
    with pytest.raises(MotionError, match=r"the session runs at 25 .* the camera at 10"):
        LiveLoop(session, Camera(str(camera_file)), [])


def blendshapes(**named: float) -> Floats:
    """An average face with an expression, (478, 3) in pixels."""
    mesh = 100 * canonical_mesh().astype(np.float64) + 150
    for name, weight in named.items():
        mesh[:, :2] += 100 * weight * load_basis()[BLENDSHAPE_INDEX[name]]
    return mesh.astype(np.float32)


def test_the_neutral_key_makes_this_moment_the_rest() -> None:
    calm, talking = blendshapes(), blendshapes(jawOpen=0.5)
    frown = blendshapes(mouthFrownLeft=0.7, mouthFrownRight=0.7)
    stream = LiveMotionStream(FPS, canonical_mesh())
    assert not stream.set_neutral()  # nobody has been seen
    moves = [stream.push(calm) for _ in range(12)]
    assert moves[0] is None  # too little is known to move at all
    assert moves[-1] is not None
    assert moves[-1].blendshapes.max() < 0.1
    opened, sad = [stream.push(talking) for _ in range(8)][-1], [stream.push(frown) for _ in range(8)][-1]
    place = BLENDSHAPE_INDEX["mouthFrownLeft"]
    assert opened is not None
    assert opened.blendshapes[0, JAW] > 0.3
    assert sad is not None
    assert sad.blendshapes[0, place] > 0.4
    assert stream.set_neutral()
    settled, gone = [stream.push(frown) for _ in range(20)][-1], [stream.push(None) for _ in range(20)][-1]
    assert settled is not None
    assert settled.blendshapes[0, place] < 0.15
    assert gone is not None
    assert np.abs(gone.blendshapes).max() < 0.05
    assert stream.report.lost == 20


def test_a_driver_gives_one_frame_for_every_picture(examples: Path) -> None:
    driver = LiveVideoDriver(FPS)
    pixels = read_image(examples / "astronaut.png", max_side_px=320).pixels
    wall = np.full_like(pixels, 127)
    motions = [driver.push(picture) for picture in [*[pixels] * 10, *[wall] * 4]]
    assert [len(motion) for motion in motions] == [1] * 14
    # At rest as long as too little is known; then there is some small thing to say of any face.
    assert not any(motion.blendshapes.any() for motion in motions[:7])
    assert motions[9].blendshapes.any()
    assert not driver.rest().blendshapes.any()
    assert driver.report is not None
    assert (driver.report.frames, driver.report.lost) == (14, 4)
    assert driver.finish() is None
    driver.close()


def recorders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "talkinghead-recorder"]


def test_outputs_are_closed_where_another_cannot_be_opened(
    hopper: Image, camera_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(DependencyError, match="a virtual camera needs pyvirtualcam"):
        open_live(Avatar(hopper, renderer="warp"), camera=str(camera_file), window=False, virtual_camera=True,
                  record=str(tmp_path / "live.mp4"))  # fmt: skip
    assert recorders() == []
    assert list(tmp_path.iterdir()) == []


def test_outputs_are_closed_where_drawing_fails(hopper: Image, camera_file: Path, tmp_path: Path) -> None:
    session = Avatar(hopper, renderer="warp").motion_session(FPS)
    session.close()  # which refuses the first frame
    keys = Keys()
    loop = LiveLoop(session, Camera(str(camera_file)), [Recorder(tmp_path / "live.mp4", FPS), keys])
    with pytest.raises(InputError, match="this session is finished"):
        loop.run()
    assert keys.closed
    assert recorders() == []
    assert list(tmp_path.iterdir()) == []


def test_figures_of_nothing_are_nothing() -> None:
    report = LiveReport()
    assert (report.fps, report.latency_ms(0.95)) == (0, 0)
    report.frames, report.seconds = 30, 2.0
    report.latencies_ms.extend([10.0] * 19 + [90.0])
    assert report.fps == 15
    assert report.latency_ms(0.5) == 10
    assert report.summary().startswith(
        "30 frames in 2.0 s (15.0 per second), 0 dropped, 0 without a face, latency 10 ms"
    )


def test_what_cannot_be_opened_is_said(examples: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no file"):
        Camera(str(tmp_path / "nowhere.mp4"))
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(VideoError, match="cannot be opened"):
        Camera(str(tmp_path / "text.mp4"))
    (tmp_path / "there.mp4").write_bytes(b"kept")
    with pytest.raises(OutputError, match="exists already"):
        Recorder(tmp_path / "there.mp4", FPS)
    assert (tmp_path / "there.mp4").read_bytes() == b"kept"
    portrait = str(examples / "grace_hopper.jpg")
    nothing = CliRunner().invoke(main, ["live", portrait, "--no-window"])
    assert nothing.exit_code == 2
    everyone = CliRunner().invoke(main, ["live", portrait, "--face", "all"])
    assert everyone.exit_code == 2
    missing = CliRunner().invoke(
        main, ["live", portrait, "--camera", "nowhere.mp4", "--no-window", "--max-frames", "3", "--renderer", "warp"]
    )
    assert missing.exit_code == 1
    assert "no file nowhere.mp4" in missing.output


def test_the_command_runs_headless(examples: Path, lasting_file: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(
        main,
        ["live", str(examples / "grace_hopper.jpg"), "--camera", str(lasting_file), "--no-window", "--max-frames", "5",
         "--max-side", "256", "--renderer", "warp", "--record", str(tmp_path / "live.mp4")],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "5 frames" in result.output
    portrait = read_image(examples / "grace_hopper.jpg", max_side_px=256).pixels.astype(int)
    with VideoReader(tmp_path / "live.mp4") as video:
        assert max(video.size_px) == 256
        first = next(iter(video))
    # The mark that is drawn there unless --no-label says otherwise.
    assert np.abs(first[8:18, 8:70] - portrait[8:18, 8:70]).mean() > 25
    assert np.abs(first[8:18, 150:210] - portrait[8:18, 150:210]).mean() < 8
