"""ONNX files answer what PyTorch answers, with any batch size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from talkinghead.core.errors import DependencyError, OutputError
from talkinghead.core.types import Floats
from talkinghead.models.liveportrait import export
from talkinghead.models.liveportrait.weights import Models
from talkinghead.models.onnx_runtime import onnx_runtime

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def written(models: Models, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("onnx")
    done = export.export_onnx(models, directory)
    assert {item.path.name for item in done} == {path.name for path in directory.iterdir()}
    assert all(item.error is not None and item.error < export.TOLERANCE for item in done)
    return directory


def run(path: Path, **inputs: torch.Tensor) -> list[Floats]:
    session = onnx_runtime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    answers: list[Floats] = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    return answers


def test_frame_from_the_files_is_the_networks_own(models: Models, written: Path) -> None:
    draw = torch.Generator().manual_seed(4)
    pictures = torch.rand(2, 3, 256, 256, generator=draw)
    driving, source = torch.rand(2, 2, 21, 3, generator=draw) * 1.4 - 0.7
    feature = torch.from_numpy(run(written / "appearance.onnx", picture=pictures)[0])
    answer = run(written / "render.onnx", feature=feature, kp_driving=driving, kp_source=source)[0]
    expected = models.generator(models.warping(models.appearance(pictures), driving, source)).numpy()
    assert answer.shape == expected.shape == (2, 3, 512, 512)
    assert np.abs(answer - expected).mean() < 1e-4


def test_motion_of_a_batch(models: Models, written: Path) -> None:
    pictures = torch.rand(3, 3, 256, 256)
    for answer, value in zip(run(written / "motion.onnx", picture=pictures), models.motion(pictures)):
        np.testing.assert_allclose(answer, value.numpy(), atol=1e-5)


def test_no_operator_that_runtimes_lack(written: Path) -> None:
    graph = onnx.load(str(written / "render.onnx")).graph
    assert not {node.op_type for node in graph.node} & {"GridSample", "ATen", "BatchNormalization", "ScatterND"}


def test_nothing_is_overwritten(models: Models, tmp_path: Path) -> None:
    (tmp_path / "lip.onnx").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"lip\.onnx exists"):
        export.export_onnx(models, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["lip.onnx"]


def test_a_wrong_answer_is_not_kept(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "TOLERANCE", -1.0)
    with pytest.raises(OutputError, match="answers otherwise"):
        export.export_onnx(models, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_missing_package_is_named(models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DependencyError, match=r"talkinghead\[onnx\]"):
        export.export_onnx(models, tmp_path)
