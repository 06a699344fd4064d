"""Remake encoder.onnx from the wheel in which Moonshine's encoder was published.

    python checkpoints/moonshine/build.py [--wheel FILE] [--out FOLDER] [--reference]

Needs numpy, onnx, onnxruntime and pip. Downloads the wheel moonshine-voice 0.0.73 from the package index that pip is
set up with (56.3 MB, checked by its sha256; the wheel is opened, not installed), converts the first three layers of
its tiny English encoder, compares what they answer with `reference.npz`, and writes them: the same bytes every time.
`--reference` writes that file anew, from what the published encoder itself answers.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np
import numpy.typing as npt
import onnx
from convert import SIZE, Published, encoder
from onnx import TensorProto, helper

HERE = Path(__file__).parent
sys.path.append(str(HERE.parent))
from wheels import contents, download  # noqa: E402

VERSION, SHA256 = "0.0.73", "6461c8097ed78d054c46b4c821143008a07b5fa1f4169674493ccfa06c1407db"
PYTHON, PLATFORM = "3.12", "manylinux_2_34_x86_64"
ENCODER = "moonshine_voice/assets/tiny-en/encoder_model.ort"
ENCODER_SHA256 = "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221"
LAYERS = 3
PUBLISHED = {2: "/layers.1/Add_1_output_0", 3: "/layers.2/Add_1_output_0"}  # what is told of them
TOLERANCE = 0.05  # root mean square of the difference over that of the features: activations have eight bits
KEPT = 4  # `reference.npz` holds every fourth frame

Floats = npt.NDArray[np.float32]


def sound() -> Floats:
    """Two seconds at 16 kHz: a voice-like tone that glides, with harmonics that come and go, then noise."""
    time_s = np.arange(32000) / 16000
    phase = 2 * np.pi * np.cumsum(130 + 40 * np.sin(3 * time_s)) / 16000
    voice = sum(np.sin(k * phase) * (0.5 + 0.5 * np.sin(2 * time_s * k)) / k for k in range(1, 25))
    noise = np.random.default_rng(0).standard_normal(len(time_s)) * (time_s > 1.5)
    return np.asarray(0.1 * voice * np.sin(9 * time_s) ** 2 + 0.03 * noise, np.float32)


def runtime() -> ModuleType:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read at the import: nothing is sent to its makers
    import onnxruntime

    module: ModuleType = onnxruntime
    return module


def published(stored: bytes) -> onnx.ModelProto:
    """The published encoder, which is in ONNX Runtime's own format, as ONNX.

    Raises:
        SystemExit: it is another encoder.
    """
    found = hashlib.sha256(stored).hexdigest()
    if found != ENCODER_SHA256:
        raise SystemExit(f"{ENCODER} has sha256 {found}, not {ENCODER_SHA256}")
    ort = runtime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.save_model_format", "ONNX")
    with tempfile.TemporaryDirectory() as folder:
        options.optimized_model_filepath = str(Path(folder) / "encoder.onnx")
        ort.InferenceSession(stored, options, providers=["CPUExecutionProvider"])
        return onnx.load(options.optimized_model_filepath)


def answer(model: onnx.ModelProto, output: str, inputs: dict[str, npt.NDArray[np.generic]]) -> Floats:
    """One output (T, 288) of a network."""
    ort = runtime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run([output], inputs)[0], np.float32).reshape(-1, SIZE)


def expected(model: onnx.ModelProto, layer: int) -> Floats:
    """Every fourth frame (T, 288) of what the published encoder answers."""
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    whole.graph.output.append(helper.make_tensor_value_info(PUBLISHED[layer], TensorProto.FLOAT, None))
    heard = sound()[None]
    given = {"input_values": heard, "attention_mask": np.ones(heard.shape, np.int64)}
    return answer(whole, PUBLISHED[layer], given)[::KEPT]


def check(made: onnx.ModelProto) -> None:
    """Compare with `reference.npz`.

    Raises:
        SystemExit: the network answers something else than the published one.
    """
    shapes = {"heard": (0, 2), "before": (0, SIZE), "past": (2 * LAYERS, 0, SIZE)}
    none = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    for layer in PUBLISHED:
        with np.load(HERE / "reference.npz") as content:
            wanted = content[f"layer_{layer}"].astype(np.float32)
        found = answer(made, f"layer_{layer}", {"sound": sound(), **none})[::KEPT]
        difference = float(np.sqrt(np.mean((found - wanted) ** 2) / np.mean(wanted**2)))
        print(f"layer {layer}: {100 * difference:.1f} % from the published encoder: both round activations")
        if not difference <= TOLERANCE:
            raise SystemExit(f"that is more than {100 * TOLERANCE:g} %: nothing is written")


def main() -> None:
    """Build, compare, write."""
    parser = argparse.ArgumentParser(description="Remake encoder.onnx from moonshine-voice's wheel.")
    parser.add_argument("--wheel", type=Path, help="the wheel, where it lies here already")
    parser.add_argument("--out", type=Path, default=HERE, help="where to write (default: beside this script)")
    parser.add_argument("--reference", action="store_true", help="write reference.npz anew first")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        wheel = options.wheel or download(f"moonshine-voice=={VERSION}", PYTHON, PLATFORM, Path(folder))
        (stored,) = contents(wheel, SHA256, ENCODER)
    model = published(stored)
    if options.reference:
        answers = {f"layer_{layer}": expected(model, layer).astype(np.float16) for layer in PUBLISHED}
        np.savez_compressed(HERE / "reference.npz", **answers)
    made = encoder(Published.of(model), LAYERS)
    onnx.checker.check_model(made, full_check=True)
    check(made)
    content = made.SerializeToString(deterministic=True)
    (options.out / "encoder.onnx").write_bytes(content)
    print(f"encoder.onnx: {len(content)} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
