"""Videos of people who speak: their sound, and their faces by a face tracker that another package brings.

talkinghead, which this package does not know, registers its own (MediaPipe's face mesh) as an entry point.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from audio2motion.errors import Audio2MotionError

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

# Entry points of this group make something with `FaceTracker`'s one method, without arguments.
FACE_TRACKERS = "audio2motion.face_trackers"
SAMPLE_RATE_HZ = 16000
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".m4v"})
# How ffmpeg says that nothing of a file is asked for.
_NO_TRACK = "does not contain any stream"
# No microphone is so quiet: the track was muted.
_SILENT = 1e-4
# Points of the mesh.
INNER_UPPER, INNER_LOWER, CORNER_A, CORNER_B, NOSE, CHIN, EYE_A, EYE_B = 13, 14, 78, 308, 2, 152, 33, 263


class TrackedFace(Protocol):
    """A face in one frame."""

    @property
    def landmarks(self) -> Floats:
        """Points of MediaPipe's face mesh (478, 3), in pixels."""


class FaceTracker(Protocol):
    """Follows the largest face of a video."""

    def track(self, pixels: npt.NDArray[np.uint8]) -> TrackedFace | None:
        """The face in the next frame (H, W, 3) RGB; None where there is none."""


def face_tracker() -> FaceTracker:
    """A new tracker, of whatever package brings one; Audio2MotionError where none does."""
    for point in sorted(entry_points(group=FACE_TRACKERS), key=lambda point: point.name):
        tracker: FaceTracker = point.load()()
        return tracker
    raise Audio2MotionError("measuring faces needs a face tracker, and none is installed: pip install talkinghead")


def read_sound(path: Path) -> Floats:
    """A video's first audio track, mono at 16 kHz, from the file's beginning on: silent where it starts later.

    Raises Audio2MotionError where there is none that can be read, or nothing to hear in it.
    """
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-vn",
               "-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", str(SAMPLE_RATE_HZ),
               "-f", "f32le", "-"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode("utf-8", "replace").strip()
        if not said or _NO_TRACK in said:
            raise Audio2MotionError(f"{path.name} has no sound: give a clip of somebody who is heard speaking")
        raise Audio2MotionError(f"{path.name} has no sound that can be read: {said.splitlines()[0]}")
    samples: Floats = np.frombuffer(done.stdout, np.float32).copy()
    if not np.abs(samples).max() > _SILENT:
        raise Audio2MotionError(f"{path.name} is silent: give a clip of somebody who is heard speaking")
    return samples


def measure_frames(path: Path, measure: Callable[[Doubles], Sequence[float]], count: int) -> tuple[Doubles, float]:
    """What `measure` makes of the face in every frame: (T, count), NaN where there is none, and the frame rate.

    Where the rate varies, as phones' does, frames are repeated and left out so that row k shows k / rate seconds.
    `measure` is handed mesh points (478, 3) in pixels and gives `count` numbers. Raises Audio2MotionError where the
    file is no video or shows no face at all.
    """
    import cv2

    tracker = face_tracker()
    capture = cv2.VideoCapture(str(path))
    try:
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        if not capture.isOpened() or not fps > 0:
            raise Audio2MotionError(f"{path.name} cannot be read as a video")
        rows: list[Sequence[float]] = []
        times_s: list[float] = []
        while True:
            there, frame = capture.read()
            if not there:
                break
            times_s.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
            face = tracker.track(np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), np.uint8))
            rows.append(measure(face.landmarks.astype(np.float64)) if face else (np.nan,) * count)
    finally:
        capture.release()
    measured = np.array(rows, np.float64).reshape(-1, count)
    if not np.isfinite(measured).any():
        raise Audio2MotionError(f"{path.name} shows no face")
    return measured[even_frames(np.array(times_s), fps)], fps


def even_frames(times_s: Doubles, fps: float) -> npt.NDArray[np.intp]:
    """Which of the frames that begin at `times_s` (T,) is seen at each k / `fps` seconds.

    All of them in turn where they are within half a frame of their places, or where their times tell nothing.
    """
    since_s = times_s - times_s[0]
    as_they_are = np.arange(len(times_s))
    if (np.abs(since_s - as_they_are / fps) <= 0.5 / fps).all() or not (np.diff(since_s) > 0).all():
        return as_they_are
    at_s = np.arange(round(float(since_s[-1]) * fps) + 1) / fps
    return np.asarray(np.searchsorted(since_s, at_s + 1e-6, side="right") - 1, np.intp)


def distance(points: Doubles, a: int, b: int) -> float:
    """Between two of the mesh's points."""
    return float(np.linalg.norm(points[a] - points[b]))
