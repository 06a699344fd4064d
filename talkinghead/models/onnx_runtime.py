"""ONNX Runtime for the networks of this package, imported as `audio2motion` does: it reports its use to nobody."""

from __future__ import annotations

from types import ModuleType

from audio2motion import Audio2MotionError
from audio2motion import onnx_runtime as silent_onnx_runtime
from talkinghead.core.errors import DependencyError


def onnx_runtime() -> ModuleType:
    """The module `onnxruntime`; the environment is afterwards what it was.

    Where a program imported it before, or has set ORT_DISABLE_TELEMETRY itself, that program's choice stands.

    Raises:
        DependencyError: it is missing or broken.
    """
    try:
        return silent_onnx_runtime()
    except Audio2MotionError as error:
        raise DependencyError(str(error)) from error
