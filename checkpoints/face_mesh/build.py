"""Remake detector.onnx, mesh.onnx and person.onnx from the wheel in which their networks were published.

    python checkpoints/face_mesh/build.py [--wheel FILE] [--out FOLDER]

Needs numpy, onnx, onnxruntime, flatbuffers and pip. Downloads the wheel mediapipe-0.10.21 from the package index that
pip is set up with (35.6 MB, checked by its sha256; the wheel is opened, not installed), converts three of its networks,
compares what they answer with `reference.npz`, and writes them: the same bytes every time.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from convert import Converter, refined_points
from pictures import pictures
from tflite import Graph, read

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))
from wheels import contents, download  # noqa: E402

VERSION, SHA256 = "0.10.21", "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"
DETECTOR = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
MESH = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
PERSON = "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite"
ANCHOR_STEP = 9  # `reference.npz` holds the boxes of every ninth anchor
PERSON_STEP = 8  # and every eighth pixel of every eighth row
TOLERANCE = 5e-3  # in pixels of the networks' inputs, or in logits; half a per mille of a pupil distance

Floats = npt.NDArray[np.float32]


def networks(wheel: Path) -> tuple[Graph, Graph, Graph]:
    """Detector, mesh and person, as published.

    Raises:
        SystemExit: the wheel is not the published one.
    """
    detector, mesh, person = contents(wheel, SHA256, DETECTOR, MESH, PERSON)
    return read(detector), read(mesh), read(person)


def detector(graph: Graph) -> onnx.ModelProto:
    """`pixels` (n, 128, 128, 3) uint8 RGB -> `boxes` (n, 896, 16), `scores` (n, 896): offsets from anchors, logits."""
    made = Converter(graph, 2 / 255, -1.0)
    boxes, scores = (made.value(number) for number in graph.outputs)
    made.node("Identity", boxes, out="boxes")
    made.node("Squeeze", scores, made.integers(2), out="scores")
    return made.model("face_detection_short_range", [("boxes", ("n", 896, 16)), ("scores", ("n", 896))], 128)


def mesh(graph: Graph) -> onnx.ModelProto:
    """`pixels` (n, 192, 192, 3) uint8 RGB -> `points` (n, 478, 3), `presence` (n,).

    Points are x, y, z in pixels of the crop, counted from its left and upper edge; `presence` is a logit. Lips, eyes
    and irises, which parts of the network look at more closely, replace the mesh's own x and y; an iris has the mean z
    of its eye.
    """
    made = Converter(graph, 1 / 255, 0.0)
    names = {tensor.name: number for number, tensor in enumerate(graph.tensors)}
    whole = made.node("Reshape", made.value(names["output_mesh_identity"]), made.integers(0, 468, 3))
    parts = [
        made.node("Reshape", made.value(names[f"output_{part}"]), made.integers(0, -1, 2))
        for part in ("lips", "left_eye", "right_eye", "left_iris", "right_iris")
    ]
    lips, left, right = refined_points(graph)
    source = np.arange(478)
    begin = 468
    for indices in (lips, left, right, range(468, 473), range(473, 478)):
        source[list(indices)] = np.arange(begin, begin + len(indices))
        begin += len(indices)
    two, three = made.integers(2), made.integers(3)
    xy = made.node("Concat", made.node("Slice", whole, made.integers(0), two, two), *parts, axis=1)
    z = made.node("Slice", whole, two, three, two)
    depths = [  # an eye's first 16 points are the rim of its opening
        made.node("ReduceMean", made.node("Gather", z, made.integers(*eye[:16]), axis=1), axes=[1], keepdims=1)
        for eye in (left, right)
    ]
    all_z = made.node("Concat", z, *(depth for depth in depths for _ in range(5)), axis=1)
    made.node("Concat", made.node("Gather", xy, made.integers(*source), axis=1), all_z, axis=2, out="points")
    made.node("Reshape", made.value(names["conv_faceflag"]), made.integers(-1), out="presence")
    return made.model("face_landmark_with_attention", [("points", ("n", 478, 3)), ("presence", ("n",))], 192)


def person(graph: Graph) -> onnx.ModelProto:
    """`pixels` (n, 256, 256, 3) uint8 RGB -> `person` (n, 256, 256): 0 to 1, how surely a pixel is a person's."""
    made = Converter(graph, 1 / 255, 0.0)
    made.node("Squeeze", made.value(graph.outputs[0]), made.integers(1), out="person")
    return made.model("selfie_segmentation", [("person", ("n", 256, 256))], 256)


def answers(model: onnx.ModelProto, images: npt.NDArray[np.uint8]) -> list[Floats]:
    """What a built network says, all pictures in one batch."""
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read at the import: nothing is sent to its makers
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return [np.asarray(out, np.float32) for out in session.run(None, {"pixels": images})]


def expected_points(reference: dict[str, Floats], graph: Graph) -> Floats:
    """The published network's outputs, put together here a second time: (n, 478, 3)."""
    lips, left, right = refined_points(graph)
    n = len(reference["mesh"])
    points = np.zeros((n, 478, 3), np.float32)
    points[:, :468] = reference["mesh"].reshape(n, 468, 3)
    irises = {"left_iris": list(range(468, 473)), "right_iris": list(range(473, 478))}
    for part, indices in {"lips": lips, "left_eye": left, "right_eye": right, **irises}.items():
        points[:, indices, :2] = reference[part].reshape(n, -1, 2)
    for part, eye in (("left_iris", left), ("right_iris", right)):
        points[:, irises[part], 2] = points[:, eye[:16], 2].mean(1, keepdims=True)
    return points


def check(found: onnx.ModelProto, meshes: onnx.ModelProto, people: onnx.ModelProto, graph: Graph) -> None:
    """Compare with `reference.npz`.

    Raises:
        SystemExit: a network answers something else than the published one.
    """
    with np.load(HERE / "reference.npz") as content:
        reference = {name: content[name] for name in content.files}
    boxes, scores = answers(found, pictures(128))
    points, presence = answers(meshes, pictures(192))
    pairs = {
        "boxes": (boxes[:, ::ANCHOR_STEP], reference["regressors"]),
        "scores": (scores, reference["classificators"]),
        "points": (points, expected_points(reference, graph)),
        "presence": (presence, reference["flag"][:, 0]),
        "person": (answers(people, pictures(256))[0][:, ::PERSON_STEP, ::PERSON_STEP], reference["person"]),
    }
    for name, (mine, theirs) in pairs.items():
        farthest = float(np.abs(mine - theirs).max())
        print(f"{name}: at most {farthest:.1e} from the published network")
        if not farthest <= TOLERANCE:
            raise SystemExit(f"{name} differ by {farthest:g}, more than {TOLERANCE:g}: nothing is written")


def main() -> None:
    """Build, compare, write."""
    parser = argparse.ArgumentParser(description="Remake the ONNX files from mediapipe's wheel.")
    parser.add_argument("--wheel", type=Path, help="the wheel, where it lies here already")
    parser.add_argument("--out", type=Path, default=HERE, help="where to write (default: beside this script)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = options.wheel or download(f"mediapipe=={VERSION}", "3.11", "manylinux_2_28_x86_64", Path(folder))
        graphs = networks(wheel)
    made = {"detector.onnx": detector(graphs[0]), "mesh.onnx": mesh(graphs[1]), "person.onnx": person(graphs[2])}
    check(made["detector.onnx"], made["mesh.onnx"], made["person.onnx"], graphs[1])
    for name, model in made.items():
        content = model.SerializeToString(deterministic=True)
        (options.out / name).write_bytes(content)
        print(f"{name}: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
