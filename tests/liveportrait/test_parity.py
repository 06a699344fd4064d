"""Against what the published implementation answers with the same stand-in weights (development material)."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from talkinghead.core.errors import CheckpointError
from talkinghead.core.renderer_options import LivePortraitOptions
from talkinghead.core.types import Face, Image
from talkinghead.models.liveportrait.engine import Engine
from talkinghead.models.liveportrait.fast.generator import FastGenerator
from talkinghead.models.liveportrait.fast.warping import FastWarping
from talkinghead.models.liveportrait.weights import FILES, Models, load_models
from talkinghead.motion.templates import load_template
from talkinghead.renderers.liveportrait.renderer import LivePortraitRenderer
from tests.liveportrait import standins

pytestmark = [
    pytest.mark.material,
    pytest.mark.skipif(not standins.MATERIAL, reason="TALKINGHEAD_MATERIAL is not set"),
    pytest.mark.timeout(600),
]


@pytest.fixture(scope="module")
def full(checkpoint: Path) -> Models:
    return load_models(checkpoint)


@pytest.fixture(scope="module")
def known() -> dict[str, torch.Tensor]:
    with np.load(standins.folder() / "parity_modules.npz") as stored:
        return {name: torch.from_numpy(stored[name]) for name in stored.files}


def agree(answer: torch.Tensor, expected: torch.Tensor, tolerance: float = 1e-5) -> None:
    assert answer.shape == expected.shape
    assert (answer - expected).abs().max() <= tolerance * expected.abs().max()


@torch.inference_mode()
def test_modules(full: Models, known: dict[str, torch.Tensor]) -> None:
    picture = torch.from_numpy(standins.rule().picture(11)).permute(2, 0, 1)[None] / 255
    raw = full.motion(picture)
    for name, value in raw._asdict().items():
        agree(value, known[f"motion_{name}"])
    feature = full.appearance(picture)
    agree(feature[:, ::4, ::4, ::8, ::8], known["feature"])
    kp_driving, kp_source = known["kp_driving"], known["kp_source"]
    deformation, occlusion = full.warping.dense_motion_network(feature, kp_driving, kp_source)
    agree(deformation[:, ::4, ::8, ::8], known["deformation"])
    agree(occlusion[:, :, ::4, ::4], known["occlusion"])
    warped = full.warping.warp(feature, deformation, occlusion)
    agree(warped[:, ::16, ::8, ::8], known["warped"])
    agree(full.generator(warped)[:, :, ::8, ::8], known["image"])
    flat = kp_source.flatten(1)
    agree(full.stitching(torch.cat([flat, kp_driving.flatten(1)], 1)), known["stitching"])
    agree(full.lip(torch.cat([flat, known["lip_ratio"]], 1)), known["lip"])
    agree(full.eye(torch.cat([flat, known["eye_ratio"]], 1)), known["eye"])


@torch.inference_mode()
def test_fast_modules(full: Models, known: dict[str, torch.Tensor]) -> None:
    picture = torch.from_numpy(standins.rule().picture(11)).permute(2, 0, 1)[None] / 255
    warping = FastWarping(full.warping)
    source = warping.prepare(full.appearance(picture))
    deformation, occlusion = warping.dense_motion(source, known["kp_driving"], known["kp_source"])
    agree(deformation[:, ::4, ::8, ::8], known["deformation"])
    agree(occlusion[:, :, ::4, ::4], known["occlusion"])
    warped = warping.warp(source, deformation, occlusion)
    agree(warped[:, ::16, ::8, ::8], known["warped"])
    # The deep generator amplifies the order of summation: twice the modules' bound.
    agree(FastGenerator(full.generator)(warped)[:, :, ::8, ::8], known["image"], 2e-5)


@pytest.fixture(scope="module")
def engine(full: Models) -> Engine:
    return Engine(full)


@pytest.mark.parametrize(
    ("name", "options", "shown"),
    [
        ("default", LivePortraitOptions(), (0, 2)),
        ("region_lip", LivePortraitOptions(region="lip"), (1,)),
        ("no_stitching", LivePortraitOptions(stitching=False), (1,)),
    ],
)
def test_pipeline(
    engine: Engine, tmp_path: Path, name: str, options: LivePortraitOptions, shown: tuple[int, ...]
) -> None:
    path = tmp_path / "t11.pkl"
    path.write_bytes(pickle.dumps(standins.rule().template(11)))
    motion = load_template(path)
    renderer = LivePortraitRenderer(engine, options)
    face = Face(np.random.RandomState(0).rand(478, 3).astype(np.float32) * 256)
    portrait = renderer.crop(Image(standins.rule().picture(11)), face, whole=True)
    with np.load(standins.folder() / "parity_pipeline.npz") as stored:
        expected = stored[name]
    drawing = renderer.open(portrait)
    for i in shown:
        (frame,) = drawing.draw(motion[i : i + 1])
        difference = np.abs(frame.pixels[::4, ::4].astype(int) - expected[i])
        assert difference.mean() <= 0.01
        assert difference.max() <= 2


def test_swapped_files_are_refused(checkpoint: Path) -> None:
    paths = {name: checkpoint / place for name, place in FILES.items()}
    swapped = {**paths, "motion_extractor": checkpoint / "elsewhere" / "motion_extractor.pth"}
    swapped["motion_extractor"].parent.mkdir()
    swapped["motion_extractor"].write_bytes(paths["appearance_feature_extractor"].read_bytes())
    with pytest.raises(CheckpointError, match="is not LivePortrait's"):
        load_models(swapped)
