"""ONNX Runtime, imported so that it reports its use to nobody."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from audio2motion.errors import Audio2MotionError

if TYPE_CHECKING:
    import onnxruntime

# From 1.31 on, Linux and macOS wheels send events to their makers and leave an identifier in the folder of temporary
# files, beginning with the import; this, read once then, stops all of it (microsoft/onnxruntime#27379).
_OPT_OUT = "ORT_DISABLE_TELEMETRY"
_ERRORS_ONLY = 3
_lock = threading.Lock()


def onnx_runtime() -> ModuleType:
    """The module `onnxruntime`; the environment is afterwards what it was.

    Where a program imported it before, or has set the variable itself, that program's choice stands.

    Raises Audio2MotionError where it is missing or broken.
    """
    with _lock:
        chosen = os.environ.get(_OPT_OUT)
        os.environ[_OPT_OUT] = "1" if chosen is None else chosen
        try:
            import onnxruntime
        except ImportError as error:
            raise Audio2MotionError(f"ONNX Runtime cannot be loaded ({error}): pip install onnxruntime") from error
        finally:
            if chosen is None:
                del os.environ[_OPT_OUT]
    module: ModuleType = onnxruntime
    return module


def cpu_session(path: Path, fused: bool = False) -> onnxruntime.InferenceSession:
    """A network for small inputs, on the CPU: it computes on the calling thread and starts no others.

    `fused`: operators are fused and weights packed, for larger inputs, to which that is worth its time.

    Raises Audio2MotionError where ONNX Runtime is missing or the file cannot be loaded.
    """
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    # Small matrices gain nothing by being fused and packed, and that takes longer than loading them.
    if fused:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    else:
        options.graph_optimization_level = runtime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        return runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no common public base
        reason = str(error).splitlines()[0]
        raise Audio2MotionError(f"{path} cannot be loaded ({reason}): delete it or write it again") from error
