"""The shipped networks: the files that their README names, and what the published networks answer."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from types import ModuleType

import numpy as np
import pytest

from talkinghead.checkpoints.registry import data_folder
from talkinghead.core.types import Floats
from talkinghead.models.face_mesh.network import FOLDER, run
from talkinghead.models.face_mesh.person import person_shares

CHECKPOINT = data_folder() / FOLDER
TOLERANCE = 5e-3  # pixels of the networks' pictures, or logits


def module(name: str) -> ModuleType:
    """One of the scripts that lie beside the networks and are no package."""
    spec = importlib.util.spec_from_file_location(f"face_mesh_{name}", CHECKPOINT / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


@pytest.fixture(scope="module")
def reference() -> dict[str, Floats]:
    with np.load(CHECKPOINT / "reference.npz") as content:
        return {name: np.asarray(content[name], np.float32) for name in content.files}


@pytest.mark.parametrize("name", ["detector", "mesh", "person"])
def test_the_readme_names_the_files(name: str) -> None:
    readme = (CHECKPOINT / "README.md").read_text(encoding="utf-8")
    row = re.search(rf"\| `{name}\.onnx` .*`([0-9a-f]{{64}})` \|", readme)
    assert row is not None
    assert hashlib.sha256((CHECKPOINT / f"{name}.onnx").read_bytes()).hexdigest() == row[1]


def test_licence_and_notice_are_there() -> None:
    assert "Apache License" in (CHECKPOINT / "LICENSE").read_text(encoding="utf-8")
    notice = (CHECKPOINT / "NOTICE").read_text(encoding="utf-8")
    assert "The MediaPipe Authors" in notice
    assert "mediapipe-0.10.21" in notice


def test_the_detector_answers_as_published(reference: dict[str, Floats]) -> None:
    boxes, scores = run("detector", module("pictures").pictures(128))
    assert np.abs(boxes[:, ::9] - reference["regressors"]).max() < TOLERANCE
    assert np.abs(scores - reference["classificators"]).max() < TOLERANCE
    assert scores[2:].max() > 0 > scores[:2].max()  # the drawn faces are some, the noise is none


def test_the_mesh_answers_as_published(reference: dict[str, Floats]) -> None:
    points, presence = run("mesh", module("pictures").pictures(192))
    lips = points[:, [61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291], :2]
    assert np.abs(lips - reference["lips"].reshape(-1, 80, 2)[:, :11]).max() < TOLERANCE
    right_eye = points[:, [263, 249, 390, 373, 374, 380, 381, 382, 362], :2]
    assert np.abs(right_eye - reference["right_eye"].reshape(-1, 71, 2)[:, :9]).max() < TOLERANCE
    for begin, part in ((468, "left_iris"), (473, "right_iris")):
        assert np.abs(points[:, begin : begin + 5, :2] - reference[part].reshape(-1, 5, 2)).max() < TOLERANCE
    whole = reference["mesh"].reshape(-1, 468, 3)
    assert np.abs(points[:, :468, 2] - whole[:, :, 2]).max() < TOLERANCE
    unrefined = [10, 152, 234, 454, 1, 2, 50, 280]
    assert np.abs(points[:, unrefined] - whole[:, unrefined]).max() < TOLERANCE
    left_rim = [33, 7, 163, 144, 145, 153, 154, 155, 133, 246, 161, 160, 159, 158, 157, 173]
    assert np.abs(points[:, 468:473, 2] - points[:, left_rim, 2].mean(1, keepdims=True)).max() < TOLERANCE
    assert np.abs(presence - reference["flag"][:, 0]).max() < TOLERANCE


def test_the_person_answers_as_published(reference: dict[str, Floats]) -> None:
    shares = person_shares(module("pictures").pictures(256))
    assert np.abs(shares[:, ::8, ::8] - reference["person"]).max() < TOLERANCE
    assert shares[2:, 128, 128].min() > 0.5 > shares[:, 0, 0].max()  # a drawn face is a person's, a corner is none's
