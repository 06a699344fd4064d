"""`talkinghead bench` on a tiny input: its figures are what they say."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from talkinghead.bench.cold import cold_start
from talkinghead.bench.inputs import write_speech
from talkinghead.bench.machine import describe_machine
from talkinghead.bench.measure import STAGES, bench
from talkinghead.bench.timed import TimedCanvas, TimedRenderer
from talkinghead.canvas.still import open_still
from talkinghead.cli import main
from talkinghead.core.errors import CheckpointError, InputError
from talkinghead.core.examples import example
from talkinghead.core.settings import Settings
from talkinghead.media.images import read_image
from talkinghead.motion.controls import controls_to_motion
from talkinghead.quality.report import Stages
from talkinghead.renderers.warp import WarpRenderer


@pytest.fixture
def small(tmp_path: Path, examples: Path) -> Path:
    picture = cv2.imread(str(examples / "grace_hopper.jpg"))
    cv2.imwrite(str(tmp_path / "small.png"), cv2.resize(picture, (128, 150), interpolation=cv2.INTER_AREA))
    return tmp_path / "small.png"


def test_it_prints_what_it_measured(small: Path, tmp_path: Path) -> None:
    words = ["bench", str(small), "--seconds", "0.4", "--runs", "1", "--checkpoints", str(tmp_path)]
    done = CliRunner().invoke(main, [*words, "-o", str(tmp_path / "figures.json")])
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "figures.json").read_text())
    assert set(found) == {"schema", "program", "machine", "picture", "size", "runs", "renderers", "left_out"}
    assert (found["schema"], found["picture"], found["size"], found["runs"]) == (1, "small.png", [128, 150], 1)
    assert set(found["renderers"]) == {"warp"}
    assert "there are no liveportrait weights" in found["left_out"]["liveportrait"]
    figures = found["renderers"]["warp"]
    assert "small.png, 128x150; best of 1" in done.output
    assert "warp: cold start" in done.output
    rows = re.findall(r"^    (\w+) +\d+\.\d\d s +\d+ %$", done.output, flags=re.M)
    assert tuple(rows) == STAGES
    assert "liveportrait was left out: there are no liveportrait weights" in done.output
    assert (figures["audio_s"], figures["frames"]) == (pytest.approx(0.4, abs=0.01), 10)
    assert tuple(figures["stages"]) == STAGES
    shares = [stage["share"] for stage in figures["stages"].values()]
    assert sum(shares) == pytest.approx(1, abs=1e-3)
    assert min(shares) >= 0
    assert figures["stages"]["draw"]["seconds"] > 0
    assert figures["stages"]["speech"]["seconds"] > 0
    # A new process imports everything; what is warm does not.
    assert figures["cold_s"] > figures["warm_s"] >= 0.9 * figures["first_frame_s"]
    assert figures["real_time_factor"] == pytest.approx(figures["warm_s"] / figures["audio_s"], rel=1e-3)
    if sys.platform == "linux":
        assert 60 < figures["peak_memory_mb"] < 1000


def test_a_renderer_without_weights_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there are no liveportrait weights"):
        bench(renderers=["liveportrait"], seconds=0.1, runs=1, settings=Settings(checkpoints=tmp_path))
    with pytest.raises(InputError, match="measure more than 0 seconds"):
        bench(seconds=0)


def test_a_process_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"it stopped: there is no file no\.png"):
        cold_start(["edit", "no.png", "-o", str(tmp_path / "out.png")])


def test_the_recording_is_as_long_as_asked(tmp_path: Path) -> None:
    assert example("grace_hopper.jpg").is_file()
    for seconds in (0.4, 11.5):
        write_speech(tmp_path / "speech.wav", seconds)
        assert soundfile.info(tmp_path / "speech.wav").duration == pytest.approx(seconds, abs=1e-4)
    with pytest.raises(InputError, match="this installation lacks the example nobody"):
        example("nobody.jpg")


def test_the_machine_is_told_in_a_line() -> None:
    machine = describe_machine(0.5)
    assert machine.cores >= 1
    assert {"Python", "numpy", "onnxruntime", "ffmpeg"} <= set(machine.versions)
    assert f"{machine.cores} cores, load 0.5" in machine.line
    assert "load" not in describe_machine(None).line


def test_timed_parts_draw_what_the_real_ones_do(small: Path) -> None:
    stages, renderer = Stages(), WarpRenderer()
    still = open_still(read_image(small), renderer)
    motion = controls_to_motion({"jawOpen": 0.5})
    (plain,) = renderer.open(still.portrait).draw(motion)
    canvas, timed = TimedCanvas(still, stages), TimedRenderer(renderer, stages)
    (drawn,) = timed.open(canvas.portrait).draw(motion)
    assert np.array_equal(canvas.placed(drawn), still.placed(plain))
    assert set(stages.seconds) == {"draw", "paste"}
    assert (timed.name, canvas.size_px, list(canvas.portraits()), canvas.report) == ("warp", (128, 150), [], None)
