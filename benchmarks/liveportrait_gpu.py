"""LivePortrait's networks on an NVIDIA GPU: milliseconds per frame, memory, and files.

    python benchmarks/liveportrait_gpu.py --json gpu.json --plot gpu.png       random weights of the published sizes
    python benchmarks/liveportrait_gpu.py --checkpoints pretrained_weights

Every part is measured in a process of its own, so that its memory and what it sets are its own. The published modules
are the baseline: as LivePortrait runs them (eager, fp16 autocast), with PyTorch's default for single precision
(convolutions in TF32), and in true single precision. Times are medians of replays that end with the frame's bytes in
main memory; `render` is a drawing of `LivePortraitRenderer`: rules, W, G, paste-back into a picture of 1920 x 1080 and
all copies, over 64 frames. TF32 is off in everything that is ours.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
BATCHES = (1, 2, 4, 8, 16)
# The first long run comes early: it finds no kernels in Triton's cache, the second does.
TWICE = ("memory fp16",)
PARTS = ("memory fp16", "baseline", "eager", "graph", "fused", "parity", "file", "memory fp32", "fp32")
EXAMPLES = Path(__file__).parents[1] / "examples"


def timed(work: Callable[[], Any], rounds: int = 15) -> float:
    """Milliseconds, the median of `rounds` after two to warm up; each ends when the GPU has nothing left to do."""
    import torch

    taken = []
    for i in range(rounds + 2):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        work()
        torch.cuda.synchronize()
        if i >= 2:
            taken.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(taken)


def models(checkpoints: str | None) -> Any:
    """The networks: published weights, or random ones."""
    if checkpoints:
        from talkinghead.models.liveportrait.weights import load_models

        return load_models(Path(checkpoints))
    from liveportrait import random_models

    return random_models()


def smooth_pictures(count: int) -> Any:
    """(count, 3, 256, 256) in 0..1: smooth, as random pixels are no picture."""
    import torch

    noise = torch.rand(count, 3, 9, 9, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(noise, size=256, mode="bicubic").clamp(0, 1)


def keypoints(still: Any, batch: int) -> Any:
    """Driving keypoints (batch, 21, 3) about `still`."""
    import torch

    return still + 0.05 * torch.randn(batch, *still.shape[1:], generator=torch.Generator().manual_seed(batch)).to(still)


def baseline(checkpoints: str | None) -> dict[str, Any]:
    """The published modules, one frame at a time and several."""
    import torch

    nets = models(checkpoints)
    appearance, motion, warping, generator = (
        part.cuda() for part in (nets.appearance, nets.motion, nets.warping, nets.generator)
    )
    out: dict[str, Any] = {}
    with torch.inference_mode():
        picture = smooth_pictures(1).cuda()
        feature, still = appearance(picture), torch.unflatten(motion(picture).kp, 1, (21, 3))
        ways = {"fp16 autocast": (True, True), "fp32, TF32 convolutions": (True, False), "true fp32": (False, False)}
        for name, (tf32, autocast) in ways.items():
            torch.backends.cudnn.allow_tf32 = tf32
            for batch in (1, 8) if autocast else (1,):
                driving = keypoints(still, batch)

                def draw(driving: Any = driving, batch: int = batch, autocast: bool = autocast) -> Any:
                    with torch.autocast("cuda", torch.float16, enabled=autocast):
                        image = generator(warping(feature.expand(batch, -1, -1, -1, -1), driving,
                                                  still.expand_as(driving)))  # fmt: skip
                        return (image.clamp(0, 1) * 255).to(torch.uint8).cpu()

                out[f"{name}, batch {batch}"] = timed(draw, 7) / batch
        torch.backends.cudnn.allow_tf32 = False
        out["M true fp32, batch 1"] = timed(lambda: motion(picture))
    return out


def scene() -> tuple[Any, Any]:
    """A picture of 1920 x 1080 and its face."""
    import cv2

    from talkinghead.core.types import Image
    from talkinghead.faces import find_face
    from talkinghead.media.images import read_image

    small = read_image(EXAMPLES / "grace_hopper.jpg").pixels
    height, width = small.shape[:2]
    scale = min(1920 / width, 1080 / height)
    picture = cv2.resize(small, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_CUBIC)
    wide = np.full((1080, 1920, 3), 96, np.uint8)
    left = (1920 - picture.shape[1]) // 2
    wide[: picture.shape[0], left : left + picture.shape[1]] = picture
    image = Image(wide)
    return image, find_face(image)


def ours(checkpoints: str | None, acceleration: str, precision: str, batches: tuple[int, ...]) -> dict[str, Any]:
    """W+G and `render` for each batch, F and M."""
    from liveportrait import some_motion

    from talkinghead.models.liveportrait.engine import Engine
    from talkinghead.renderers.liveportrait.renderer import LivePortraitRenderer

    begin = time.perf_counter()
    engine = Engine(models(checkpoints), "cuda", precision, acceleration)  # type: ignore[arg-type]
    pictures = smooth_pictures(8)
    source, still = engine.source(pictures[:1]), engine.read(pictures[:1]).canonical
    out: dict[str, Any] = {"W+G": {}, "render": {}, "M": {}, "F": {}}
    engine.draw(source, keypoints(still, 1), still)
    out["first frame s"] = time.perf_counter() - begin
    image, face = scene()
    for batch in batches:
        driving = keypoints(still, batch)
        out["W+G"][batch] = timed(lambda driving=driving: engine.draw(source, driving, still)) / batch
        renderer = LivePortraitRenderer(engine, batch=batch)
        drawing, motion = renderer.open(renderer.crop(image, face)), some_motion(64)
        out["render"][batch] = timed(lambda drawing=drawing, motion=motion: list(drawing.draw(motion)), 5) / 64
    for count in (1, 8):
        out["M"][count] = timed(lambda count=count: engine.read(pictures[:count])) / count
        out["F"][count] = timed(lambda count=count: engine.source(pictures[:count])) / count
    assert engine.kernels == acceleration, engine.kernels
    return out


def parity(checkpoints: str | None) -> dict[str, Any]:
    """Frames of each way against the plain modules' in true single precision."""
    import torch
    from liveportrait import plain_frame, ssim

    from talkinghead.models.liveportrait.engine import Engine

    picture = smooth_pictures(1)
    out: dict[str, Any] = {}
    frames: dict[str, Any] = {}
    torch.backends.cudnn.allow_tf32 = False
    with torch.inference_mode():
        nets = models(checkpoints)
        reference = Engine(nets, "cuda", "fp32", "eager")
        still = reference.read(picture).canonical
        driving = still + 0.05
        parts = (nets.appearance, nets.motion, nets.warping, nets.generator)
        for part in parts:
            part.cuda()
        plain = plain_frame(nets, "cuda", picture, driving.cuda(), still.cuda())
        for name in ("fp32 eager", "fp32 graph", "fp16 eager", "fp16 graph", "fp16 fused", "bf16 fused"):
            precision, acceleration = name.split()
            engine = Engine(models(checkpoints), "cuda", precision, acceleration)  # type: ignore[arg-type]
            source = engine.source(picture)
            for _ in range(3):
                frame = engine.draw(source, driving, still)[0].numpy()
            frames[name] = frame.astype(int)
            off = np.abs(frames[name] - plain)
            out[name] = {"ssim": ssim(plain, frame), "mean levels": float(off.mean()), "most levels": int(off.max())}
        out["fp32 graph is eager to the bit"] = bool((frames["fp32 graph"] == frames["fp32 eager"]).all())
        out["fp16 graph is eager to the bit"] = bool((frames["fp16 graph"] == frames["fp16 eager"]).all())
        off = np.abs(frames["fp16 fused"] - frames["fp16 graph"])
        out["fp16 fused against graph"] = {
            "mean levels": float(off.mean()), "most levels": int(off.max()), "over one level": float((off > 1).mean()),
        }  # fmt: skip
    return out


def memory(checkpoints: str | None, precision: str) -> dict[str, Any]:
    """A long run as `auto` makes it: memory, what a change of kernels costs on the way, and frames per second."""
    import torch
    from liveportrait import some_motion

    from talkinghead.models.liveportrait.engine import Engine
    from talkinghead.renderers.liveportrait.renderer import LivePortraitRenderer

    engine = Engine(models(checkpoints), "cuda", precision)
    renderer, (image, face) = LivePortraitRenderer(engine), scene()
    drawing, motion = renderer.open(renderer.crop(image, face)), some_motion(32 if precision == "fp16" else 8)
    begin, slowest, drawn, changed = time.perf_counter(), 0.0, 0, None
    while time.perf_counter() - begin < (20 if precision == "fp16" else 4):
        at = time.perf_counter()
        drawn += len(list(drawing.draw(motion)))
        slowest = max(slowest, time.perf_counter() - at)
        if engine.kernels == "fused" and changed is None:
            changed = time.perf_counter() - begin
            break
    for _ in range(3):
        list(drawing.draw(motion))
    free, total = torch.cuda.mem_get_info()
    return {
        "frames at once": renderer.open(None).batch, "kernels": engine.kernels, "fused after s": changed,
        "slowest piece s": slowest, "frames in a piece": len(motion), "frames before": drawn,
        "allocated GiB": torch.cuda.max_memory_allocated() / 2**30,
        "reserved GiB": torch.cuda.max_memory_reserved() / 2**30, "of the GPU GiB": (total - free) / 2**30,
    }  # fmt: skip


def file(checkpoints: str | None) -> dict[str, Any]:
    """Frames per second of a still animated to a file, at 512 and at 1080p, by a motion file and by a video."""
    from fractions import Fraction

    from liveportrait import some_motion

    from talkinghead.canvas.still import Still
    from talkinghead.clip import Clip, Part
    from talkinghead.core.types import Image
    from talkinghead.drivers.opening import open_driving
    from talkinghead.media.video import write_video
    from talkinghead.models.liveportrait.engine import Engine
    from talkinghead.renderers.liveportrait.renderer import LivePortraitRenderer
    from talkinghead.session import Look

    engine = Engine(models(checkpoints), "cuda", "fp16", "fused")
    renderer, (image, face) = LivePortraitRenderer(engine), scene()
    out: dict[str, Any] = {}
    motion = some_motion(600)
    with tempfile.TemporaryDirectory() as folder:
        x, y, width, height = (int(value) for value in face.box)
        top, left = max(0, y - height // 2), max(0, x - width // 2)
        square = Image(np.ascontiguousarray(image.pixels[top : top + 512, left : left + 512]))
        from talkinghead.faces import find_face

        for name, picture in (("512", square), ("1080p", image)):
            portrait = renderer.crop(picture, find_face(picture))

            def clip(portrait: Any = portrait) -> Clip:
                return Clip([Part(Still(portrait), open_driving(motion), Look())], renderer)

            for _ in clip():  # graphs for all sizes that come
                pass
            begin = time.perf_counter()
            frames = list(clip())
            out[f"{name}, drawn and pasted, frames/s"] = len(frames) / (time.perf_counter() - begin)
            begin = time.perf_counter()
            clip().save(Path(folder) / f"{name}.mp4")
            out[f"{name} to a file, frames/s"] = len(frames) / (time.perf_counter() - begin)
            begin = time.perf_counter()
            write_video(Path(folder) / f"{name} again.mp4", frames, Fraction(25))
            out[f"{name}, encoding alone, frames/s"] = len(frames) / (time.perf_counter() - begin)
        out |= driven(engine, renderer, image, Path(folder) / "driver.mp4")
    return out


def driven(engine: Any, renderer: Any, image: Any, driver: Path) -> dict[str, Any]:
    """Frames per second of a still driven by a video of 960 x 540, which is written to `driver`, and of its parts."""
    from fractions import Fraction

    from talkinghead.canvas.still import Still
    from talkinghead.clip import Clip, Part
    from talkinghead.drivers.liveportrait import look
    from talkinghead.drivers.opening import open_driving
    from talkinghead.faces import FaceTracker, find_face
    from talkinghead.media.video import VideoReader, write_video
    from talkinghead.session import Look

    small, frames = image.pixels[::2, ::2], 400
    write_video(driver, (np.roll(small, i % 7, 1) for i in range(frames)), Fraction(25))

    def rate(work: Callable[[], Any]) -> float:
        begin = time.perf_counter()
        work()
        return frames / (time.perf_counter() - begin)

    def clip() -> Clip:
        still = Still(renderer.crop(image, find_face(image)))
        return Clip([Part(still, open_driving(driver, extractor=engine), Look())], renderer)

    pictures = list(VideoReader(driver))
    tracker = FaceTracker()
    for _ in clip():  # graphs for all sizes that come
        pass
    return {
        "driven by a video of 960 x 540, frames/s": rate(lambda: list(clip())),
        "driven by a video, to a file, frames/s": rate(lambda: clip().save(driver.with_name("driven.mp4"))),
        "of that, decoding it, frames/s": rate(lambda: list(VideoReader(driver))),
        "of that, the first pass over it, frames/s": rate(lambda: look(VideoReader(driver), Fraction(25))),
        "following a face in one thread, frames/s": rate(lambda: [tracker.track(picture) for picture in pictures]),
    }


def measure(part: str, checkpoints: str | None) -> dict[str, Any]:
    """One part."""
    if part == "baseline":
        return baseline(checkpoints)
    if part == "parity":
        return parity(checkpoints)
    if part.startswith("memory"):
        return memory(checkpoints, part.split()[1])
    if part == "file":
        return file(checkpoints)
    if part == "fp32":
        return ours(checkpoints, "graph", "fp32", (1, 2))
    return ours(checkpoints, part, "fp16", BATCHES)


def plot(results: dict[str, Any], path: Path) -> None:
    """Milliseconds per frame over frames at once."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.2))
    for way, style in (("eager", "C7"), ("graph", "C0"), ("fused", "C2")):
        for what, line in (("W+G", "-"), ("render", "--")):
            if way in results and what in results[way]:
                series = {int(k): v for k, v in results[way][what].items()}
                axes.plot(list(series), list(series.values()), line, marker="o", color=style, label=f"{way}, {what}")
    for batch in (1, 8):
        value = results.get("baseline", {}).get(f"fp16 autocast, batch {batch}")
        if value:
            axes.plot(
                [batch], [value], "k*", markersize=11, label="LivePortrait, fp16 autocast" if batch == 1 else None
            )
    axes.set_xscale("log", base=2)
    axes.set_xticks(BATCHES, [str(batch) for batch in BATCHES])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("frames at once")
    axes.set_ylabel("ms per frame, 512 x 512, fp16")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=130)


@click.command()
@click.option("--checkpoints", type=click.Path(exists=True), help="Published weights; random ones without.")
@click.option("--part", "parts", multiple=True, type=click.Choice(PARTS), help="Measure this alone; repeatable.")
@click.option("--json", "json_to", type=click.Path(path_type=Path), help="Write the figures here.")
@click.option("--plot", "plot_to", type=click.Path(path_type=Path), help="Draw them here (needs matplotlib).")
@click.option("--within", default="", hidden=True)
def main(
    checkpoints: str | None, parts: tuple[str, ...], json_to: Path | None, plot_to: Path | None, within: str
) -> None:
    """Measure all parts, each in a process of its own."""
    if within:
        print("\n" + json.dumps(measure(within, checkpoints)))
        return
    results: dict[str, Any] = {}
    for part in parts or PARTS:
        for again in (False, True) if part in TWICE else (False,):
            arguments = ["--within", part, *(["--checkpoints", checkpoints] if checkpoints else [])]
            done = subprocess.run(
                [sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True, check=False
            )
            name = f"{part}, again" if again else part
            results[name] = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else "failed"
            print(f"{name}: {json.dumps(results[name])}", flush=True)
            if json_to:
                json_to.write_text(json.dumps(results, indent=1))
    if plot_to:
        plot(results, plot_to)


if __name__ == "__main__":
    main()
