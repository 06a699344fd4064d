"""How often `talkinghead.faces.mouth` sees that something covers a mouth, and how often it is wrong.

    python -m benchmarks.mouth_covers.evaluate [PERSON=]FILE ... [--fit] [--seeds N] [--processes N]

FILE is a picture, whose every face is used, or a video, of which some frames are. Files of one PERSON stay together; a
file without one is a person of its own. Covers are drawn over each face, twice each, and changes that must not be taken
for covers are made to it; then the mesh is laid again, as it would be in such a picture.

People are divided into two halves. `--fit` chooses pattern, weights and threshold on the first half, such that none of
its uncovered mouths would be taken for covered, with a margin, and prints them for `faces/mouth.py`. Without it, what
stands there is used. The figures of both halves are printed; the second one's count.
"""

from __future__ import annotations

import argparse
import itertools
import zlib
from collections.abc import Iterator
from multiprocessing import Pool
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.mouth_covers.changes import CHANGES
from benchmarks.mouth_covers.covers import COVERS, PARTIAL
from talkinghead.core.errors import FaceError
from talkinghead.core.types import Face, Floats, Image, Pixels
from talkinghead.faces import FaceTracker, find_face, find_faces, mouth
from talkinghead.faces.following import settled
from talkinghead.faces.geometry import pupil_distance
from talkinghead.media.containers import is_video
from talkinghead.media.images import read_image
from talkinghead.media.video import VideoReader

Array = npt.NDArray[np.float64]
_EVERY, _FRAMES = 80, 5
_SIDE_PX, _FACES = 384, 2.4
_TURNED = ("on its side", "leaning")
# Of the first half's uncovered mouths at most this share is taken for covered, before a margin (in log-odds).
_FALSE, _MARGIN = 0.001, 0.5


class Job(NamedTuple):
    """A face and what is done to it."""

    person: str
    name: str
    pixels: Pixels
    face: Face
    kind: str
    seed: int


class Seen(NamedTuple):
    """What was measured: the rows across the mouth, the unrest (logarithm), and the distance of the pupils."""

    person: str
    kind: str
    rows: Floats
    unrest: float
    pupils_px: float

    @property
    def judged(self) -> bool:
        """Whether the face is large enough to be judged."""
        return self.pupils_px >= mouth.SMALLEST_PX


def faces_in(person: str, path: Path) -> Iterator[tuple[str, str, Pixels, Face]]:
    """(person, name, picture, face): every face of a picture, some frames of a video."""
    if not is_video(path):
        image = read_image(path)
        for number in range(1, len(find_faces(image)) + 1):
            own = person or (path.stem if number == 1 else f"{path.stem} {number}")
            yield own, f"{path.name} {number}", *close_up(image.pixels, find_face(image, number))
        return
    with VideoReader(path) as reader:
        tracker = FaceTracker()
        for number, pixels in enumerate(itertools.islice(reader, _EVERY * _FRAMES)):
            face = tracker.track(pixels)
            if face is not None and number % _EVERY == 0:
                yield person or path.stem, f"{path.name} {number}", *close_up(pixels, face)


def close_up(pixels: Pixels, face: Face) -> tuple[Pixels, Face]:
    """What is around a face, at most `_SIDE_PX` wide."""
    x, y, width, height = face.box
    side = _FACES * max(width, height)
    scale = min(1.0, _SIDE_PX / side)
    size = round(side * scale)
    middle = np.array([x + width / 2, y + height / 2])
    matrix = np.column_stack([np.eye(2) * scale, size / 2 - scale * middle])
    return cv2.warpAffine(pixels, matrix, (size, size), flags=cv2.INTER_AREA), face.moved(matrix)


def measure(job: Job) -> Seen | None:
    """One face, covered or changed, its mesh laid anew; None where it is not found any more."""
    rng = np.random.default_rng(zlib.crc32(f"{job.person}/{job.name}/{job.kind}/{job.seed}".encode()))
    pixels = {**COVERS, **PARTIAL, **CHANGES}[job.kind](job.pixels, job.face, rng)
    if job.kind in _TURNED:
        try:
            face = find_face(Image(pixels))
        except FaceError:
            return None
    else:
        off = np.append(rng.normal(0, 0.06 * pupil_distance(job.face.landmarks), 2), 0)
        face = settled(pixels, Face((job.face.landmarks + off).astype(np.float32)))
    rows = mouth.mouth_rows(pixels, face)
    unrest = mouth.evidence(pixels, face, rows).unrest
    return Seen(job.person, job.kind, rows, unrest, pupil_distance(face.landmarks))


def jobs_of(words: list[str], seeds: int) -> list[Job]:
    """Everything that is to be measured."""
    found = []
    for word in words:
        person, _, file = word.rpartition("=")
        found += list(faces_in(person, Path(file)))
    kinds = [(kind, seed) for kind in [*COVERS, *PARTIAL] for seed in range(seeds)] + [(kind, 0) for kind in CHANGES]
    return [Job(*face, kind, seed) for face in found for kind, seed in kinds]


def features(seen: list[Seen]) -> Array:
    """(n, 3): unrest, pattern, contrast, as `Evidence` weighs them."""
    return np.array([(item.unrest, mouth.pattern_of(item.rows), np.log(item.rows[..., 0].std() + 1)) for item in seen])


def choose(seen: list[Seen]) -> None:
    """Pattern, weights and threshold from one half of the people, set in `mouth` and printed."""
    bare = np.stack([item.rows for item in seen if item.kind in CHANGES]).mean(2)
    middle = np.median(bare, axis=0)
    mouth.LIGHT, mouth.RED = (np.round(middle[:, c].astype(np.float64) - middle[:, c].mean(), 1) for c in (0, 1))
    chosen = [item for item in seen if item.kind not in PARTIAL and item.judged]
    x, covered = features(chosen), np.array([item.kind in COVERS for item in chosen])
    weights = _logistic(x, covered)
    against = x @ weights
    constant = -float(np.quantile(against[~covered], 1 - _FALSE)) - _MARGIN
    mouth.WEIGHTS = (*(round(float(w), 3) for w in weights), round(constant, 3))
    for name in ("LIGHT", "RED", "WEIGHTS"):
        print(f"{name} = {tuple(np.asarray(getattr(mouth, name), np.float64).round(3).tolist())}")


def _logistic(x: Array, y: npt.NDArray[np.bool_], decay: float = 1e-2, steps: int = 40) -> Array:
    """Weights (d,) of a logistic regression in which both kinds count alike, by Newton's method."""
    mean, spread = x.mean(0), x.std(0)
    z = np.column_stack([(x - mean) / spread, np.ones(len(x))])
    share, w = np.where(y, 0.5 / y.sum(), 0.5 / (~y).sum()), np.zeros(z.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-z @ w))
        slope = z.T @ (share * (p - y)) + decay * w
        w -= np.linalg.solve((z * (share * p * (1 - p))[:, None]).T @ z + decay * np.eye(len(w)), slope)
    return np.asarray(w[:-1] / spread)


def told(seen: list[Seen]) -> dict[str, tuple[int, int]]:
    """(taken for covered, all) of each kind of thing that was done."""
    x = features(seen)
    weights, constant = np.array(mouth.WEIGHTS[:-1]), mouth.WEIGHTS[-1]
    covered = (x @ weights + constant > 0) & (x[:, 1] < mouth.CLEAR)
    out: dict[str, tuple[int, int]] = {}
    for item, yes in zip(seen, covered, strict=True):
        hit, many = out.get(item.kind, (0, 0))
        out[item.kind] = hit + bool(yes and item.judged), many + 1
    return out


def show(title: str, seen: list[Seen]) -> None:
    """The figures of some people."""
    counted = told(seen)
    print(f"\n{title}: {len({item.person for item in seen})} people")
    for name, kinds in (("covered", COVERS), ("partly covered", PARTIAL), ("not covered", CHANGES)):
        hit, many = (sum(counted[kind][i] for kind in kinds) for i in (0, 1))
        print(f"  {name}: {hit} of {many} taken for covered ({100 * hit / many:.1f} %)")
        print("    " + ", ".join(f"{kind} {counted[kind][0]}/{counted[kind][1]}" for kind in kinds))


def main() -> None:
    """Draw, measure, count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", metavar="[PERSON=]FILE")
    parser.add_argument("--fit", action="store_true", help="choose the figures of faces/mouth.py anew")
    parser.add_argument("--seeds", type=int, default=2, metavar="N", help="of each cover [default: 2]")
    parser.add_argument("--processes", type=int, default=2, metavar="N", help="[default: 2]")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    jobs = jobs_of(arguments.files, arguments.seeds)
    with Pool(arguments.processes) as pool:
        seen = [item for item in pool.map(measure, jobs, chunksize=8) if item is not None]
    print(f"{len(jobs)} pictures, in {len(seen)} of which a face is found")
    people = sorted({item.person for item in seen})
    halves = [[item for item in seen if people.index(item.person) % 2 == half] for half in (0, 1)]
    if arguments.fit:
        choose(halves[0])
    show("first half" + (", on which it was chosen" if arguments.fit else ""), halves[0])
    show("second half", halves[1])


if __name__ == "__main__":
    main()
