"""Piper, where it is installed, with a voice of the tests' own: a network that hums each phoneme for two frames."""

from __future__ import annotations

import json
import stat
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from talkinghead.core.errors import DependencyError, InputError
from talkinghead.tts.child import kept_ready, spoken_by
from talkinghead.tts.piper import PiperEngine, piper_language, piper_python

RATE_HZ, HOP = 22_050, 256
SYMBOLS = "_^$ abcdefhijklmnoprstuvwzæðŋɐɑɒɔəɚɛɜɡɪɫɹɾʃʊʌʒθˈˌː,.!?"


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper

    ids = helper.make_tensor_value_info("input", TensorProto.INT64, [1, "n"])
    lengths = helper.make_tensor_value_info("input_lengths", TensorProto.INT64, [1])
    scales = helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3])
    audio = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "t"])
    durations = helper.make_tensor_value_info("durations", TensorProto.FLOAT, [1, "n"])
    constants = [
        helper.make_tensor("hum", TensorProto.FLOAT, [2 * HOP], np.sin(np.arange(2 * HOP) / 9).astype(np.float32)),
        helper.make_tensor("shape", TensorProto.INT64, [4], [1, 1, 1, -1]),
        helper.make_tensor("column", TensorProto.INT64, [2], [-1, 1]),
        helper.make_tensor("two", TensorProto.FLOAT, [1], [2.0]),
        helper.make_tensor("nothing", TensorProto.FLOAT, [1], [0.0]),
        helper.make_tensor("most", TensorProto.FLOAT, [1], [100.0]),
    ]
    nodes = [
        helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["floats", "nothing"], ["zeros"]),
        helper.make_node("Add", ["zeros", "two"], ["durations"]),
        helper.make_node("Div", ["floats", "most"], ["levels"]),
        helper.make_node("Reshape", ["levels", "column"], ["rows"]),
        helper.make_node("Mul", ["rows", "hum"], ["hummed"]),
        helper.make_node("Reshape", ["hummed", "shape"], ["output"]),
    ]
    graph = helper.make_graph(nodes, "hum", [ids, lengths, scales], [audio, durations], constants)
    path = tmp_path / "en_US-hum.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)
    about = {
        "num_symbols": 100, "num_speakers": 1, "audio": {"sample_rate": RATE_HZ}, "espeak": {"voice": "en-us"},
        "phoneme_type": "espeak", "phoneme_id_map": {symbol: [at] for at, symbol in enumerate(SYMBOLS)},
    }  # fmt: skip
    path.with_name(f"{path.name}.json").write_text(json.dumps(about))
    return path


@pytest.mark.skipif(find_spec("piper") is None, reason="piper-tts is not installed")
def test_piper_speaks_in_a_process_of_its_own_and_tells_its_phones(voice: Path) -> None:
    pieces = list(PiperEngine(voice).stream("Mama has a map. A boat!"))
    assert [piece.rate_hz for piece in pieces] == [RATE_HZ, RATE_HZ]
    for piece, sounds in zip(pieces, ("mɑː", "boʊt")):
        assert piece.phones is not None
        said = "".join(ipa for ipa, _, _ in piece.phones)
        assert all(letter in said for letter in sounds if letter in SYMBOLS and letter.isalpha())
        assert piece.phones[-1][2] <= piece.duration_s + 1e-6
        lasting_s = {round(end - start, 4) for _, start, end in piece.phones}
        assert min(lasting_s) >= round(2 * HOP / RATE_HZ, 4) - 1e-4
        assert np.abs(piece.samples).max() > 0.1
    assert "piper" not in sys.modules


def test_a_voice_that_is_not_there_or_not_whole(voice: Path, tmp_path: Path) -> None:
    assert piper_language(voice) == "en-us"
    with pytest.raises(InputError, match="there is no voice"):
        piper_language(tmp_path / "none.onnx")
    with pytest.raises(InputError, match=r"Cyrillic letters, which the voice en_US-hum\.onnx cannot read"):
        PiperEngine(voice).speak("Привет.")
    beside = voice.with_name(f"{voice.name}.json")
    beside.write_text("{}")
    with pytest.raises(InputError, match="does not hold the settings"):
        piper_language(voice)
    beside.unlink()
    with pytest.raises(InputError, match=r"en_US-hum\.onnx\.json is missing"):
        piper_language(voice)


@pytest.mark.skipif(find_spec("piper") is not None, reason="piper-tts is installed")
def test_the_python_that_has_piper_is_the_one_of_its_program(
    voice: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert piper_python() is None
    with pytest.raises(DependencyError, match="Piper is not here: install piper-tts"):
        PiperEngine(voice).speak("Hello.")
    program = tmp_path / "piper"
    program.write_text(f"#!{sys.executable}\nimport piper\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    assert piper_python() == sys.executable
    with pytest.raises(DependencyError, match="No module named 'piper'"):
        PiperEngine(voice).speak("Hello.")
    program.write_bytes(b"\x7fELF")
    assert piper_python() is None


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("print('hello')", "answered something else than sound"),
        ("""print('{"rate_hz": 8000, "samples": 9, "phones": null}')""", "ended in the middle"),
        ("import sys; sys.exit('out of voices')", "out of voices"),
        ("import os; os._exit(3)", r"exit code 3"),
    ],
)
def test_a_process_that_does_not_speak(program: str, message: str) -> None:
    with pytest.raises(DependencyError, match=message):
        list(spoken_by([sys.executable, "-c", program], {}, "it"))
    with pytest.raises(DependencyError, match="it does not run"):
        list(spoken_by(["/nowhere/python"], {}, "it"))


def test_a_process_that_is_kept_ready_answers_alike_and_goes() -> None:
    program = """
import json, os, sys
request = json.loads(sys.stdin.buffer.read() or "[]")
for text in request:
    print(json.dumps({"rate_hz": os.getpid(), "samples": 0, "phones": None}), flush=True)
"""
    command = [sys.executable, "-c", program]
    with kept_ready(command, "it"):
        numbers = [piece.rate_hz for _ in range(3) for piece in spoken_by(command, ["a", "b"], "it")]
        assert len(set(numbers)) == 3  # a process for each text, as without
        assert numbers[0::2] == numbers[1::2]
    assert [piece.rate_hz in numbers for piece in spoken_by(command, ["a"], "it")] == [False]
    end = time.monotonic() + 10
    while any(Path(f"/proc/{number}").exists() for number in numbers) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{number}").exists() for number in numbers)
