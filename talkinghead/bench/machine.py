"""The machine in words: what figures belong to."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from talkinghead.core.errors import DeviceError, TalkingHeadError

_PACKAGES = ("numpy", "opencv-python", "onnxruntime", "torch")


@dataclass(frozen=True)
class Machine:
    """`cpu` by name, `cores` that this process may use, `load` of the last minute (None where it is not told; 0 is a
    quiet machine), `gpu` (None: none that PyTorch can use), `system`, `versions` by package."""

    cpu: str
    cores: int
    load: float | None
    gpu: str | None
    system: str
    versions: dict[str, str]

    @property
    def line(self) -> str:
        """All of it in a line."""
        versions = ", ".join(f"{name} {version}" for name, version in self.versions.items())
        busy = "" if self.load is None else f", load {self.load:.1f}"
        return f"{self.cpu}, {self.cores} cores{busy}; GPU: {self.gpu or 'none'}; {self.system}; {versions}"


def load_average() -> float | None:
    """How many processes wanted to run in the last minute, on the average; None where that is not told."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows; a container that hides it
        return None


def describe_machine(load: float | None) -> Machine:
    """This machine; `load` is what it was before the measuring began. Imports PyTorch, where it is installed."""
    versions = {"Python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    versions["ffmpeg"] = _ffmpeg()
    return Machine(_cpu(), _cores(), load, _gpu(), f"{platform.system()} {platform.machine()}", versions)


def _cpu() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    except OSError:
        found = None
    return found[1].strip() if found else platform.processor() or platform.machine() or "unknown"


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS, nor on Windows
        return os.cpu_count() or 1


def _gpu() -> str | None:
    from talkinghead.core.device import resolve_device

    try:
        device = resolve_device("auto")
    except (ImportError, DeviceError):
        return None
    if device.type == "cuda":
        import torch

        return str(torch.cuda.get_device_name(device))
    return "Apple (MPS)" if device.type == "mps" else None


def _ffmpeg() -> str:
    from talkinghead.media.ffmpeg import FFmpeg

    try:
        with FFmpeg(["-version"], read=True) as ffmpeg:
            assert ffmpeg.process.stdout is not None
            words = ffmpeg.process.stdout.read().decode(errors="replace").split()
    except TalkingHeadError:
        return "missing"
    return words[2] if len(words) > 2 else "unknown"
