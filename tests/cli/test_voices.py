"""`talkinghead voices`, and what `speak` makes of `--tts`, `--language` and a text on standard input."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from talkinghead.cli import main
from talkinghead.media.audio import probe_audio
from talkinghead.tts.hibari import is_installed

Run = Callable[..., Result]


@pytest.fixture
def speak(beside_a_face: None) -> Run:
    def run(*arguments: str, stdin: str | bytes | None = None) -> Result:
        return CliRunner().invoke(main, ["speak", "face.png", *arguments, "-o", "out.mp4"], input=stdin)

    return run


def test_voices_as_a_list_and_as_json() -> None:
    listed = CliRunner().invoke(main, ["voices"])
    assert listed.exit_code == 0, listed.output
    lines = listed.output.splitlines()
    assert [line for line in lines if line.split()[:3] == ["de", "de", "German"]]
    given = CliRunner().invoke(main, ["voices", "--json", "--language", "fr"])
    engines = {engine["name"]: engine for engine in json.loads(given.output)}
    assert engines["espeak"]["is_ready"] is True
    assert {voice["name"] for voice in engines["espeak"]["voices"]} == {"fr", "fr-be", "fr-ch"}
    assert engines["hibari"]["is_ready"] is is_installed()
    assert len(CliRunner().invoke(main, ["voices", "-q"]).output.splitlines()) == 5
    unknown = CliRunner().invoke(main, ["voices", "--language", "tlh"])
    assert (unknown.exit_code, "no voice of 'tlh'" in unknown.output) == (1, True)


@pytest.mark.parametrize("arguments", [("--text", "-"), ("--text-file", "-")])
def test_a_text_on_standard_input_in_the_language_it_is_in(speak: Run, arguments: tuple[str, ...]) -> None:
    result = speak(*arguments, stdin="Guten Morgen. Wie geht es Ihnen?\n")
    assert result.exit_code == 0, result.output
    assert "text: German (guessed), spoken by espeak-ng de" in result.output
    assert 2 < probe_audio("out.mp4").duration_s < 5


def test_engine_and_language_by_name(speak: Run) -> None:
    result = speak("--text", "Gift", "--language", "de", "--tts", "espeak")
    assert result.exit_code == 0, result.output
    assert "German, spoken by espeak-ng de" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        (("--text", "-"), b"\xff\xfe\x00", 1, "standard input is not a text in UTF-8"),
        (("--text", "-"), "", 1, "no text to speak"),
        (("--text-file", "nothing.txt"), None, 1, "nothing.txt cannot be read"),
        (("--text", "Привет", "--voice", "de"), None, 1, "cannot read: name one that can, such as --voice ru"),
        (("--text", "hi", "--tts", "festival"), None, 2, "'festival' is not one of"),
        (("--text", "hi", "--tts-url", "localhost"), None, 1, "is not an address"),
        (("--text", "hi", "--tts", "piper"), None, 1, "Piper needs a voice"),
        (("a.wav", "--language", "de"), None, 2, "are for --text"),
    ],
)
def test_what_does_not_fit_is_one_line(
    speak: Run, arguments: tuple[str, ...], stdin: str | bytes | None, code: int, message: str
) -> None:
    result = speak(*arguments, stdin=stdin)
    assert result.exit_code == code, result.output
    assert message in " ".join(result.output.split())
    assert not Path("out.mp4").exists()
