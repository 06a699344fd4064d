"""Milliseconds per frame of LivePortrait's networks, against a plain eager fp32 forward of the same modules.

    python benchmarks/liveportrait.py                              random weights, this machine's best device
    python benchmarks/liveportrait.py --checkpoints DIR --precision bf16 --precision fp32 --batch 1 --batch 2

Each precision is measured in a process of its own, together with the plain forward that it is compared with: first
the arranged networks and their peak memory, then the plain ones, round by round, so that a busy machine disturbs both
alike. Prints a Markdown table.

F: appearance extractor (once per source), M: motion extractor (once per driving picture), W: warping, G: generator,
end to end: motion rules, W, G, and the frame as bytes in main memory, as a drawing of `LivePortraitRenderer` gives it.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


class Clock:
    """Measures work on a device, in seconds of the clock or, on a machine that is busy, of one CPU thread's time."""

    def __init__(self, device: str, cpu_time: bool) -> None:
        self.device, self.now = device, time.process_time if cpu_time else time.perf_counter

    def __call__(self, work: Callable[[], Any]) -> float:
        import torch

        begin = self.now()
        work()
        if self.device == "cuda":
            torch.cuda.synchronize()
        return self.now() - begin


def random_models() -> Any:
    """Networks of the published sizes with random weights that keep activations in range."""
    import torch

    from talkinghead.models.liveportrait.networks.appearance import AppearanceExtractor
    from talkinghead.models.liveportrait.networks.blocks import SpectralConv2d
    from talkinghead.models.liveportrait.networks.generator import Generator
    from talkinghead.models.liveportrait.networks.motion import MotionExtractor
    from talkinghead.models.liveportrait.networks.retargeting import eye_retargeting, lip_retargeting, stitching
    from talkinghead.models.liveportrait.networks.warping import WarpingModule
    from talkinghead.models.liveportrait.weights import Models

    torch.manual_seed(0)
    parts = (AppearanceExtractor(), MotionExtractor(), WarpingModule(), Generator(),
             stitching(), lip_retargeting(), eye_retargeting())  # fmt: skip
    for part in parts:
        part.eval().requires_grad_(False)
    for conv in parts[3].modules():
        if isinstance(conv, SpectralConv2d):
            weight = conv.weight_orig.flatten(1)
            for _ in range(5):
                conv.weight_v.copy_(torch.nn.functional.normalize(weight.T @ conv.weight_u, dim=0))
                conv.weight_u.copy_(torch.nn.functional.normalize(weight @ conv.weight_v, dim=0))
    return Models(*parts)


def ssim(a: Pixels, b: Pixels) -> float:
    """Structural similarity (Wang et al. 2004) of two pictures, mean over pixels and channels, 11x11 Gaussian."""
    import cv2

    def blur(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5))

    x, y = a.astype(np.float64), b.astype(np.float64)
    mx, my = blur(x), blur(y)
    vx, vy, cov = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float((((2 * mx * my + c1) * (2 * cov + c2)) / ((mx**2 + my**2 + c1) * (vx + vy + c2))).mean())


def some_motion(frames: int) -> Any:
    """A head that nods and speaks."""
    from talkinghead.motion.motion import Motion

    at = np.linspace(0, 3, frames)[:, None]
    exp = np.zeros((frames, 21, 3), np.float32)
    exp[:, 19, 1] = 0.03 * np.sin(5 * at[:, 0])
    return Motion.from_expression(
        exp, Fraction(25), rotation=np.concatenate([4 * np.sin(at), 6 * np.sin(2 * at), at], 1)
    )


def measure(
    checkpoints: Path | None,
    device: str,
    precision: str,
    batches: list[int],
    rounds: int,
    compiled: bool,
    cpu_time: bool,
) -> dict[str, Any]:
    """One precision's table: rows of (part, batch, milliseconds per frame, plain milliseconds per frame)."""
    import torch

    from talkinghead.core.types import Face, Image
    from talkinghead.models.liveportrait.engine import Engine
    from talkinghead.models.liveportrait.weights import load_models
    from talkinghead.renderers.liveportrait.renderer import LivePortraitRenderer

    timed = Clock(device, cpu_time)
    if cpu_time:
        torch.set_num_threads(1)
    models = load_models(checkpoints) if checkpoints else random_models()
    engine = Engine(models, device, precision, compiled)
    noise = np.random.default_rng(0).random((9, 9, 3), np.float32)
    smooth = torch.nn.functional.interpolate(torch.from_numpy(noise).permute(2, 0, 1)[None], size=256, mode="bicubic")
    image = Image((smooth[0].clamp(0, 1).permute(1, 2, 0) * 255).byte().numpy())
    face = Face(np.random.default_rng(1).random((478, 3), np.float32) * 256)
    pictures = torch.from_numpy(image.pixels).permute(2, 0, 1)[None].float() / 255

    def renderer(batch: int) -> Callable[[], list[Any]]:
        drawer = LivePortraitRenderer(engine, batch=batch)
        portrait, motion = drawer.crop(image, face, whole=True), some_motion(2 * batch)
        drawing = drawer.open(portrait)
        return lambda: drawing.draw(motion)

    with torch.inference_mode():
        source, reading = engine.source(pictures), engine.read(pictures)
        kp = reading.canonical
        arranged: dict[tuple[str, int], Callable[[], Any]] = {
            ("F", 1): lambda: engine.source(pictures),
            ("M", 1): lambda: engine.read(pictures),
        }
        for batch in batches:
            driving = kp + 0.05 * torch.randn(batch, *kp.shape[1:], generator=torch.Generator().manual_seed(1)).to(kp)
            still = kp.expand_as(driving)
            warped = engine.warping(source, driving, still)
            arranged["W", batch] = partial(engine.warping, source, driving, still)
            arranged["G", batch] = partial(engine.generator, warped)
            arranged["W+G", batch] = partial(engine.draw, source, driving, still)
            arranged["end to end", batch] = renderer(batch)
        for work in arranged.values():
            timed(work)  # the first call sets up kernels and memory
        seconds: dict[tuple[str, int], list[float]] = {key: [] for key in arranged}
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
        gpu_mb = torch.cuda.max_memory_allocated() / 2**20 if device == "cuda" else 0.0

        plain = plain_forward(models, device, pictures, kp)
        for work in plain.values():
            timed(work)
        plain_seconds: dict[str, list[float]] = {key: [] for key in plain}
        for _ in range(rounds):
            for key, work in arranged.items():
                frames = 2 * key[1] if key[0] == "end to end" else key[1]
                seconds[key].append(timed(work) / frames)
            for name, work in plain.items():
                plain_seconds[name].append(timed(work))
        driving = kp + 0.05
        exact = plain_frame(models, device, pictures, driving, kp)
        answer = engine.draw(source, driving, kp)[0].numpy()
    rows = [
        (
            part,
            batch,
            1e3 * statistics.median(taken),
            1e3 * statistics.median(plain_seconds["W+G" if part == "end to end" else part]),
        )
        for (part, batch), taken in seconds.items()
    ]
    autocast = 1e3 * statistics.median(plain_seconds["autocast"]) if "autocast" in plain_seconds else None
    return {"rows": rows, "ssim": ssim(exact, answer), "peak_mb": peak_mb, "gpu_mb": gpu_mb, "autocast": autocast}


def plain_forward(models: Any, device: str, pictures: Any, kp: Any) -> dict[str, Callable[[], Any]]:
    """The published modules as they are, eager, in single precision, one frame at a time."""
    import torch

    parts = [part.to(device) for part in (models.appearance, models.motion, models.warping, models.generator)]
    appearance, motion, warping, generator = parts
    pictures = pictures.to(device)
    feature, driving = appearance(pictures), kp + 0.05
    warped = warping(feature, driving, kp)
    plain: dict[str, Callable[[], Any]] = {
        "F": lambda: appearance(pictures),
        "M": lambda: motion(pictures),
        "W": lambda: warping(feature, driving, kp),
        "G": lambda: generator(warped),
        "W+G": lambda: (generator(warping(feature, driving, kp)) * 255).to(torch.uint8).cpu(),
    }
    if device == "cuda":

        def autocast() -> Any:
            with torch.autocast("cuda", torch.float16):
                return (generator(warping(feature, driving, kp)) * 255).to(torch.uint8).cpu()

        plain["autocast"] = autocast
    return plain


def plain_frame(models: Any, device: str, pictures: Any, driving: Any, kp: Any) -> Pixels:
    """One frame of the plain modules, (512, 512, 3) uint8."""
    import torch

    feature = models.appearance(pictures.to(device))
    image = models.generator(models.warping(feature, driving, kp))[0]
    pixels: Pixels = (image.permute(1, 2, 0) * 255).to(torch.uint8).cpu().numpy()
    return pixels


def _child(pipe: Any, *arguments: Any) -> None:
    try:
        pipe.send(measure(*arguments))
    except Exception as error:
        pipe.send(f"{type(error).__name__}: {error}")


def isolated(*arguments: Any) -> dict[str, Any] | str:
    """`measure` in a process of its own, so that its peak memory is its own."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(there, *arguments))
    process.start()
    there.close()
    with contextlib.suppress(EOFError):
        answer: dict[str, Any] | str = here.recv()
        process.join()
        return answer
    process.join()
    return f"the process ended with code {process.exitcode}"


def machine(device: str) -> str:
    """One line that says what the figures hold for."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else platform.processor() or platform.machine()
    with contextlib.suppress(OSError, IndexError):
        if device == "cpu":
            info = Path("/proc/cpuinfo").read_text()
            name = info.split("model name")[1].split(":", 1)[1].split("\n")[0].strip()
    return f"{name}, {torch.get_num_threads()} threads, PyTorch {torch.__version__}"


@click.command()
@click.option("--checkpoints", type=click.Path(path_type=Path, exists=True), help="Published weights; random without.")
@click.option("--device", default="auto")
@click.option("--precision", "precisions", multiple=True, help="fp32, bf16, fp16; repeatable.")
@click.option("--batch", "batches", multiple=True, type=int, help="Frames at once; repeatable.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--compile", "compiled", is_flag=True, help="Let torch.compile fuse W and G.")
@click.option("--cpu-time", is_flag=True, help="Processor time of a single thread, for machines that are busy.")
@click.option("--json", "json_to", type=click.Path(path_type=Path), help="Also write the figures here.")
def main(
    checkpoints: Path | None,
    device: str,
    precisions: tuple[str, ...],
    batches: tuple[int, ...],
    rounds: int,
    compiled: bool,
    cpu_time: bool,
    json_to: Path | None,
) -> None:
    """Measure and print a Markdown table."""
    from talkinghead.core.device import has_bf16, resolve_device

    chosen = resolve_device(device)
    if not precisions:
        precisions = (
            ("fp16", "bf16", "fp32") if chosen.type == "cuda" else ("bf16", "fp32") if has_bf16(chosen) else ("fp32",)
        )
    batches = batches or ((1, 4, 8, 16) if chosen.type == "cuda" else (1, 2))
    weights = "the given weights" if checkpoints else "random weights"
    clock = "; processor time of one thread" if cpu_time else ""
    print(f"{machine(chosen.type)}; {weights}; plain: eager fp32, batch 1{clock}\n")
    print("| precision | part | batch | ms per frame | plain | times faster |\n|---|---|---|---|---|---|")
    results = {}
    notes = []
    for precision in precisions:
        result = isolated(checkpoints, chosen.type, precision, list(batches), rounds, compiled, cpu_time)
        if isinstance(result, str):
            notes.append(f"{precision}: failed: {result}")
            continue
        results[precision] = result
        for part, batch, ms, plain_ms in result["rows"]:
            print(f"| {precision} | {part} | {batch} | {ms:.1f} | {plain_ms:.1f} | {plain_ms / ms:.2f} |", flush=True)
        memory = f"peak memory {result['peak_mb'] / 1024:.2f} GiB" + (
            f", GPU {result['gpu_mb'] / 1024:.2f} GiB" if result["gpu_mb"] else ""
        )
        notes.append(f"{precision}: SSIM to the plain frame {result['ssim']:.4f}; {memory}")
        if result["autocast"]:
            notes.append(f"{precision}: plain eager autocast fp16, W+G, batch 1: {result['autocast']:.1f} ms")
    print("\n" + "\n".join(f"- {note}" for note in notes))
    if json_to:
        json_to.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
