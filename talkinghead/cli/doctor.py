"""`talkinghead doctor`: what is here, which renderer would draw, and how to get better."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from talkinghead.cli.options import logging_options
from talkinghead.core.errors import CheckpointError, TalkingHeadError

# What pyproject.toml requires, and what its extras add (tests/test_packaging.py compares).
NEEDED = ("torch", "transformers", "safetensors", "huggingface_hub", "platformdirs", "soundfile", "soxr", "numpy",
          "scipy", "opencv-python", "onnxruntime", "imageio-ffmpeg", "pillow", "pillow-heif", "click", "rich",
          "espeakng-loader", "typing_extensions")  # fmt: skip
OPTIONAL = {
    "accelerate": "training: pip install 'talkinghead[train]'",
    "tensorboard": "watching a training: pip install 'talkinghead[train]'",
    "matplotlib": "plots of motion and training: pip install 'talkinghead[train]'",
    "onnx": "ONNX export: pip install 'talkinghead[onnx]'",
    "pyvirtualcam": "virtual camera: pip install 'talkinghead[live]'",
    "gradio": "a page in the browser: pip install 'talkinghead[app]'",
    "pandas": "the page's curves: pip install 'talkinghead[app]'",
    "fastapi": "a server: pip install 'talkinghead[serve]'",
    "starlette": "a server: pip install 'talkinghead[serve]'",
    "uvicorn": "a server: pip install 'talkinghead[serve]'",
    "h11": "a server: pip install 'talkinghead[serve]'",
    "websockets": "a server's streams: pip install 'talkinghead[serve]'",
    "python-multipart": "a server's uploads: pip install 'talkinghead[serve]'",
    "c2pa-python": "signed C2PA manifests: pip install 'talkinghead[provenance]'",
    "aiortc": "a server's WebRTC: pip install 'talkinghead[webrtc]'",
    "av": "a server's WebRTC: pip install 'talkinghead[webrtc]'",
    "hibari-tts": "a neural English voice for --text: pip install 'talkinghead[tts]'",
    "livekit-agents": "a face for LiveKit agents: pip install 'talkinghead[livekit]'",
    "pipecat-ai": "a face for Pipecat: pip install 'talkinghead[pipecat]'",
    "ray": "batches on a cluster: pip install 'talkinghead[ray]'",
}


class Finding(NamedTuple):
    """One line of the doctor's report; `mark` is "ok", "--" (absent, optional) or "!!" (broken).

    A `detail` is shown to those who ask for more.
    """

    mark: str
    what: str
    advice: str = ""
    detail: bool = False


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _packages() -> Iterator[Finding]:
    yield Finding("ok", f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for package in NEEDED:
        version = _version(package)
        if version:
            yield Finding("ok", f"{package} {version}", detail=True)
        else:
            yield Finding("!!", package, f"pip install {package}")
    for package, use in OPTIONAL.items():
        version = _version(package)
        yield Finding("ok", f"{package} {version}") if version else Finding("--", package, use)


def _torchaudio() -> Iterator[Finding]:
    """A CUDA build of torchaudio beside a CPU build of torch breaks `import transformers`: say so by name."""
    if importlib.util.find_spec("torchaudio") is None:
        return
    try:
        importlib.import_module("torchaudio")
    except Exception as error:
        yield Finding(
            "!!",
            f"torchaudio {_version('torchaudio')} cannot be imported beside torch {_version('torch')}: "
            f"{str(error).splitlines()[0]}",
            "pip uninstall torchaudio (talkinghead does not need it)",
        )


def _ffmpeg() -> Finding:
    from talkinghead.media.ffmpeg import find_ffmpeg

    try:
        return Finding("ok", f"ffmpeg: {find_ffmpeg()}")
    except TalkingHeadError as error:
        return Finding("!!", "ffmpeg", str(error))


def _devices() -> Iterator[Finding]:
    import torch

    from talkinghead.core.device import has_bf16, resolve_device, resolve_precision

    device = resolve_device("auto")
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    native = ", bfloat16 in hardware" if has_bf16(device) else ""
    yield Finding("ok", f"device: {device.type} ({name}{native}), precision: {resolve_precision('auto', device)}")


def _weights(directory: Path | None) -> Iterator[Finding]:
    from talkinghead.checkpoints import resolve, speech_model_folder

    try:
        yield Finding("ok", f"speech model: embedded, {speech_model_folder().name}")
    except CheckpointError as error:
        yield Finding("!!", "speech model", str(error))
    for name, use in (("liveportrait", "the neural renderer"), ("joyvasa", "lips learnt from real speech")):
        try:
            resolve(name, directory)
            yield Finding("ok", f"{name}: weights present")
        except CheckpointError:
            yield Finding("--", f"{name}: no weights", f"talkinghead checkpoints pull {name} ({use})")


def _embedded() -> Iterator[Finding]:
    """A network with a wrong byte may load, and draw nonsense: that it is as published is looked at here alone."""
    from talkinghead.checkpoints import verify

    try:
        found = verify.damaged_networks()
    except CheckpointError as error:
        yield Finding("!!", "embedded networks", str(error))
        return
    for path in found:
        yield Finding("!!", f"{path} is not the file that was published", "install talkinghead again")
    if not found:
        yield Finding("ok", "embedded networks: as published")


def _renderer(directory: Path | None) -> Finding:
    from talkinghead.core.settings import Settings
    from talkinghead.renderers.select import select

    try:
        return Finding("ok", select(Settings(checkpoints=directory)).note)
    except TalkingHeadError as error:
        return Finding("!!", "renderer", str(error))


def examine(directory: Path | None) -> Iterator[Finding]:
    """Everything the doctor looks at, in the order in which it is shown."""
    yield from _packages()
    yield from _torchaudio()
    yield _ffmpeg()
    yield from _devices()
    yield from _embedded()
    yield from _weights(directory)
    yield _renderer(directory)


@click.command()
@click.option("--checkpoints", type=click.Path(path_type=Path, file_okay=False), envvar="TALKINGHEAD_CHECKPOINTS",
              metavar="DIR", help="Folder of downloaded weights.")  # fmt: skip
@logging_options
def command(checkpoints: Path | None, quiet: bool, verbose: bool) -> None:
    """Say what is installed, which renderer would draw, and how to get better.

    Exits with code 1 where something that `speak` needs is missing or broken.
    """
    findings = list(examine(checkpoints))
    for finding in findings:
        if (quiet and finding.mark != "!!") or (finding.detail and not verbose):
            continue
        click.echo(f"{finding.mark}  {finding.what}" + (f"  -> {finding.advice}" if finding.advice else ""))
    if any(finding.mark == "!!" for finding in findings):
        sys.exit(1)
    if not quiet:
        click.echo("everything that `talkinghead speak` needs is here")
