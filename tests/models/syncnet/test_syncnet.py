"""SyncNet's layers and cepstra. Its published weights were never at hand: shapes are checked with random ones."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from talkinghead.core.errors import CheckpointError
from talkinghead.models.syncnet.mfcc import mfcc
from talkinghead.models.syncnet.network import SHA256, SyncNet, check_file, load_syncnet

# python_speech_features 0.6 of `sweep()`, coefficients 0 to 3 of columns 0, 30 and 60, and the sum of all magnitudes.
EXPECTED = [
    [16.93181, 24.9893, 19.40438, 18.06667],
    [-36.04365, 0.0, 0.0, 0.0],
    [22.32518, -1.45127, -36.59303, 5.12071],
]
TOTAL = 20993.045


def sweep() -> np.ndarray:
    """A second of a rising tone with silence in it, on 16-bit steps."""
    tone = 0.3 * np.sin(np.cumsum(np.linspace(0.02, 1.2, 16000)))
    tone[4000:6000] = 0
    return (np.round(tone * 32768) / 32768).astype(np.float32)


def test_cepstra_are_those_that_it_was_trained_on() -> None:
    found = mfcc(sweep())
    assert found.shape == (13, 99)
    assert np.allclose(found[:4, [0, 30, 60]].T, EXPECTED, atol=1e-4)
    assert float(np.abs(found).sum()) == pytest.approx(TOTAL, rel=1e-5)
    assert mfcc(np.zeros(1, np.float32)).shape == (13, 1)


def test_the_towers_end_in_vectors_of_1024() -> None:
    network = SyncNet()
    with torch.inference_mode():
        assert network.of_sound(torch.zeros(3, 1, 13, 20)).shape == (3, 1024)
        assert network.of_face(torch.zeros(1, 3, 5, 224, 224)).shape == (1, 1024)


def test_it_has_as_many_numbers_as_the_published_file() -> None:
    """54 573 114 bytes hold them in 32 bits, and 34 kB of names, which the pickle needs."""
    size = sum(value.numel() * 4 for name, value in SyncNet().state_dict().items() if "num_batches" not in name)
    assert 0 < 54_573_114 - size < 40_000


def test_a_file_of_weights_comes_back(tmp_path: Path) -> None:
    torch.manual_seed(4)
    network = SyncNet()
    state = {name: value for name, value in network.state_dict().items() if "num_batches" not in name}
    path = tmp_path / "random.model"
    torch.save(state, path, _use_new_zipfile_serialization=False)  # as files of 2018 are
    cepstra = torch.randn(2, 1, 13, 20)
    with torch.inference_mode():
        assert torch.equal(load_syncnet(path).of_sound(cepstra), network.of_sound(cepstra))


def test_another_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.model"
    torch.save({"netcnnaud.0.weight": torch.zeros(64, 1, 3, 3)}, path)
    with pytest.raises(CheckpointError, match=r"is not the published syncnet_v2\.model .* say --trust-syncnet"):
        check_file(path, trusted=False)
    assert check_file(path, trusted=True) != SHA256
    with pytest.raises(CheckpointError, match="holds other weights than SyncNet's second version"):
        load_syncnet(path)
    with pytest.raises(CheckpointError, match="cannot be read"):
        check_file(tmp_path / "none.model", trusted=True)


def test_nothing_in_a_file_is_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.system, ("exit 1",)

    path = tmp_path / "evil.model"
    torch.save({"netcnnaud.0.weight": Evil()}, path)
    with pytest.raises(CheckpointError, match="was refused"):
        load_syncnet(path)
