"""The networks, each loaded once a process."""

from __future__ import annotations

import os
import threading
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from talkinghead.checkpoints import registry
from talkinghead.core.errors import CheckpointError
from talkinghead.core.types import Floats, Pixels
from talkinghead.models.onnx_runtime import onnx_runtime

if TYPE_CHECKING:
    import onnxruntime

FOLDER = "face_mesh"
_ERRORS_ONLY = 3
# Two threads that need a network at once must not load it twice.
_loading = {name: threading.Lock() for name in ("detector", "mesh", "person")}


def load() -> None:
    """Load what finds faces, in a thread perhaps, so that the first face need not wait for it.

    Raises:
        CheckpointError: the installation lacks one.
        DependencyError: ONNX Runtime is missing or broken.
    """
    for name in ("detector", "mesh"):
        _session(name)


def run(name: str, pixels: Pixels) -> tuple[Floats, ...]:
    """The outputs of network `name`, two of "detector" and "mesh", for `pixels` (n, size, size, 3) RGB uint8.

    Raises:
        CheckpointError: the installation lacks the network.
        DependencyError: ONNX Runtime is missing or broken.
    """
    return tuple(_session(name).run(None, {"pixels": np.ascontiguousarray(pixels)}))


def sigmoid(logits: Floats) -> Floats:
    """From logits of any shape to 0 to 1."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logits), np.float32)


def _session(name: str) -> onnxruntime.InferenceSession:
    with _loading[name]:
        return _loaded(name, os.getpid())


@lru_cache(maxsize=4)
def _loaded(name: str, process: int) -> onnxruntime.InferenceSession:
    """The network, for this process alone: one that was loaded before a fork is not used after it.

    It has no threads of its own: it is small, and whoever wants two faces at once calls from two threads.
    """
    path = registry.data_folder() / FOLDER / f"{name}.onnx"
    if not path.is_file():
        raise CheckpointError(f"the embedded face mesh is missing ({path}): install talkinghead again")
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(f"{path} cannot be loaded ({reason}): install talkinghead again") from error
