"""What the restricted unpicklers admit, and what they refuse before it runs."""

import argparse
import collections
import io
import os
import pathlib
import pickle
import random
import struct
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from talkinghead.core.errors import CheckpointError, MotionError
from talkinghead.core.safe_pickle import load_pickle, load_weights


class Payload:
    """Pickles as a call of any function."""

    def __init__(self, function: Callable[..., object], *args: object) -> None:
        self.call = (function, args)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def written(path: Path, value: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol=protocol))
    return path


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_arrays_and_containers_come_back_as_they_were(tmp_path: Path, protocol: int) -> None:
    array = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    value = {
        "a": [array, (array.astype(">f8"), np.asfortranarray(array)), np.float64(25.0), np.int64(3)],
        "b": {"x": None, "y": True, "n": -(2**70), "s": "text", "raw": b"\xff\x00", "set": {1, 2}},
        "empty": np.zeros((0, 3), np.uint8),
        "truth": np.array([True, False]),
        "ordered": collections.OrderedDict(k=1),
    }
    got = load_pickle(written(tmp_path / "v.pkl", value, protocol))
    np.testing.assert_array_equal(got["a"][0], array)
    np.testing.assert_array_equal(got["a"][1][0], array)
    np.testing.assert_array_equal(got["a"][1][1], array)
    assert got["a"][2:] == [25.0, 3]
    assert got["b"] == value["b"]
    assert got["empty"].shape == (0, 3)
    assert got["truth"].tolist() == [True, False]
    assert got["ordered"] == {"k": 1}


def test_numpy_2_module_names_are_read(tmp_path: Path) -> None:
    raw = pickle.dumps(np.arange(3.0), protocol=2)
    here, other = (b"numpy._core", b"numpy.core") if b"numpy._core" in raw else (b"numpy.core", b"numpy._core")
    (tmp_path / "v.pkl").write_bytes(raw.replace(here, other))
    np.testing.assert_array_equal(load_pickle(tmp_path / "v.pkl"), [0, 1, 2])


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("function", "args", "named"),
    [
        (os.system, ("touch {}",), "system"),
        (eval, ("open('{}', 'w')",), "eval"),
        (getattr, (np, "load"), "getattr"),
        (np.load, ("{}",), "numpy"),
        (os.mkdir, ("{}",), "mkdir"),
    ],
)
def test_code_is_refused_by_name_and_does_not_run(
    tmp_path: Path, function: Callable[..., object], args: tuple[object, ...], named: str, protocol: int
) -> None:
    trace = tmp_path / "trace"
    args = tuple(arg.format(trace) if isinstance(arg, str) else arg for arg in args)
    if any(arg is np for arg in args):
        args = ("numpy", "load")  # a module itself cannot be pickled; the call is refused all the same
    path = written(tmp_path / "evil.pkl", {"motion": [Payload(function, *args)]}, protocol)
    with pytest.raises(MotionError, match=named) as caught:
        load_pickle(path)
    assert "\n" not in str(caught.value)
    assert not trace.exists()


def test_dotted_names_do_not_reach_through_an_admitted_one(tmp_path: Path) -> None:
    # Protocol 4 resolves "a.b" attribute by attribute: numpy.ndarray.tofile must not be reachable.
    raw = b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93."
    (tmp_path / "v.pkl").write_bytes(raw)
    with pytest.raises(MotionError, match=r"numpy\.ndarray\.tofile"):
        load_pickle(tmp_path / "v.pkl")


@pytest.mark.parametrize(
    "value",
    [
        np.array([Payload(print, "x")], dtype=object),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]),
        np.array(["text"]),
        np.array(["2020-01-01"], dtype="datetime64[D]"),
        np.dtype("f4"),
        np.ndarray,
    ],
    ids=["objects", "records", "strings", "dates", "dtype", "class"],
)
def test_arrays_that_hold_no_plain_numbers_are_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(MotionError, match="refused"):
        load_pickle(written(tmp_path / "v.pkl", [value]))


def test_an_array_that_claims_more_than_it_has_is_refused(tmp_path: Path) -> None:
    raw = pickle.dumps(np.zeros((3, 3), np.float32), protocol=2)
    assert raw.count(b"K\x03K\x03\x86") == 1
    huge = b"J" + struct.pack("<i", 2**31 - 1)
    (tmp_path / "v.pkl").write_bytes(raw.replace(b"K\x03K\x03\x86", huge + huge + b"\x86"))
    with pytest.raises(MotionError, match="shape"):
        load_pickle(tmp_path / "v.pkl")


def test_a_memo_of_impossible_size_is_refused(tmp_path: Path) -> None:
    # LONG_BINPUT of 2**31: the unpickler would ask for 32 GB.
    (tmp_path / "v.pkl").write_bytes(b"\x80\x02]r" + struct.pack("<I", 2**31) + b".")
    with pytest.raises(MotionError, match="memo"):
        load_pickle(tmp_path / "v.pkl")


def test_one_array_named_a_thousand_times_takes_the_memory_of_one(tmp_path: Path) -> None:
    array = np.zeros(1 << 20, np.uint8)
    got = load_pickle(written(tmp_path / "v.pkl", [array] * 1000))
    assert len({id(a) for a in got}) == 1


@pytest.mark.parametrize("seed", range(3))
def test_damage_anywhere_is_one_line(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    sound = pickle.dumps({"motion": [{"exp": np.zeros((1, 21, 3), np.float32)}] * 3, "fps": 25}, protocol=2 + seed)
    for _ in range(300):
        raw = bytearray(sound)
        for _ in range(rng.choice([1, 2, 5])):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        (tmp_path / "v.pkl").write_bytes(raw)
        try:
            load_pickle(tmp_path / "v.pkl")
        except MotionError as error:
            assert "\n" not in str(error)  # noqa: PT017


def test_shared_and_endless_containers_end(tmp_path: Path) -> None:
    shared: list[object] = [np.zeros(1)]
    for _ in range(40):
        shared = [shared, shared]
    assert len(load_pickle(written(tmp_path / "shared.pkl", shared))) == 2
    endless: list[object] = []
    endless.append(endless)
    with pytest.raises(MotionError, match="deep"):
        load_pickle(written(tmp_path / "endless.pkl", endless))


@pytest.mark.parametrize(
    "raw", [b"", b"\x80\x04", b"not a pickle", b"\x80\x04]\x94(K\x01", os.urandom(200), b"\x89PNG"]
)
def test_damaged_files_say_so(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "v.pkl").write_bytes(raw)
    with pytest.raises(MotionError, match=r"v\.pkl"):
        load_pickle(tmp_path / "v.pkl")


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(MotionError, match="cannot be read"):
        load_pickle(tmp_path / "none.pkl")


def test_weights_with_settings(tmp_path: Path) -> None:
    args = argparse.Namespace(fps=25, out=pathlib.Path("a/b"), nested=[1, 2])
    state = {"args": args, "model": collections.OrderedDict(w=torch.arange(3.0)), "iter": 7}
    torch.save(state, tmp_path / "w.pt")
    got = load_weights(tmp_path / "w.pt", settings=True)
    assert got["args"].fps == 25
    assert got["args"].out == pathlib.PurePosixPath("a/b")
    assert got["model"]["w"].tolist() == [0, 1, 2]
    with pytest.raises(CheckpointError, match=r"argparse\.Namespace"):
        load_weights(tmp_path / "w.pt")


def test_threads_that_read_weights_leave_the_process_as_it_was(tmp_path: Path) -> None:
    torch.save({"w": torch.arange(3.0), "args": argparse.Namespace(fps=25)}, tmp_path / "w.pt")
    filters, admitted = list(warnings.filters), torch.serialization.get_safe_globals()
    with ThreadPoolExecutor(4) as pool:
        read = list(pool.map(lambda _: load_weights(tmp_path / "w.pt", settings=True)["w"].tolist(), range(200)))
    assert read == [[0, 1, 2]] * 200
    assert list(warnings.filters) == filters
    assert torch.serialization.get_safe_globals() == admitted


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("settings", [True, False])
def test_weights_with_code_are_refused_and_do_not_run(tmp_path: Path, zipped: bool, settings: bool) -> None:
    trace = tmp_path / "trace"
    state = {"model": {"w": torch.zeros(2)}, "args": Payload(os.system, f"touch {trace}")}
    torch.save(state, tmp_path / "w.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="system") as caught:
        load_weights(tmp_path / "w.pt", settings=settings)
    assert "\n" not in str(caught.value)
    assert not trace.exists()


def test_a_bare_pickle_with_code_is_no_weights_file(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    path = written(tmp_path / "w.pt", Payload(os.system, f"touch {trace}"), protocol=2)
    with pytest.raises(CheckpointError):
        load_weights(path)
    assert not trace.exists()


@pytest.mark.parametrize("keep", [0, 10, 200, -10])
def test_truncated_weights_are_refused(tmp_path: Path, keep: int) -> None:
    buffer = io.BytesIO()
    torch.save({"w": torch.zeros(1000)}, buffer)
    (tmp_path / "w.pt").write_bytes(buffer.getvalue()[:keep])
    with pytest.raises(CheckpointError, match="download it again"):
        load_weights(tmp_path / "w.pt")


def test_weights_that_are_no_dictionary_are_refused(tmp_path: Path) -> None:
    torch.save(torch.zeros(3), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="dictionary"):
        load_weights(tmp_path / "w.pt")
