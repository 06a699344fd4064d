"""Reading other people's pickles without running them.

A pickle is a program: whatever it names is imported and called. Here it may name the pieces of a numpy array and
plain containers, nothing else, and even those pieces are inert stand-ins of ours, since numpy's own trust the
sizes that they are handed. Anything else is refused before it is imported.

    load_pickle(path)    numpy arrays and plain containers: LivePortrait's motion templates
    load_weights(path)   a PyTorch file: tensors, plain containers and, where asked, argparse's settings
"""

from __future__ import annotations

import io
import pickle
import re
import sys
import threading
import warnings
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import numpy.typing as npt

from talkinghead.core.errors import CheckpointError, MotionError, TalkingHeadError
from talkinghead.core.pickle_scan import endless

# Nobody's motion template is larger: ten hours of frames take half of it.
MAX_PICKLE_BYTES = 1 << 30
_MAX_DEPTH = 64
_MAX_DIMENSIONS = 8
_LOADING = threading.Lock()
_NUMBER = re.compile(r"[biuf][1248]|f16|\?")


class _Refused(pickle.UnpicklingError):
    """The pickle asks for something that is not admitted; the message says what."""


class _Dtype:
    """Stands for numpy.dtype: plain numbers and truth values alone."""

    def __init__(self, code: Any = None, align: Any = False, copy: Any = False) -> None:
        if not isinstance(code, str) or not _NUMBER.fullmatch(code):
            what = repr(code[:20]) if isinstance(code, str) else type(code).__name__
            raise _Refused(f"an array of type {what}, which holds no numbers")
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        """numpy's state is (version, byte order, subarray, names, fields, size, alignment, flags)."""
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "=") or any(state[2:5]):
            raise _Refused("an array with a structured type")
        self.order = "=" if state[1] == "|" else state[1]

    def numpy(self) -> np.dtype[Any]:
        return np.dtype(self.order + self.code)


class _Array:
    """Stands for numpy.ndarray until the whole pickle is read."""

    def __init__(self, value: npt.NDArray[Any] | None = None) -> None:
        self.value = value

    def __setstate__(self, state: Any) -> None:
        """numpy's state is (version, shape, type, whether in Fortran's order, bytes)."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise _Refused("an array in an unknown layout")
        _, shape, dtype, fortran, raw = state
        self.value = _array(raw, dtype, shape, "F" if fortran else "C")


def _array(raw: Any, dtype: Any, shape: Any, order: str) -> npt.NDArray[Any]:
    if not isinstance(dtype, _Dtype) or not isinstance(raw, bytes | bytearray):
        raise _Refused("an array without numbers")
    whole = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not whole or len(shape) > _MAX_DIMENSIONS or order not in ("C", "F"):
        raise _Refused("an array of impossible shape")
    try:
        # Arrays share the pickle's bytes: copies of one that is named a thousand times would fill the memory.
        array: npt.NDArray[Any] = np.frombuffer(bytes(raw), dtype.numpy()).reshape(shape, order=order)  # type: ignore[call-overload]
        return array
    except (ValueError, TypeError, OverflowError):
        raise _Refused("an array whose shape does not fit its bytes") from None


def _reconstruct(kind: Any, shape: Any = None, code: Any = None) -> _Array:
    """Stands for numpy.core.multiarray._reconstruct, which makes the empty array that BUILD fills."""
    if kind is not _Array:
        raise _Refused("an array of an unknown class")
    return _Array()


def _from_buffer(raw: Any, dtype: Any, shape: Any, order: Any) -> _Array:
    """Stands for numpy.core.numeric._frombuffer, of pickle protocol 5."""
    return _Array(_array(raw, dtype, shape, order))


def _scalar(dtype: Any, raw: Any) -> _Array:
    """Stands for numpy.core.multiarray.scalar: a single number with a type."""
    return _Array(_array(raw, dtype, (), "C"))


def _encode(text: Any, codec: Any = "latin1") -> bytes:
    """Stands for _codecs.encode, by which protocols before 3 write bytes."""
    if not isinstance(text, str) or codec != "latin1":
        raise _Refused("a call of _codecs.encode that writes no bytes")
    return text.encode("latin1")


def _bytes(raw: Any = b"", *_: Any) -> bytes:
    """Stands for bytes and bytearray, whose own call with a number would allocate that much."""
    if not isinstance(raw, bytes | bytearray):
        raise _Refused("bytes that are made of something else")
    return bytes(raw)


_ADMITTED: dict[tuple[str, str], Any] = {("numpy", "dtype"): _Dtype, ("numpy", "ndarray"): _Array}
_ADMITTED[("_codecs", "encode")] = _encode
_ADMITTED[("collections", "OrderedDict")] = dict
for _core in ("numpy.core", "numpy._core"):  # numpy 1's name and numpy 2's
    _ADMITTED[(f"{_core}.multiarray", "_reconstruct")] = _reconstruct
    _ADMITTED[(f"{_core}.multiarray", "scalar")] = _scalar
    _ADMITTED[(f"{_core}.numeric", "_frombuffer")] = _from_buffer
for _module in ("builtins", "__builtin__"):  # protocols before 3 use Python 2's name
    _ADMITTED.update({(_module, kind.__name__): kind for kind in (set, frozenset, complex)})
    _ADMITTED.update({(_module, name): _bytes for name in ("bytes", "bytearray")})


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[(module, name)]
        except KeyError:
            raise _Refused(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> Any:
        raise _Refused("an object that lies outside of it")


def load_pickle(path: Path, error: type[TalkingHeadError] = MotionError) -> Any:
    """What the pickle `path` holds: numpy arrays of numbers, numbers, strings and plain containers.

    Raises:
        error: the file is no such pickle. One line names the first thing in it that is not admitted, which has been
            neither imported nor called.
    """
    try:
        size = path.stat().st_size
        if size > MAX_PICKLE_BYTES:
            raise error(f"{path} has {size} bytes: that is no motion template")
        raw = path.read_bytes()
    except OSError as reason:
        raise error(f"{path} cannot be read: {reason.strerror}") from None
    try:
        if what := endless(raw):
            raise _Refused(what)
        return _thaw(_Unpickler(io.BytesIO(raw)).load(), {}, 0)
    except _Refused as reason:
        raise error(f"{path} was refused: it holds {reason}, and a file of plain numbers has no use for that") from None
    except RecursionError:
        raise error(f"{path} was refused: it is nested too deeply") from None
    except MemoryError:
        raise error(f"{path} was refused: it asks for more memory than there is") from None
    except Exception as reason:  # a damaged pickle can raise nearly anything
        raise error(
            f"{path} is not a readable pickle ({type(reason).__name__}): it is damaged or of another kind"
        ) from None


def _thaw(value: Any, done: dict[int, Any], depth: int) -> Any:
    """`value` with real arrays in place of the stand-ins; what is shared stays shared."""
    if depth > _MAX_DEPTH:
        raise _Refused("containers nested too deeply")
    if isinstance(value, _Array):
        if value.value is None:
            raise _Refused("an array that was never filled")
        return value.value if value.value.ndim else value.value[()]
    if isinstance(value, _Dtype) or callable(value):
        raise _Refused("a part of numpy that is no array")
    if not isinstance(value, dict | list | tuple | set | frozenset):
        return value
    if id(value) not in done:
        if isinstance(value, dict):
            done[id(value)] = {_thaw(k, done, depth + 1): _thaw(v, done, depth + 1) for k, v in value.items()}
        else:
            done[id(value)] = type(value)([_thaw(v, done, depth + 1) for v in value])
    return done[id(value)]


class _Settings:
    """Stands for argparse.Namespace: attributes and nothing else."""

    def __setstate__(self, state: Any) -> None:
        if not isinstance(state, dict) or any(str(name).startswith("__") for name in state):
            raise pickle.UnpicklingError("Unsupported global: GLOBAL argparse.Namespace (with a foreign state)")
        self.__dict__.update(state)


_SETTINGS_GLOBALS: list[tuple[Any, str]] = [
    (_Settings, "argparse.Namespace"),
    *[
        (kind, f"{module}.{name}")
        for module in ("pathlib", "pathlib._local")  # Python 3.13 writes the latter
        for kind, name in (
            (PurePosixPath, "PosixPath"),
            (PurePosixPath, "PurePosixPath"),
            (PureWindowsPath, "WindowsPath"),
            (PureWindowsPath, "PureWindowsPath"),
        )
    ],
]
_NAMED = re.compile(r"GLOBAL ([\w.]+)")


def load_weights(path: Path, *, settings: bool = False, mmap: bool = True) -> dict[str, Any]:
    """The dictionary in a PyTorch file: tensors and plain containers, on the CPU.

    `settings` admits an argparse.Namespace and paths beside them (they come as inert stand-ins with the same
    attributes). Nothing in the file is ever executed.

    Raises:
        CheckpointError: the file is damaged, or names anything else.
    """
    import torch

    extra: list[Any] = _SETTINGS_GLOBALS if settings else []
    try:
        # What is admitted and what is warned of are the process's own: one thread at a time sets and resets them.
        with _LOADING, torch.serialization.safe_globals(extra), warnings.catch_warnings():
            # PyTorch warns of pickle protocols that it then refuses: once is enough.
            warnings.simplefilter("ignore", UserWarning)
            state = torch.load(path, map_location="cpu", weights_only=True, mmap=mmap and _is_zip(path))
    except (FileNotFoundError, PermissionError, IsADirectoryError) as reason:
        raise CheckpointError(f"{path} cannot be read: {reason.strerror}") from None
    except MemoryError:
        raise CheckpointError(
            f"{path} asks for more memory than there is: it is damaged or not a weights file"
        ) from None
    except Exception as reason:  # a damaged pickle or archive can raise nearly anything
        named = _NAMED.search(str(reason))
        if named or ("weights_only" in str(reason).lower() and "reduce" in str(reason)):
            what = named[1].rstrip(".") if named else "a call that rebuilds no tensor"
            raise CheckpointError(
                f"{path} was refused: it holds {what}, and weights have no use for that; nothing in it was run"
            ) from None
        raise CheckpointError(
            f"{path} cannot be read as weights, it is damaged or not a weights file: download it again"
        ) from None
    if not isinstance(state, dict):
        raise CheckpointError(f"{path} holds no dictionary of weights: it is a file of another kind")
    return state


def _is_zip(path: Path) -> bool:
    """Whether PyTorch wrote it as an archive (since 1.6), which alone can be memory-mapped."""
    import zipfile

    return sys.byteorder == "little" and zipfile.is_zipfile(path)
