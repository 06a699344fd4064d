"""A hub of our own on this machine, and weights small enough to pull in a test."""

import hashlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from own_hub import CONTENT, Hub

from talkinghead.checkpoints import places, transfer, verify
from talkinghead.checkpoints.registry import WeightFile, WeightSet


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    from huggingface_hub import constants, file_download

    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    # The template of addresses was made from the endpoint when the package was imported.
    template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
    for module in (constants, file_download):
        monkeypatch.setattr(module, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(transfer, "_PAUSE_S", 0.02)
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees or touches this user's weights."""
    home = tmp_path / "home"
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS", raising=False)
    monkeypatch.setattr(places, "default_directory", lambda: home / "checkpoints")
    monkeypatch.setattr(verify, "memory_path", lambda: home / "verified.json")
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    return home / "checkpoints"


@pytest.fixture
def weights(hub: Hub) -> WeightSet:
    """A set of two files and an optional one, on the hub; the second's hash is not published."""
    for name, content in CONTENT.items():
        hub.files[f"maker/model/base/{name}.bin"] = content
    one = CONTENT["one"]
    return WeightSet(
        "small", "tests", "MIT", "maker/model",
        (
            WeightFile("one", "base/one.bin", len(one), hashlib.sha256(one).hexdigest()),
            WeightFile("two", "base/two.bin"),
            WeightFile("extra", "base/extra.bin", optional=True),
        ),
    )  # fmt: skip
