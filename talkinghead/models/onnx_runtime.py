"""ONNX Runtime, imported so that it reports its use to nobody."""

from __future__ import annotations

import os
import threading
from types import ModuleType

from talkinghead.core.errors import DependencyError

# From 1.31 on, Linux and macOS wheels send events to their makers and leave an identifier in the folder of temporary
# files, beginning with the import; this, read once then, stops all of it (microsoft/onnxruntime#27379).
_OPT_OUT = "ORT_DISABLE_TELEMETRY"
_lock = threading.Lock()


def onnx_runtime() -> ModuleType:
    """The module `onnxruntime`; the environment is afterwards what it was.

    Where a program imported it before, or has set the variable itself, that program's choice stands.

    Raises:
        DependencyError: it is missing or broken.
    """
    with _lock:
        chosen = os.environ.get(_OPT_OUT)
        os.environ[_OPT_OUT] = "1" if chosen is None else chosen
        try:
            import onnxruntime
        except ImportError as error:
            raise DependencyError(f"ONNX Runtime cannot be loaded ({error}): pip install onnxruntime") from error
        finally:
            if chosen is None:
                del os.environ[_OPT_OUT]
    module: ModuleType = onnxruntime
    return module
