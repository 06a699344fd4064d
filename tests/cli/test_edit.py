"""`talkinghead edit`: one picture in, one picture out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import talkinghead
from talkinghead.cli import main
from talkinghead.cli.edit import command
from talkinghead.media.images import read_image
from talkinghead.motion.controls import CONTROLS

ASTRONAUT = Path(__file__).parents[2] / "examples" / "astronaut.png"
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    return lambda *args: CliRunner().invoke(main, ["edit", str(ASTRONAUT), *map(str, args), "--renderer", "warp"])


def test_every_control_has_an_option() -> None:
    offered = {word for parameter in command.params for word in parameter.opts}
    assert {f"--{name.replace('_', '-')}" for name in CONTROLS} <= offered


def test_the_command_draws_what_python_draws(run: Run) -> None:
    made = run("--smile", 0.6, "--wink-left", 1, "--yaw", -8, "--set", "jawOpen=0.3")
    assert made.exit_code == 0, made.output
    assert made.stdout == "astronaut--edited.png\n"
    controls = {"smile": 0.6, "wink_left": 1, "yaw": -8, "jawOpen": 0.3}
    expected = talkinghead.edit(ASTRONAUT, controls, renderer="warp")
    np.testing.assert_array_equal(read_image("astronaut--edited.png").pixels, expected)


def test_a_sheet_is_a_table_of_values(run: Run) -> None:
    made = run("--crop", "--sheet", "smile=0,1", "--sheet", "gaze-x=-1,0,1", "-o", "sheet.png", "-q")
    assert made.exit_code == 0, made.output
    assert made.output == ""
    avatar = talkinghead.Avatar(ASTRONAUT, renderer="warp", framing="crop")
    expected = avatar.edit_sheet({}, {"smile": (0, 1), "gaze_x": (-1, 0, 1)})
    np.testing.assert_array_equal(read_image("sheet.png", max_side_px=10_000).pixels, expected)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--set", "jawOpen"), 2, "'jawOpen' is not NAME=VALUE"),
        (("--sheet", "smile=a"), 2, "'smile=a' is not NAME=V1,V2"),
        (("--sheet", "smile=0,1", "--sheet", "smile=2,3"), 2, "--sheet varies smile twice"),
        (("--sheet", "smile=0", "--sheet", "yaw=0", "--sheet", "roll=0"), 2, "give --sheet at most twice"),
        (("--face", "all"), 2, "--face all is for `speak`"),
        (("--smile", "2"), 1, "smile must lie between -1 and 1"),
        (("--set", "jawOpne=1"), 1, "no control 'jawOpne'"),
        (("--sheet", "yaw=0,90"), 1, "yaw must lie between -30 and 30"),
        (("-o", "out.mp4"), 1, "out.mp4"),
        (("-o", "kept.png"), 1, "exists already"),
        (("--region", "lip"), 1, "--region is an option of the liveportrait renderer"),
    ],
)
def test_what_does_not_fit_is_one_line(run: Run, arguments: tuple[str, ...], code: int, said: str) -> None:
    Path("kept.png").write_bytes(b"kept")
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert said in result.output
    assert "Traceback" not in result.output
    assert [path.name for path in Path().iterdir()] == ["kept.png"]
    assert Path("kept.png").read_bytes() == b"kept"
