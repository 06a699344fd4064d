"""`talkinghead doctor`."""

from __future__ import annotations

import importlib.machinery
import json
import shutil
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from talkinghead.checkpoints import registry, verify
from talkinghead.cli import doctor, main

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("TALKINGHEAD_CHECKPOINTS", str(tmp_path))
    return lambda *args: CliRunner().invoke(main, ["doctor", *args])


def test_it_says_which_renderer_would_draw_and_how_to_get_the_other(run: Run) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert "renderer: warp" in result.output
    assert "talkinghead checkpoints pull liveportrait" in result.output
    assert "everything that `talkinghead speak` needs is here" in result.output


def test_versions_are_for_those_who_ask(run: Run) -> None:
    assert "transformers" not in run().output
    assert "transformers" in run("-v").output


def test_quiet_says_nothing_where_all_is_well(run: Run) -> None:
    assert run("-q").output == ""


def test_a_missing_package_is_found(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    known = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda package: None if package == "soxr" else known(package))
    result = run("-q")
    assert result.exit_code == 1
    assert "pip install soxr" in result.output


def test_a_torchaudio_that_does_not_fit_is_recognised(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "torchaudio.py").write_text("raise OSError('libcudart.so.13: cannot open shared object file')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "torchaudio", raising=False)
    (finding,) = doctor._torchaudio()
    assert finding.mark == "!!"
    assert "libcudart" in finding.what
    assert "pip uninstall torchaudio" in finding.advice


def test_a_torchaudio_that_fits_is_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("torchaudio")
    module.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    monkeypatch.setitem(sys.modules, "torchaudio", module)
    assert list(doctor._torchaudio()) == []


@pytest.mark.parametrize("place", ["audio2motion/model.onnx", "face_mesh/mesh.onnx", "moonshine/encoder.onnx"])
def test_a_network_with_a_wrong_byte_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    """In the middle of its weights it loads, and computes nonsense."""
    shutil.copytree(registry.data_folder(), tmp_path / "checkpoints")
    path = tmp_path / "checkpoints" / place
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x40
    path.write_bytes(data)
    monkeypatch.setattr(registry, "data_folder", lambda: tmp_path / "checkpoints")
    (finding,) = doctor._embedded()
    assert finding == ("!!", f"{path} is not the file that was published", "install talkinghead again", False)
    path.unlink()
    assert verify.damaged_networks() == [path]


def test_every_embedded_network_is_as_published() -> None:
    known = set(json.loads((registry.data_folder() / "registry.json").read_text())["networks"])
    there = {path.relative_to(registry.data_folder()).as_posix() for path in registry.data_folder().glob("*/*.onnx")}
    assert there < known
    assert verify.damaged_networks() == []
