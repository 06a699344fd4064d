"""What native libraries write past Python to standard error, kept from a person's terminal.

ONNX Runtime warns while it is imported where Linux lists a graphics device without a PCI vendor (WSL, Raspberry Pi,
virtual GPUs; microsoft/onnxruntime#26763), before any setting can turn it off, and OpenCV comments on streams and
cameras. The command line owns its process and may turn its descriptor away; the library never does.
"""

from __future__ import annotations

import os
import sys
import warnings


def keep_to_ourselves() -> None:
    """Let descriptor 2 lead nowhere, and Python's standard error lead where it led: only our own lines are seen."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    # Pillow warns of pictures that are larger than it expects: we have a limit of our own, and say so.
    warnings.filterwarnings("ignore", message="Image size .* exceeds limit")
    try:
        sys.stderr.flush()
        terminal = os.dup(2)
        nowhere = os.open(os.devnull, os.O_WRONLY)
    except (OSError, AttributeError, ValueError):  # there is no standard error to keep clean
        return
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = open(terminal, "w", encoding=sys.stderr.encoding, errors="backslashreplace", buffering=1)  # noqa: PTH123, SIM115
