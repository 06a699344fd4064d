"""Pulling weights from a hub: whole, verified, continued, or refused."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from own_hub import COMMIT, CONTENT, Handler, Hub, random_bytes

from talkinghead.checkpoints import findings
from talkinghead.checkpoints import hub as downloads
from talkinghead.checkpoints.registry import WeightSet
from talkinghead.checkpoints.verify import State
from talkinghead.core.errors import CheckpointError

pytestmark = pytest.mark.network
ONE = "maker/model/base/one.bin"


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*.part")]


def test_a_set_arrives_whole_and_is_recorded(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    seen: list[tuple[str, int, int]] = []
    folder = downloads.pull(weights, tmp_path / "w", progress=lambda name, done, size: seen.append((name, done, size)))
    for name, content in CONTENT.items():
        assert (folder / f"base/{name}.bin").read_bytes() == content
    lock = json.loads((folder / "talkinghead.lock.json").read_text())["files"]
    assert lock["base/two.bin"] == {"bytes": 3000, "sha256": hashlib.sha256(CONTENT["two"]).hexdigest(),
                                    "repository": "maker/model", "revision": COMMIT}  # fmt: skip
    assert ("one.bin", 100_000, 100_000) in seen
    assert not leftovers(folder)
    assert [f.state for f in findings(weights, folder)] == [State.GOOD] * 3


def test_what_is_there_is_not_loaded_again(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    downloads.pull(weights, tmp_path)
    hub.log.clear()
    downloads.pull(weights, tmp_path)
    assert hub.log == []


def test_small_files_that_git_holds_are_checked_by_its_hash(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    hub.small.add("maker/model/base/two.bin")
    downloads.pull(weights, tmp_path)
    assert (tmp_path / "base/two.bin").read_bytes() == CONTENT["two"]


def test_a_body_that_breaks_off_is_continued(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    hub.cut_after = 40_000
    downloads.pull(weights, tmp_path)
    assert (tmp_path / "base/one.bin").read_bytes() == CONTENT["one"]
    first, second = hub.ranges(ONE)
    assert first is None
    assert second is not None
    assert int(second.removeprefix("bytes=").rstrip("-")) >= 36_000


def test_a_hub_without_ranges_sends_it_all_again(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    hub.cut_after, hub.ranged = 40_000, False
    downloads.pull(weights, tmp_path)
    assert (tmp_path / "base/one.bin").read_bytes() == CONTENT["one"]


def test_a_hub_that_keeps_breaking_off_ends_in_one_line_and_keeps_the_part(
    tmp_path: Path, hub: Hub, weights: WeightSet
) -> None:
    hub.lie[ONE] = b""
    with pytest.raises(CheckpointError, match="pull again to continue"):
        downloads.pull(weights, tmp_path)
    assert len(hub.ranges(ONE)) == 4
    hub.lie.clear()
    downloads.pull(weights, tmp_path)


def test_a_killed_pull_is_continued(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    hub.slow = 0.05
    program = (
        "import sys, pathlib\n"
        "from talkinghead.checkpoints import hub\n"
        "from talkinghead.checkpoints.registry import WeightFile, WeightSet\n"
        f"one = WeightFile('one', 'base/one.bin', 100000, {weights.files[0].sha256!r})\n"
        "hub.pull(WeightSet('small', '', 'MIT', 'maker/model', (one,)), pathlib.Path(sys.argv[1]))\n"
    )
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0"}
    child = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], env=environment)
    deadline = time.monotonic() + 30
    while not (parts := list(tmp_path.rglob("*.part"))) or parts[0].stat().st_size < 8192:
        assert child.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    child.kill()
    child.wait()
    begun = parts[0].stat().st_size
    assert 0 < begun < 100_000
    assert not (tmp_path / "base/one.bin").exists()
    hub.slow = 0
    downloads.pull(weights, tmp_path)
    assert (tmp_path / "base/one.bin").read_bytes() == CONTENT["one"]
    assert hub.ranges(ONE) == [None, f"bytes={begun}-"]
    assert not leftovers(tmp_path)


def test_a_part_with_foreign_contents_is_loaded_from_nothing(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    (tmp_path / "base").mkdir()
    sha256 = weights.files[0].sha256 or ""
    part = tmp_path / f"base/.one.bin.{sha256[:12]}.part"
    part.write_bytes(random_bytes(5000, 9))
    downloads.pull(weights, tmp_path)
    assert (tmp_path / "base/one.bin").read_bytes() == CONTENT["one"]


def test_another_file_on_the_hub_is_refused_before_it_is_loaded(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    hub.files[ONE] = random_bytes(100_000, 4)
    with pytest.raises(CheckpointError, match="no longer the published file"):
        downloads.pull(weights, tmp_path)
    assert hub.ranges(ONE) == []
    assert not list(tmp_path.rglob("*.bin"))


def test_a_store_that_serves_something_else_is_found_out(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    hub.lie[ONE] = random_bytes(100_000, 4)
    with pytest.raises(CheckpointError, match="discarded"):
        downloads.pull(weights, tmp_path)
    assert not list(tmp_path.rglob("one.bin*"))
    assert not leftovers(tmp_path)


def test_a_damaged_file_is_replaced_where_it_was_pulled(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    folder = downloads.pull(weights, tmp_path)
    (folder / "base/one.bin").write_bytes(CONTENT["one"][:-1])
    (folder / "base/two.bin").write_bytes(bytes(3000))
    assert [f.state for f in findings(weights, folder)] == [State.OTHER, State.OTHER, State.GOOD]
    downloads.pull(weights, folder)
    assert (folder / "base/one.bin").read_bytes() == CONTENT["one"]
    assert (folder / "base/two.bin").read_bytes() == CONTENT["two"]


def test_somebodys_own_file_is_overwritten_only_with_force(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base/one.bin").write_bytes(b"fine-tuned")
    with pytest.raises(CheckpointError, match="--force"):
        downloads.pull(weights, tmp_path)
    assert (tmp_path / "base/one.bin").read_bytes() == b"fine-tuned"
    downloads.pull(weights, tmp_path, force=True)
    assert (tmp_path / "base/one.bin").read_bytes() == CONTENT["one"]


def test_a_damaged_file_in_the_default_folder_is_replaced(own_home: Path, hub: Hub, weights: WeightSet) -> None:
    (own_home / "base").mkdir(parents=True)
    (own_home / "base/one.bin").write_bytes(CONTENT["one"][:500])
    assert downloads.pull(weights) == own_home
    assert (own_home / "base/one.bin").read_bytes() == CONTENT["one"]


@pytest.mark.parametrize(("status", "said"), [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (404, "moved"), (503, "later")])
def test_what_the_hub_refuses_is_one_line(tmp_path: Path, hub: Hub, weights: WeightSet, status: int, said: str) -> None:
    hub.status = status
    with pytest.raises(CheckpointError, match=said) as caught:
        downloads.pull(weights, tmp_path)
    assert "\n" not in str(caught.value)
    assert str(status) in str(caught.value)


def test_without_a_network_the_line_says_where_to_put_the_files(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    hub.shutdown()
    hub.server_close()
    with pytest.raises(CheckpointError, match="by hand") as caught:
        downloads.pull(weights, tmp_path)
    assert str(tmp_path / "base/one.bin") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_offline_mode_asks_nobody(
    tmp_path: Path, hub: Hub, weights: WeightSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE"):
        downloads.pull(weights, tmp_path)
    assert hub.log == []


def in_the_clients_cache(own_home: Path, name: str, content: bytes) -> None:
    """A file as huggingface_hub keeps it after another program asked for it."""
    folder = own_home.parent / "hub/models--maker--model"
    etag = hashlib.sha256(CONTENT[name]).hexdigest()
    for place in ("blobs", "refs", f"snapshots/{COMMIT}/base"):
        (folder / place).mkdir(parents=True, exist_ok=True)
    (folder / "blobs" / etag).write_bytes(content)
    (folder / "refs/main").write_text(COMMIT)
    (folder / f"snapshots/{COMMIT}/base/{name}.bin").symlink_to(folder / "blobs" / etag)


def test_what_another_program_downloaded_is_copied(
    tmp_path: Path, hub: Hub, weights: WeightSet, own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for name, content in CONTENT.items():
        in_the_clients_cache(own_home, name, content)
    folder = downloads.pull(weights, tmp_path)
    assert hub.log == []
    assert [f.state for f in findings(weights, folder)] == [State.GOOD] * 3
    assert json.loads((folder / "talkinghead.lock.json").read_text())["files"]["base/two.bin"]["revision"] == COMMIT


def test_a_damaged_copy_in_the_clients_cache_is_not_used(
    tmp_path: Path, hub: Hub, weights: WeightSet, own_home: Path
) -> None:
    in_the_clients_cache(own_home, "one", bytes(100_000))
    in_the_clients_cache(own_home, "two", bytes(3000))
    downloads.pull(weights, tmp_path)
    assert (tmp_path / "base/one.bin").read_bytes() == CONTENT["one"]
    assert (tmp_path / "base/two.bin").read_bytes() == CONTENT["two"]
    assert not leftovers(tmp_path)


def test_the_token_goes_to_the_hub_alone(
    tmp_path: Path, hub: Hub, weights: WeightSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    got: dict[str, set[str | None]] = {}
    original = Handler.answer

    def remember(self: Handler) -> None:
        got.setdefault(self.path.split("/")[1], set()).add(self.headers.get("Authorization"))
        original(self)

    monkeypatch.setattr(Handler, "answer", remember)
    downloads.pull(weights, tmp_path)
    assert got == {"maker": {"Bearer hf_test"}, "store": {None}}


def test_a_full_disk_is_said_before_anything_is_loaded(
    tmp_path: Path, hub: Hub, weights: WeightSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: shutil._ntuple_diskusage(10_000, 9_000, 1_000))
    with pytest.raises(CheckpointError, match="free"):
        downloads.pull(weights, tmp_path)
    assert hub.ranges(ONE) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path, hub: Hub, weights: WeightSet) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CheckpointError, match="cannot be written"):
        downloads.pull(weights, tmp_path / "file/below")


def test_the_command_pulls_the_animals(tmp_path: Path, hub: Hub) -> None:
    """Their hashes come from the hub, so small stand-ins pass through the real registry."""
    from talkinghead.checkpoints.registry import weight_set
    from talkinghead.cli import main

    for i, file in enumerate(weight_set("liveportrait-animals").files):
        hub.files[f"KwaiVGI/LivePortrait/{file.path}"] = random_bytes(2000 + i, i)
    run = CliRunner().invoke(main, ["checkpoints", "pull", "liveportrait-animals", "--checkpoints", str(tmp_path)])
    assert run.exit_code == 0, run.output
    assert "warping_module.pth: 0.0 MB, downloading" in run.output
    assert "complete in" in run.output
    run = CliRunner().invoke(main, ["checkpoints", "verify", "liveportrait-animals", "--checkpoints", str(tmp_path)])
    assert run.exit_code == 0
    damaged = tmp_path / "liveportrait_animals/base_models_v1.1/spade_generator.pth"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    run = CliRunner().invoke(main, ["checkpoints", "verify", "--checkpoints", str(tmp_path)])
    assert run.exit_code == 1
    assert f"damaged: {damaged}" in run.output


def test_the_command_refuses_what_is_not_the_published_model(tmp_path: Path, hub: Hub) -> None:
    from talkinghead.checkpoints.registry import weight_set
    from talkinghead.cli import main

    for file in weight_set("liveportrait").files:
        hub.files[f"KwaiVGI/LivePortrait/{file.path}"] = random_bytes(1000, 1)
    run = CliRunner().invoke(main, ["checkpoints", "pull", "liveportrait", "--checkpoints", str(tmp_path)])
    assert run.exit_code == 1
    assert "no longer the published file" in run.output
    assert not list(tmp_path.rglob("*.pth"))
