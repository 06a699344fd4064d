"""Videos of people who speak: their sound, and their faces by MediaPipe's face mesh."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audio2motion.errors import Audio2MotionError

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

SAMPLE_RATE_HZ = 16000
VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".m4v"})
# Points of the mesh.
INNER_UPPER, INNER_LOWER, CORNER_A, CORNER_B, NOSE, CHIN, EYE_A, EYE_B = 13, 14, 78, 308, 2, 152, 33, 263


def read_sound(path: Path) -> Floats:
    """A video's first audio track, mono at 16 kHz; Audio2MotionError where there is none that can be read."""
    import imageio_ffmpeg

    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(path), "-vn", "-ac", "1",
               "-ar", str(SAMPLE_RATE_HZ), "-f", "f32le", "-"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0 or not done.stdout:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise Audio2MotionError(f"{path.name} has no sound that can be read: {reason[-1] if reason else 'no track'}")
    return np.frombuffer(done.stdout, np.float32).copy()


def measure_frames(path: Path, measure: Callable[[Doubles], Sequence[float]], count: int) -> tuple[Doubles, float]:
    """What `measure` makes of the face in every frame: (T, count), NaN where there is none, and the frame rate.

    `measure` is handed mesh points (478, 3) in pixels and gives `count` numbers. Raises Audio2MotionError where the
    file is no video or shows no face at all.
    """
    import cv2
    import mediapipe as mp

    capture = cv2.VideoCapture(str(path))
    try:
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        if not capture.isOpened() or not fps > 0:
            raise Audio2MotionError(f"{path.name} cannot be read as a video")
        rows: list[Sequence[float]] = []
        with mp.solutions.face_mesh.FaceMesh(max_num_faces=1, refine_landmarks=True) as mesh:
            while True:
                there, frame = capture.read()
                if not there:
                    break
                found = mesh.process(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)).multi_face_landmarks
                size = np.array([frame.shape[1], frame.shape[0], frame.shape[1]])
                rows.append(
                    measure(np.array([(p.x, p.y, p.z) for p in found[0].landmark]) * size)
                    if found
                    else (np.nan,) * count
                )
    finally:
        capture.release()
    measured = np.array(rows, np.float64).reshape(-1, count)
    if not np.isfinite(measured).any():
        raise Audio2MotionError(f"{path.name} shows no face")
    return measured, fps


def distance(points: Doubles, a: int, b: int) -> float:
    """Between two of the mesh's points."""
    return float(np.linalg.norm(points[a] - points[b]))
