"""How well a face survives being driven by its own video.

    python benchmarks/reenactment.py DIR [--renderer warp] [--json FILE] [--sheets DIR]

Each clip's first frame is the portrait and the clip drives it; the face mesh is then measured in what was drawn and
in the clip. Printed per clip:

- lip error: mean distance of the 40 lip landmarks over the distance between the pupils, as they stand in the picture
  (`placed`) and with head motion taken out by aligning both faces on bone (`aligned`); each with the same error of a
  picture that stays still, and their ratio;
- correlation of mouth opening;
- blinks: events in the clip, and how many of them are there in the result, within 100 ms;
- pose: root mean square error of pitch, yaw and roll in degrees;
- processor time per frame of tracking and of drawing with paste-back, and frames per second of both at once.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from talkinghead.core.ahead import ahead
from talkinghead.core.errors import TalkingHeadError
from talkinghead.core.settings import Settings
from talkinghead.core.types import DrawnCrop, Image, Pixels
from talkinghead.drivers.tracking.alignment import align
from talkinghead.drivers.tracking.neutral import measure
from talkinghead.drivers.video import tracked_video
from talkinghead.faces import FaceTracker, find_face
from talkinghead.faces.paste import paste_back
from talkinghead.media.video import VideoReader
from talkinghead.motion.angles import to_degrees
from talkinghead.motion.motion import Motion
from talkinghead.motion.protocols import Drawing
from talkinghead.renderers.select import select

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg")
LIPS = np.array(
    [61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 146, 91, 181, 84, 17, 314, 405, 321, 375,
     78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 95, 88, 178, 87, 14, 317, 402, 318, 324]
)  # fmt: skip
# A blink is a run of frames in which the lids' opening falls below this share of the open eye's.
CLOSED, OPEN = 0.5, 0.75
NEAR_S = 0.1


@dataclass
class Result:
    """One clip's row."""

    clip: str
    frames: int
    placed: float
    placed_still: float
    aligned: float
    aligned_still: float
    opening: float
    blinks: int
    blinks_found: int
    pose_deg: float
    tracking_cpu_ms: float
    drawing_cpu_ms: float
    together_fps: float


def meshes(frames: Iterator[Pixels]) -> np.ndarray:
    """Face meshes (T, 478, 3) of frames; where none is found, the last one."""
    tracker, found = FaceTracker(), []
    for pixels in frames:
        face = tracker.track(pixels)
        found.append(face.landmarks if face else found[-1] if found else np.full((478, 3), np.nan, np.float32))
    return np.asarray(found, np.float64)


def lip_error(a: np.ndarray, b: np.ndarray, aligned: bool) -> np.ndarray:
    """Per frame (T,): mean distance of the lips over the pupil distance of `b`; meshes (T, 478, 3)."""
    reference = b[0]
    eyes = np.linalg.norm(b[:, 468] - b[:, 473], axis=1)
    if aligned:
        a, b = align(a, reference).undo(a), align(b, reference).undo(b)
        eyes = np.linalg.norm(b[:, 468] - b[:, 473], axis=1)
    return np.linalg.norm(a[:, LIPS, :2] - b[:, LIPS, :2], axis=2).mean(1) / eyes


def blink_events(lids: np.ndarray) -> list[tuple[int, int]]:
    """Runs (first, last) of frames whose lid opening falls below `CLOSED` of the open eye, until it is `OPEN` again."""
    level = lids / np.quantile(lids, 0.8)
    events, first = [], None
    for i, value in enumerate(level):
        if first is None and value < CLOSED:
            first = i
        elif first is not None and value > OPEN:
            events.append((first, i - 1))
            first = None
    return [*events, (first, len(level) - 1)] if first is not None else events


def blinks_found(wanted: list[tuple[int, int]], seen: list[tuple[int, int]], near: int) -> int:
    """How many of the wanted events overlap a seen one, `near` frames allowed."""
    return sum(any(a - near <= d and c <= b + near for c, d in seen) for a, b in wanted)


def compare(clip: np.ndarray, drawn: np.ndarray, fps: float) -> dict[str, Any]:
    """Figures of the drawn meshes against the clip's, both (T, 478, 3)."""
    still = np.repeat(clip[:1], len(clip), axis=0)
    upright, upright_drawn = (align(m, clip[0]).undo(m) for m in (clip, drawn))
    real, made = measure(upright), measure(upright_drawn)
    wanted = blink_events(real.lids)
    turned = to_degrees(align(clip, clip[0]).rotation) - to_degrees(align(drawn, clip[0]).rotation)
    return {
        "placed": float(lip_error(drawn, clip, False).mean()),
        "placed_still": float(lip_error(still, clip, False).mean()),
        "aligned": float(lip_error(drawn, clip, True).mean()),
        "aligned_still": float(lip_error(still, clip, True).mean()),
        "opening": float(np.corrcoef(real.gap, made.gap)[0, 1]),
        "blinks": len(wanted),
        "blinks_found": blinks_found(wanted, blink_events(made.lids), round(NEAR_S * fps)),
        "pose_deg": float(np.sqrt((turned**2).mean())),
    }


def crops(drawing: Drawing, chunks: Iterable[Motion]) -> Iterator[DrawnCrop]:
    """What a drawing makes of a whole motion."""
    for chunk in chunks:
        for at in range(0, len(chunk), drawing.batch):
            yield from drawing.draw(chunk[at : at + drawing.batch])
    yield from drawing.finish()


def reenact(path: Path, name: str, sheets: Path | None) -> Result:
    """Drive the clip's first frame by the clip and measure."""
    renderer = select(Settings(renderer=name)).renderer  # type: ignore[arg-type]
    with VideoReader(path) as video:
        first = Image(next(iter(video)), name=path.name)
        fps = float(video.fps)
    portrait = renderer.crop(first, find_face(first))

    begin = time.process_time()
    driving = tracked_video(path, portrait=portrait.face)
    chunks = list(driving)
    tracked = time.process_time()
    drawn = [paste_back(first.pixels, crop) for crop in crops(renderer.open(portrait), chunks)]
    rendered = time.process_time()
    started = time.perf_counter()
    with ahead(driving) as motions:
        for crop in crops(renderer.open(portrait), motions):
            paste_back(first.pixels, crop)
    together = time.perf_counter()

    with VideoReader(path) as video:
        clip = meshes(itertools.islice(iter(video), len(drawn)))
    measured = meshes(iter(drawn))
    if sheets:
        write_sheet(sheets / f"{path.stem}.png", path, drawn)
    n = len(drawn)
    return Result(
        clip=path.name, frames=n, **compare(clip[:n], measured, fps), tracking_cpu_ms=1000 * (tracked - begin) / n,
        drawing_cpu_ms=1000 * (rendered - tracked) / n, together_fps=n / (together - started),
    )  # fmt: skip


def write_sheet(out: Path, path: Path, drawn: list[Pixels], columns: int = 12) -> None:
    """Frames of the clip above the same frames as drawn."""
    import cv2

    picked = np.linspace(0, len(drawn) - 1, columns).astype(int)
    with VideoReader(path) as video:
        real = {i: pixels for i, pixels in enumerate(video) if i in set(picked.tolist())}
    height = 220
    rows = [
        np.hstack(
            [cv2.resize(frames[i], (round(frames[i].shape[1] * height / frames[i].shape[0]), height)) for i in picked]
        )
        for frames in (real, drawn)
    ]
    out.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out), np.vstack(rows)[:, :, ::-1])


def table(results: list[Result]) -> str:
    """The results as a Markdown table."""
    head = ("clip", "frames", "lip error placed / still", "ratio", "aligned / still", "ratio", "opening r", "blinks",
            "pose °", "track ms", "draw ms", "both fps")  # fmt: skip
    rows = [
        (r.clip, str(r.frames), f"{r.placed:.3f} / {r.placed_still:.3f}", f"{r.placed / r.placed_still:.2f}",
         f"{r.aligned:.3f} / {r.aligned_still:.3f}", f"{r.aligned / r.aligned_still:.2f}", f"{r.opening:.3f}",
         f"{r.blinks_found}/{r.blinks}", f"{r.pose_deg:.1f}", f"{r.tracking_cpu_ms:.1f}", f"{r.drawing_cpu_ms:.1f}",
         f"{r.together_fps:.0f}")
        for r in results
    ]  # fmt: skip
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ("---",) * len(head), *rows])


def main() -> None:
    """Parse the command line, measure every clip, print the table."""
    parser = argparse.ArgumentParser(description="Self-reenactment of every clip in a folder.")
    parser.add_argument("clips", type=Path, nargs="+", help="video files, or folders of them")
    parser.add_argument("--renderer", default="warp")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--sheets", type=Path, help="also write contact sheets into this folder")
    options = parser.parse_args()
    paths = [p for place in options.clips for p in (sorted(place.iterdir()) if place.is_dir() else [place])]
    results = []
    for path in paths:
        if path.suffix.lower() not in SUFFIXES:
            continue
        try:
            results.append(reenact(path, options.renderer, options.sheets))
        except TalkingHeadError as error:
            print(f"{path.name}: {error}")
            continue
        print(table(results[-1:]).splitlines()[-1], flush=True)
    print(table(results))
    if options.json:
        options.json.write_text(json.dumps([asdict(r) for r in results], indent=1))


if __name__ == "__main__":
    main()
