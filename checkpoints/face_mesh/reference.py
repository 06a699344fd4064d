"""Remake reference.npz: what the published networks themselves answer, run by MediaPipe 0.10.21.

    python checkpoints/face_mesh/reference.py [OUT.npz]

Needs an environment of its own with mediapipe==0.10.21, whose wheel holds the networks, their custom operators and
TensorFlow Lite. The pictures are those of `pictures.py`; outputs are rounded to 4 decimals.
"""

from __future__ import annotations

import sys
from pathlib import Path

import mediapipe as mp
import numpy as np
import numpy.typing as npt
from mediapipe.python._framework_bindings import resource_util
from pictures import pictures

OUT = Path(__file__).with_name("reference.npz")
MESH = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
DETECTOR = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
PERSON = "mediapipe/modules/selfie_segmentation/selfie_segmentation.tflite"
# Boxes are kept of every ninth anchor: of each kind some, and enough to see that all are right.
ANCHOR_STEP, PERSON_STEP = 9, 8
MESH_OUTPUTS = ("mesh", "lips", "left_eye", "right_eye", "left_iris", "right_iris", "flag")
DETECTOR_OUTPUTS = ("regressors", "classificators")

_GRAPH = """
input_stream: "image"
{streams}
node {{ calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:resolver" }}
node {{
  calculator: "ImageToTensorCalculator" input_stream: "IMAGE:image" output_stream: "TENSORS:taken"
  options {{ [mediapipe.ImageToTensorCalculatorOptions.ext] {{
    output_tensor_width: {size} output_tensor_height: {size} output_tensor_float_range {{ min: {low} max: 1 }} }} }}
}}
node {{
  calculator: "InferenceCalculator" input_stream: "TENSORS:taken" output_stream: "TENSORS:given"
  input_side_packet: "OP_RESOLVER:resolver"
  options {{ [mediapipe.InferenceCalculatorOptions.ext] {{ model_path: "{model}" delegate {{ xnnpack {{}} }} }} }}
}}
node {{
  calculator: "SplitTensorVectorCalculator" input_stream: "given" {split}
  options {{ [mediapipe.SplitVectorCalculatorOptions.ext] {{ {ranges} }} }}
}}
{floats}
"""


def answers(model: str, size_px: int, low: int, names: tuple[str, ...]) -> dict[str, npt.NDArray[np.float32]]:
    """Every output of a network for every picture, (n, values) each."""
    text = _GRAPH.format(
        streams="\n".join(f'output_stream: "{name}"' for name in names), size=size_px, low=low, model=model,
        split=" ".join(f'output_stream: "tensor_{name}"' for name in names),
        ranges=" ".join(f"ranges {{ begin: {n} end: {n + 1} }}" for n in range(len(names))),
        floats="\n".join(
            f'node {{ calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:tensor_{name}" '
            f'output_stream: "FLOATS:{name}" }}' for name in names
        ),
    )  # fmt: skip
    seen: dict[str, list[list[float]]] = {name: [] for name in names}
    graph = mp.CalculatorGraph(graph_config=text)
    for name in names:
        graph.observe_output_stream(
            name, lambda stream, packet: seen[stream].append(mp.packet_getter.get_float_list(packet))
        )
    graph.start_run()
    for time, picture in enumerate(pictures(size_px)):
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
        graph.add_packet_to_input_stream("image", mp.packet_creator.create_image(image).at(time))
        graph.wait_until_idle()
    graph.close()
    return {name: np.array(values, np.float32) for name, values in seen.items()}


def main() -> None:
    """Write the file."""
    resource_util.set_resource_dir(str(Path(mp.__file__).parents[1]))
    found = answers(MESH, 192, 0, MESH_OUTPUTS) | answers(DETECTOR, 128, -1, DETECTOR_OUTPUTS)
    boxes = found["regressors"].reshape(len(found["regressors"]), -1, 16)
    people = answers(PERSON, 256, 0, ("person",))["person"].reshape(-1, 256, 256)
    found["person"] = np.ascontiguousarray(people[:, ::PERSON_STEP, ::PERSON_STEP])
    found["regressors"] = np.ascontiguousarray(boxes[:, ::ANCHOR_STEP])
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    np.savez_compressed(out, **{name: values.round(4) for name, values in found.items()})
    print({name: values.shape for name, values in found.items()}, f"{out.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
