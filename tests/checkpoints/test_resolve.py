"""Finding weights that are here, and refusing those that are not what they should be."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import audio2motion
import talkinghead.checkpoints as checkpoints
from audio2motion import Audio2MotionError
from talkinghead.checkpoints import registry, resolve, speech_model_folder, verify
from talkinghead.checkpoints.registry import WeightFile, WeightSet, downloadable
from talkinghead.core.errors import CheckpointError

NAMES = ("first", "second")


@pytest.fixture
def sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WeightSet:
    """A registry of one set whose published files lie in `published`."""
    published = tmp_path / "published"
    files = []
    for i, name in enumerate(NAMES):
        path = published / f"model/base/{name}.pth"
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save({"w": torch.full((64,), float(i))}, path)
        content = path.read_bytes()
        files.append(WeightFile(name, f"model/base/{name}.pth", len(content), hashlib.sha256(content).hexdigest()))
    files.append(WeightFile("extra", "model/extra.onnx", 3, hashlib.sha256(b"abc").hexdigest(), optional=True))
    weights = WeightSet("small", "tests", "MIT", "maker/model", tuple(files))
    monkeypatch.setattr(registry, "downloadable", lambda: {"small": weights})
    monkeypatch.setattr(checkpoints, "_warned", set())
    return weights


@pytest.fixture
def published(tmp_path: Path, sets: WeightSet) -> Path:
    return tmp_path / "published"


def test_the_default_folder_and_a_named_one(published: Path, own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match="pull small"):
        resolve("small")
    assert resolve("small", published).verified
    monkeypatch.setenv("TALKINGHEAD_CHECKPOINTS", str(published))
    assert resolve("small").directory == published
    monkeypatch.delenv("TALKINGHEAD_CHECKPOINTS")
    shutil.copytree(published, own_home)
    found = resolve("small")
    assert found.verified
    assert found.paths == {name: own_home / f"model/base/{name}.pth" for name in NAMES}


def test_a_folder_made_for_liveportrait_is_taken_as_it_is(tmp_path: Path, published: Path) -> None:
    shutil.copytree(published, tmp_path / "LivePortrait/pretrained_weights")
    for named in ("LivePortrait", "LivePortrait/pretrained_weights", "LivePortrait/pretrained_weights/model"):
        paths = resolve("small", tmp_path / named).paths
        assert all(path.is_file() for path in paths.values())
        assert set(paths) == set(NAMES)


def test_several_layouts_of_one_repository(
    tmp_path: Path, published: Path, sets: WeightSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = replace(sets, folders=("Maker/", ""))
    monkeypatch.setattr(registry, "downloadable", lambda: {"small": weights})
    assert resolve("small", published).verified
    shutil.copytree(published, tmp_path / "all/Maker")
    assert resolve("small", tmp_path / "all").verified
    assert resolve("small", tmp_path / "all/Maker").verified


def test_an_optional_file_is_there_or_not(published: Path) -> None:
    assert "extra" not in resolve("small", published).paths
    (published / "model/extra.onnx").write_bytes(b"abc")
    assert resolve("small", published).paths["extra"] == published / "model/extra.onnx"


def test_one_missing_file_is_named(published: Path) -> None:
    (published / "model/base/second.pth").unlink()
    with pytest.raises(CheckpointError, match=r"second\.pth is missing: run"):
        resolve("small", published)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def tamper(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(torch.full((64,), 1.0).numpy().tobytes()) + 5] ^= 1
    path.write_bytes(content)


def swap(path: Path) -> None:
    path.write_bytes(path.with_name("first.pth").read_bytes())


@pytest.mark.parametrize("spoil", [truncate, tamper, swap])
def test_the_default_folder_holds_published_files_alone(
    published: Path, own_home: Path, spoil: Callable[[Path], None]
) -> None:
    shutil.copytree(published, own_home)
    assert resolve("small").verified
    spoil(own_home / "model/base/second.pth")
    with pytest.raises(CheckpointError, match=r"second\.pth is damaged or not the published file") as caught:
        resolve("small")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spoil", [truncate, tamper])
def test_a_named_folder_holds_whole_files_alone(published: Path, spoil: Callable[[Path], None]) -> None:
    spoil(published / "model/base/second.pth")
    with pytest.raises(CheckpointError, match=r"second\.pth is damaged"):
        resolve("small", published)


def test_gits_pointer_to_a_large_file_is_called_so(published: Path, own_home: Path) -> None:
    (published / "model/base/second.pth").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    )
    with pytest.raises(CheckpointError, match="git lfs pull"):
        resolve("small", published)
    shutil.copytree(published, own_home)
    with pytest.raises(CheckpointError, match="git lfs pull"):
        resolve("small")


def test_what_begins_like_no_weights_file_is_refused(published: Path) -> None:
    (published / "model/base/second.pth").write_text("<html>404</html>")
    with pytest.raises(CheckpointError, match="damaged"):
        resolve("small", published)


def test_pytorchs_older_format_is_taken(published: Path) -> None:
    torch.save({"w": torch.ones(64)}, published / "model/base/second.pth", _use_new_zipfile_serialization=False)
    assert resolve("small", published).paths["second"].is_file()


def test_weights_of_ones_own_are_taken_with_one_line(published: Path, caplog: pytest.LogCaptureFixture) -> None:
    torch.save({"w": torch.ones(64)}, published / "model/base/first.pth")
    with caplog.at_level(logging.WARNING):
        found = resolve("small", published)
        resolve("small", published)
    assert not found.verified
    assert [record.getMessage() for record in caplog.records] == [
        f"small weights in {published} are not the published ones (first.pth): using them as they are"
    ]


def test_what_was_pulled_must_stay_as_it_was(published: Path) -> None:
    path = published / "model/base/first.pth"
    verify.add_to_lock(
        published, "model/base/first.pth", verify.Pin(path.stat().st_size, "0" * 64, "maker/model", "main")
    )
    assert resolve("small", published).verified  # the published hash counts first
    torch.save({"w": torch.ones(64)}, path)
    with pytest.raises(CheckpointError, match="damaged or not the published"):
        resolve("small", published)


def test_a_damaged_lock_file_says_so(published: Path) -> None:
    (published / verify.LOCK_NAME).write_text('{"files": {"a": {"b": 1}}}')
    with pytest.raises(CheckpointError, match=r"lock\.json is damaged"):
        resolve("small", published)


def test_files_are_hashed_once_and_again_when_they_changed(published: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str] = []
    original = verify.hash_file

    def counted(path: Path) -> str:
        hashed.append(path.name)
        return original(path)

    monkeypatch.setattr(verify, "hash_file", counted)
    for _ in range(3):
        resolve("small", published)
    assert sorted(hashed) == ["first.pth", "second.pth"]
    path = published / "model/base/first.pth"
    content = path.read_bytes()
    path.write_bytes(content)
    resolve("small", published)
    assert len(hashed) == 3


def test_the_memory_of_hashes_may_be_lost(published: Path) -> None:
    resolve("small", published)
    verify.memory_path().write_text("nonsense")
    assert resolve("small", published).verified


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions bind nobody here")
def test_a_file_that_cannot_be_read(published: Path) -> None:
    path = published / "model/base/first.pth"
    path.chmod(0)
    with pytest.raises(CheckpointError, match="cannot be read"):
        resolve("small", published)


def test_unknown_names_list_the_known_ones() -> None:
    with pytest.raises(CheckpointError, match="liveportrait, liveportrait-animals, joyvasa"):
        resolve("alpaca")


def test_the_registry_pins_what_is_known() -> None:
    sets = downloadable()
    assert set(sets) == {"liveportrait", "liveportrait-animals", "joyvasa"}
    assert sum(file.bytes or 0 for file in sets["liveportrait"].files) == 636_986_730
    for weights in sets.values():
        assert weights.licence == "MIT"
        assert len({file.name for file in weights.files}) == len(weights.files)
        for file in weights.files:
            assert (file.sha256 is None) == (file.bytes is None)
            assert file.sha256 is None or len(file.sha256) == 64
    unknown = {file.path for weights in sets.values() for file in weights.files if not file.sha256}
    assert all(path.startswith(("liveportrait_animals/", "motion_template/")) for path in unknown)


@pytest.mark.parametrize("path", ["../x", "/x", "a/../../x", "", "a\\b"])
def test_a_registry_cannot_lead_out_of_its_folder(path: str) -> None:
    with pytest.raises(CheckpointError, match="registry"):
        WeightFile("x", path)


def test_list_shows_each_set(published: Path, sets: WeightSet) -> None:
    from talkinghead.cli import main

    run = CliRunner().invoke(main, ["checkpoints", "list", "-v", "--checkpoints", str(published)])
    assert run.exit_code == 0
    row = next(line for line in run.output.splitlines() if line.startswith("small"))
    assert row.split()[1:5] == ["present", "0", "MB", "MIT"]
    assert f"missing: {published / 'model/extra.onnx'}" in run.output
    truncate(published / "model/base/second.pth")
    run = CliRunner().invoke(main, ["checkpoints", "list", "--checkpoints", str(published)])
    assert "damaged" in run.output


def test_verify_exits_with_1_for_what_is_missing_by_name(tmp_path: Path, sets: WeightSet) -> None:
    from talkinghead.cli import main

    run = CliRunner().invoke(main, ["checkpoints", "verify", "small", "--checkpoints", str(tmp_path / "none")])
    assert run.exit_code == 1
    assert "missing:" in run.output


def test_the_installed_package_finds_its_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wheel carries the folder inside the package; a checkout has it beside the package."""
    package = tmp_path / "site-packages/talkinghead"
    data = package / "_checkpoints"
    data.mkdir(parents=True)
    shutil.copy(registry.data_folder() / "registry.json", data)
    monkeypatch.setattr(registry, "__file__", str(package / "checkpoints/registry.py"))
    assert registry.data_folder() == data


def test_the_embedded_model_is_here() -> None:
    assert speech_model_folder().name == registry.EMBEDDED_SET
    assert (speech_model_folder() / "config.json").is_file()
    assert list(speech_model_folder().glob("*.safetensors"))


def test_an_installation_without_its_model_is_a_checkpoint_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise Audio2MotionError("the embedded speech model is missing")

    monkeypatch.setattr(audio2motion, "embedded_checkpoint", missing, raising=False)
    with pytest.raises(CheckpointError, match="the embedded speech model is missing"):
        speech_model_folder()


def test_a_damaged_registry_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for content in ("{", '{"version": 2}', '{"version": 1, "sets": {"a": {"files": [], "folders": [], "zzz": 1}}}'):
        (tmp_path / "registry.json").write_text(content)
        monkeypatch.setattr(registry, "data_folder", lambda: tmp_path)
        downloadable.cache_clear()
        with pytest.raises(CheckpointError, match="install talkinghead again"):
            downloadable()
    downloadable.cache_clear()


def test_the_registry_is_json_for_other_tools_too() -> None:
    content = json.loads((Path(registry.__file__).parents[2] / "checkpoints/registry.json").read_text())
    assert set(content["embedded"]) == {"audio2motion"}
