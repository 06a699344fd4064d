"""Moonshine's encoder, its first layers alone, as ONNX: raw sound in, one frame of features every 24 ms out.

The matrices keep the eight bits in which they were published; a DequantizeLinear before their use makes them fp32, and
a Cast the convolutions, whose weights are stored in half precision: ONNX Runtime does both once, when it loads the
file. Activations, which the published file also rounds to eight bits, stay in single precision.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET, IR_VERSION = 20, 9
SIZE, HEADS, ROTARY = 288, 8, 32  # channels, heads of 36 channels, and how many of those are rotated
_EPSILON = 1e-5
_FREQUENCIES = "onnx::Expand_202"  # of the rotation, in radians a frame
_PROJECTIONS = ("self_attn/k_proj", "self_attn/q_proj", "self_attn/v_proj", "self_attn/o_proj", "mlp/fc1", "mlp/fc2")

Array = npt.NDArray[np.generic]


@dataclass
class Published:
    """The published encoder: `weights` by name, and by the name of its output what each matrix product takes."""

    weights: dict[str, Array]
    products: dict[str, list[str]] = field(default_factory=dict)

    @staticmethod
    def of(model: onnx.ModelProto) -> Published:
        """Read an ONNX file that ONNX Runtime saved from the published one."""
        weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
        read = Published(weights)
        for node in model.graph.node:
            if node.op_type in ("MatMulIntegerToFloat", "DynamicQuantizeMatMul"):
                (out,) = node.output
                read.products[out] = [name for name in node.input if name in weights]
        return read

    def product(self, layer: int, name: str) -> list[Array]:
        """Matrix (in, out) of uint8, its scale, its zero point, and a bias (out,) where it has one."""
        for end in ("MatMul_output_0", "Add_output_0"):
            if (out := f"/layers.{layer}/{name}/{end}") in self.products:
                return [self.weights[given] for given in self.products[out]]
        raise SystemExit(f"the published encoder has no product {name} in layer {layer}")


class Converter:
    """Collects nodes in their order; names are numbers, so that the file is always the same."""

    def __init__(self, published: Published) -> None:
        self.published = published
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, out: str = "", **attributes: object) -> str:
        """Add a node with one output, and return that output's name."""
        name = out or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"n{len(self.nodes)}", **attributes))
        return name

    def split(self, x: str, count: int) -> list[str]:
        """`x` in `count` equal parts of its first axis."""
        out = [f"split_{len(self.nodes)}_{part}" for part in range(count)]
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node("Split", [x], out, name=name, axis=0, num_outputs=count))
        return out

    def constant(self, value: npt.ArrayLike) -> str:
        """The name of a new initializer."""
        array = np.asarray(value)
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape),
                                                    f"c{len(self.weights)}"))  # fmt: skip
        return self.weights[-1].name

    def ints(self, *values: int) -> str:
        return self.constant(np.array(values, np.int64))

    def half(self, name: str) -> str:
        """A weight of the published encoder, stored in half precision."""
        stored = self.constant(self.published.weights[name].astype(np.float16))
        return self.node("Cast", stored, to=TensorProto.FLOAT)

    def norm(self, x: str, name: str) -> str:
        return self.node("LayerNormalization", x, self.constant(self.published.weights[name]), epsilon=_EPSILON)

    def product(self, x: str, layer: int, name: str) -> str:
        """Rows times one of a layer's matrices, plus its bias."""
        matrix, scale, zero, *bias = (self.constant(value) for value in self.published.product(layer, name))
        out = self.node("MatMul", x, self.node("DequantizeLinear", matrix, scale, zero))
        return self.node("Add", out, *bias) if bias else out

    def convolutions(self, sound: str, heard: str) -> str:
        """Sound (n,) to frames (T, 288) by three convolutions, the first one's columns normalised as one.

        The published encoder takes mean and variance of all columns that it is given; this takes them of these and
        of the columns `heard` (m, 2) before. Output `columns` (n / 64, 2): mean and mean square of each.
        """
        x = self.node("Reshape", sound, self.ints(1, 1, -1))
        x = self.node("Tanh", self.node("Conv", x, self.half("conv1.weight_add_tensor"), strides=[64]))
        x = self.node("Squeeze", x, self.ints(0))
        channels = self.ints(0)
        means = [self.node("ReduceMean", y, channels, keepdims=1) for y in (x, self.node("Mul", x, x))]
        columns = self.node("Transpose", self.node("Concat", *means, axis=0), perm=[1, 0], out="columns")
        known = self.node("ReduceMean", self.node("Concat", heard, columns, axis=0), channels, keepdims=0)
        mean, square = self.split(known, 2)
        variance = self.node("Sub", square, self.node("Mul", mean, mean))
        deviation = self.node("Sqrt", self.node("Add", variance, self.constant(np.float32(_EPSILON))))
        x = self.node("Div", self.node("Sub", x, mean), deviation)
        for kind, name in (("Mul", "onnx::Mul_2080"), ("Add", "onnx::Add_2081")):
            x = self.node(kind, x, self.constant(self.published.weights[name]))
        x = self.node("Unsqueeze", x, self.ints(0))
        for number, stride in ((2, 3), (3, 2)):
            bias = self.constant(self.published.weights[f"conv{number}.bias"])
            x = self.node("Conv", x, self.half(f"conv{number}.weight_add_tensor"), bias, strides=[stride])
            x = self.node("Gelu", x)
        return self.node("Transpose", self.node("Squeeze", x, self.ints(0)), perm=[1, 0], out="convolved")

    def rotation(self, frames: str) -> tuple[str, str]:
        """Cosines and sines (T, 1, 16, 1) by which pairs of channels are turned."""
        count = self.node("Squeeze", self.node("Shape", frames, start=0, end=1), self.ints(0))
        zero, one = (self.constant(np.array(value, np.int64)) for value in (0, 1))
        places = self.node("Cast", self.node("Range", zero, count, one), to=TensorProto.FLOAT)
        frequencies = self.constant(self.published.weights[_FREQUENCIES].reshape(1, 1, -1, 1))
        angles = self.node("Mul", self.node("Reshape", places, self.ints(-1, 1, 1, 1)), frequencies)
        return self.node("Cos", angles), self.node("Sin", angles)

    def _turned(self, x: str, rotation: tuple[str, str]) -> str:
        """Queries or keys (T, 288) as (heads, T, 36), each pair of the first 32 channels turned."""
        cosines, sines = rotation
        x = self.node("Reshape", x, self.ints(0, HEADS, SIZE // HEADS))
        axis, start, middle, end = (self.ints(value) for value in (2, 0, ROTARY, SIZE // HEADS))
        pairs = self.node("Slice", x, start, middle, axis)
        pairs = self.node("Reshape", pairs, self.ints(0, HEADS, ROTARY // 2, 2))
        last, one, two = self.ints(3), self.ints(1), self.ints(2)
        a, b = self.node("Slice", pairs, start, one, last), self.node("Slice", pairs, one, two, last)
        first = self.node("Sub", self.node("Mul", a, cosines), self.node("Mul", b, sines))
        second = self.node("Add", self.node("Mul", b, cosines), self.node("Mul", a, sines))
        turned = self.node("Reshape", self.node("Concat", first, second, axis=3), self.ints(0, HEADS, ROTARY))
        whole = self.node("Concat", turned, self.node("Slice", x, middle, end, axis), axis=2)
        return self.node("Transpose", whole, perm=[1, 0, 2])

    def layer(self, x: str, number: int, rotation: tuple[str, str]) -> str:
        """A transformer layer: frames (T, 288) to the same."""
        normed = self.norm(x, f"layers.{number}.input_layernorm.weight")
        key, query, value = (self.product(normed, number, name) for name in _PROJECTIONS[:3])
        key, query = self._turned(key, rotation), self._turned(query, rotation)
        value = self.node("Reshape", value, self.ints(0, HEADS, SIZE // HEADS))
        scores = self.node("MatMul", query, self.node("Transpose", key, perm=[0, 2, 1]))
        scores = self.node("Mul", scores, self.constant(np.float32((SIZE // HEADS) ** -0.5)))
        attended = self.node("MatMul", self.node("Softmax", scores), self.node("Transpose", value, perm=[1, 0, 2]))
        attended = self.node("Reshape", self.node("Transpose", attended, perm=[1, 0, 2]), self.ints(0, SIZE))
        x = self.node("Add", x, self.product(attended, number, _PROJECTIONS[3]))
        hidden = self.product(self.norm(x, f"layers.{number}.post_attention_layernorm.weight"), number, "mlp/fc1")
        return self.node("Add", x, self.product(self.node("Gelu", hidden), number, "mlp/fc2"))


def encoder(published: Published, taps: tuple[int, ...]) -> onnx.ModelProto:
    """The first layers, for one window of a stream of sound.

    Inputs: `sound` (n,) float32 at 16 kHz; `heard` (m, 2) and `before` (p, 288), which earlier windows gave as
    `columns` and `convolved`. Outputs: those two of this window's sound, and per number in `taps` `layer_N`
    (p + T, 288): the residual stream after so many layers, not normalised. T = 1 + (n - 895) / 384.
    """
    made = Converter(published)
    x = made.node("Concat", "before", made.convolutions("sound", "heard"), axis=0)
    rotation = made.rotation(x)
    for number in range(max(taps)):
        x = made.layer(x, number, rotation)
        if number + 1 in taps:
            made.node("Identity", x, out=f"layer_{number + 1}")

    def floats(name: str, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs = [floats("sound", "samples"), floats("heard", "columns before", 2), floats("before", "frames before", SIZE)]
    outputs = [floats(f"layer_{tap}", "frames", SIZE) for tap in taps]
    outputs += [floats("convolved", "new frames", SIZE), floats("columns", "new columns", 2)]
    graph = helper.make_graph(made.nodes, "moonshine_tiny_encoder", inputs, outputs, made.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.producer_name, model.ir_version = "talkinghead checkpoints/moonshine/build.py", IR_VERSION
    return model
