"""Both renderers driven by a camera: what a session is pushed, whatever draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from talkinghead.canvas.still import open_still
from talkinghead.core.types import Image
from talkinghead.live.camera import Camera
from talkinghead.live.loop import LiveLoop
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.motion.protocols import Renderer
from talkinghead.renderers.liveportrait import LivePortraitRenderer
from talkinghead.renderers.warp import WarpRenderer
from talkinghead.session import Session
from tests.live.conftest import FPS, Keys
from tests.liveportrait import narrow


@pytest.fixture(params=["warp", "liveportrait"])
def renderer(request: pytest.FixtureRequest) -> Renderer:
    """The neural one has few channels and random weights: real code, quick enough for a test."""
    return WarpRenderer() if request.param == "warp" else LivePortraitRenderer(Engine(narrow.models()))


@pytest.mark.timeout(300)
def test_either_renderer_is_driven(hopper: Image, camera_file: Path, renderer: Renderer) -> None:
    output = Keys()
    session = Session(open_still(hopper, renderer), renderer, FPS)
    report = LiveLoop(session, Camera(str(camera_file)), [output]).run()
    assert report.frames == len(output.frames) >= 1
    assert sum(output.times) == report.frames + report.dropped
    assert {frame.shape for frame in output.frames} == {hopper.pixels.shape}
    assert output.closed
    assert session.has_ended
    # The picture around the face is the portrait's own.
    np.testing.assert_array_equal(output.frames[-1][-8:], hopper.pixels[-8:])
