"""Seconds from the start of a process to its first frame, drawn by LivePortrait's networks.

    python benchmarks/liveportrait_start.py                                     random weights, an NVIDIA GPU
    python benchmarks/liveportrait_start.py --checkpoints pretrained_weights
    python benchmarks/liveportrait_start.py --device cpu --precision fp32

Every run is a process of its own, which comes to its frames as `talkinghead speak` does, on the example portrait and
recording; the first one finds cold caches. What importing PyTorch takes, and loading weights where PyTorch and the GPU
are ready, is measured in further processes, so that it can be taken off. Python must be able to keep its bytecode
(PYTHONDONTWRITEBYTECODE unset; PYTHONPYCACHEPREFIX where packages lie in a folder that cannot be written to):
compiling PyTorch's sources anew every time takes longer than all else.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click

sys.path.insert(0, str(Path(__file__).parent))
EXAMPLES = Path(__file__).parents[1] / "examples"
PARTS = ("torch", "weights", "start")


def write_weights(folder: Path) -> None:
    """Random weights in the published files' places."""
    import torch
    from liveportrait import random_models

    from talkinghead.models.liveportrait.weights import EYE, FILES, LIP, STITCHING

    nets = random_models()
    parts = {
        "appearance_feature_extractor": nets.appearance.state_dict(), "motion_extractor": nets.motion.state_dict(),
        "warping_module": nets.warping.state_dict(), "spade_generator": nets.generator.state_dict(),
        "stitching_retargeting_module": {
            STITCHING: nets.stitching.state_dict(), LIP: nets.lip.state_dict(), EYE: nets.eye.state_dict(),
        },
    }  # fmt: skip
    for name, place in FILES.items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        torch.save(parts[name], folder / place)


def importing() -> dict[str, Any]:
    """PyTorch alone."""
    begin = time.perf_counter()
    import torch

    return {"s": time.perf_counter() - begin, "version": torch.__version__}


def weights(checkpoints: Path, device: str, precision: str) -> dict[str, Any]:
    """Files to networks, and networks to where and what they shall be."""
    import torch

    from talkinghead.models.liveportrait.engine import Engine
    from talkinghead.models.liveportrait.ready import made_ready
    from talkinghead.models.liveportrait.weights import load_models

    with made_ready(torch.device(device)):
        pass
    begin = time.perf_counter()
    nets = load_models(checkpoints)
    read = time.perf_counter()
    engine = Engine(nets, device, precision)
    if engine.device.type == "cuda":
        torch.cuda.synchronize()
    return {"files s": read - begin, "placed s": time.perf_counter() - read}


def start(checkpoints: Path, device: str, precision: str, begun: float) -> dict[str, Any]:
    """Since `begun`, by the clock: Python at work, the clip opened, the first two frames drawn."""
    out = {"python s": time.time() - begun}
    from talkinghead.cli.loading import loading_networks

    with loading_networks():
        from talkinghead.calls import speak

        clip = speak(EXAMPLES / "grace_hopper.jpg", EXAMPLES / "speech.wav", renderer="liveportrait", device=device,
                     precision=precision, checkpoints=checkpoints)  # type: ignore[arg-type]  # fmt: skip
    out["opened s"] = time.time() - begun
    frames = iter(clip)
    for name in ("first frame s", "second frame s"):
        next(frames)
        out[name] = time.time() - begun
    return out


@click.command()
@click.option("--checkpoints", type=click.Path(path_type=Path), help="Published weights; random ones without.")
@click.option("--device", default="cuda", show_default=True)
@click.option("--precision", default="fp16", show_default=True)
@click.option("--runs", default=3, show_default=True, help="Of each part.")
@click.option("--within", type=(str, float), hidden=True)
def main(checkpoints: Path | None, device: str, precision: str, runs: int, within: tuple[str, float] | None) -> None:
    """Measure every part, each run in a process of its own."""
    if within:
        part, begun = within
        assert checkpoints
        found = (
            importing() if part == "torch"
            else weights(checkpoints, device, precision) if part == "weights"
            else start(checkpoints, device, precision, begun)
        )  # fmt: skip
        print(json.dumps(found), flush=True)
        os._exit(0)  # threads that compute further frames are not waited for
    with tempfile.TemporaryDirectory() as folder:
        if checkpoints is None:
            write_weights(Path(folder))
        for part in PARTS:
            for _ in range(runs):
                command = [sys.executable, __file__, "--checkpoints", str(checkpoints or folder), "--device", device,
                           "--precision", precision, "--within", part, str(time.time())]  # fmt: skip
                done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
                print(f"{part}: {done.stdout.splitlines()[-1]}", flush=True)


if __name__ == "__main__":
    main()
