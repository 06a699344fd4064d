"""MediaPipe's face mesh, loaded when it is first needed."""

from __future__ import annotations

import contextlib
import importlib
from types import TracebackType
from typing import Any

import numpy as np

from talkinghead.core.errors import DependencyError
from talkinghead.core.types import Floats, Pixels


def _solution(name: str) -> Any:
    """A module of mediapipe.solutions.

    Raises:
        DependencyError: mediapipe is missing, or a release without the face mesh.
    """
    try:
        return importlib.import_module(f"mediapipe.python.solutions.{name}")
    except ImportError as error:
        raise DependencyError(
            f"MediaPipe's face mesh cannot be loaded ({error}): install 'mediapipe>=0.10.14,<=0.10.21'"
        ) from error


def tessellation_edges() -> frozenset[tuple[int, int]]:
    """The edges of the mesh's triangles."""
    return frozenset(_solution("face_mesh").FACEMESH_TESSELATION)


class Landmarker:
    """Face meshes of a picture, or, with `video`, of frame after frame of the same place.

    A context manager; not for several threads at once.
    """

    def __init__(self, *, video: bool = False, max_faces: int = 1, confidence: float = 0.5) -> None:
        module = _solution("face_mesh")
        self._graph = module.FaceMesh(
            static_image_mode=not video,
            max_num_faces=max_faces,
            refine_landmarks=True,
            min_detection_confidence=confidence,
            min_tracking_confidence=0.5,
        )

    def meshes(self, pixels: Pixels) -> list[Floats]:
        """One (478, 3) float32 per face, in pixels of `pixels` (H, W, 3) RGB uint8; z in the same unit."""
        height, width = pixels.shape[:2]
        found = self._graph.process(np.ascontiguousarray(pixels)).multi_face_landmarks or []
        # MediaPipe's coordinates run from the picture's left edge to its right edge; ours from pixel centres.
        scale, shift = np.array([width, height, width], np.float32), np.array([0.5, 0.5, 0], np.float32)
        return [np.array([(p.x, p.y, p.z) for p in face.landmark], np.float32) * scale - shift for face in found]

    def forget(self) -> None:
        """Start anew: the next frame has nothing to do with the last one."""
        self._graph.reset()

    def close(self) -> None:
        """Free the graph and its threads."""
        if self._graph is not None:
            self._graph.close()
            self._graph = None

    def __enter__(self) -> Landmarker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        with contextlib.suppress(Exception):
            self.close()


class Scorer:
    """How sure the face detector is that a picture shows an upright face in its middle. A context manager."""

    def __init__(self) -> None:
        module = _solution("face_detection")
        self._graph = module.FaceDetection(model_selection=0, min_detection_confidence=0.1)

    def score(self, pixels: Pixels) -> float:
        """0 (no face) to 1, of (H, W, 3) RGB uint8."""
        found = self._graph.process(np.ascontiguousarray(pixels)).detections or []
        boxes = [(item.score[0], item.location_data.relative_bounding_box) for item in found]
        return max(
            (float(s) for s, b in boxes if b.xmin < 0.5 < b.xmin + b.width and b.ymin < 0.5 < b.ymin + b.height),
            default=0.0,
        )

    def close(self) -> None:
        """Free the graph and its threads."""
        self._graph.close()

    def __enter__(self) -> Scorer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
