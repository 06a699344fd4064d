"""What the README shows is run as it stands, on the first second of the example recording."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
from click.testing import CliRunner

from audio2motion.cli import main as audio2motion_main
from talkinghead.cli import COMMANDS, main
from talkinghead.media.video import VideoReader

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
# Installing, downloading and opening a camera are not for a test.
ELSEWHERE = ("pip", "make", "git", "cd", "docker", "ray", "accelerate", "audio2motion")
NOT_HERE = (("checkpoints", "pull"), ("live",))


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.DOTALL | re.MULTILINE)


def command_lines() -> Iterator[list[str]]:
    """Every line of the bash blocks as words, without comments."""
    for block in blocks("bash"):
        for line in block.replace("\\\n", " ").splitlines():
            if words := shlex.split(line, comments=True):
                yield words


def test_every_command_line_runs(clone: Path) -> None:
    ran = 0
    for program, *arguments in command_lines():
        if program in ELSEWHERE or any(arguments[: len(words)] == list(words) for words in NOT_HERE):
            continue
        assert program == "talkinghead", f"say in this test what becomes of {program!r}"
        result = CliRunner().invoke(main, arguments)
        assert result.exit_code == 0, f"{shlex.join(arguments)}: {result.output}"
        ran += 1
    assert ran >= 5
    for video in clone.glob("*.mp4"):
        with VideoReader(video) as reader:
            assert reader.frames is not None
            assert reader.frames >= 20, video.name
    assert (clone / "grace_hopper--speech.mp4").exists()


def test_the_python_runs(clone: Path) -> None:
    before = {path.name for path in clone.iterdir()}
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    assert {path.name for path in clone.iterdir()} - before == {"hopper.mp4"}
    assert isinstance(names["smiling"], np.ndarray)
    assert names["smiling"].shape == (512, 512, 3)


def test_the_table_names_every_command() -> None:
    table = set(re.findall(r"^\| `talkinghead ([a-z]+)", README, flags=re.MULTILINE))
    assert table == set(COMMANDS)


def test_every_option_that_is_named_exists() -> None:
    known = {"--help", "--version"}
    for group in (main, audio2motion_main):
        context = click.Context(group)
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            members = command.commands.values() if isinstance(command, click.Group) else [command]
            known |= {option for member in members for parameter in member.params for option in parameter.opts}
    # Without the lines that show other programs' options; a benchmark's are its own.
    text = re.sub(r"`(?:ffprobe|pip|piper) [^`]*`", "", README)
    for script, options in re.findall(r"`(benchmarks/\w+\.py)([^`]*)`", text):
        source = (ROOT / script).read_text()
        assert all(f'"{option}"' in source for option in re.findall(r"--[a-z][a-z-]+", options)), script
    text = re.sub(r"`benchmarks/[^`]*`", "", text)
    named = set(re.findall(r"(?<![\w-])(--[a-z][a-z-]+)", text))
    assert named
    assert named <= known, sorted(named - known)
