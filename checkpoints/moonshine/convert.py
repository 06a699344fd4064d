"""Moonshine's encoder, its first layers alone, as ONNX: raw sound in, one frame of features every 24 ms out.

The matrices keep the eight bits in which they were published, and what they multiply is rounded to eight bits as it is
there: several times as fast as in single precision where the CPU has instructions for it. A Cast makes fp32 of the
convolutions, whose weights are stored in half precision: ONNX Runtime does that once, when it loads the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

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


# Pairs of channels that are turned together lie side by side; here all first ones come before all second ones, of
# queries and keys alike, which leaves their products as they are.
_SPLIT = (ROTARY // 2, ROTARY // 2, SIZE // HEADS - ROTARY)
_HEAD = (*range(0, ROTARY, 2), *range(1, ROTARY, 2), *range(ROTARY, SIZE // HEADS))
PAIRED = np.array([head * (SIZE // HEADS) + channel for head in range(HEADS) for channel in _HEAD])


class Rounded(NamedTuple):
    """Names: `values` (T, n) of uint8, and their scale and zero point."""

    values: str
    scale: str
    zero: str


class Turns(NamedTuple):
    """Cosines and sines of the angles of `keys` (P + T, 1, 16) and of `queries` (T, 1, 16)."""

    keys: tuple[str, str]
    queries: tuple[str, str]


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

    def rounded(self, x: str) -> Rounded:
        """`x` in eight bits, as the published encoder takes it."""
        out = Rounded(*(f"rounded_{len(self.nodes)}_{part}" for part in range(3)))
        self.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], list(out), name=f"n{len(self.nodes)}"))
        return out

    def product(self, x: Rounded, layer: int, name: str) -> str:
        """Rows times one of a layer's matrices, plus its bias."""
        matrix, scale, zero, *bias = self.published.product(layer, name)
        if name in _PROJECTIONS[:2]:
            matrix = matrix[:, PAIRED]
        # The same numbers, less 128: signed ones are multiplied several times as fast.
        signed = self.constant((matrix.astype(np.int16) - 128).astype(np.int8))
        offset = self.constant((zero.astype(np.int16) - 128).astype(np.int8))
        out = self.node("Cast", self.node("MatMulInteger", x.values, signed, x.zero, offset), to=TensorProto.FLOAT)
        out = self.node("Mul", out, self.node("Mul", x.scale, self.constant(scale)))
        return self.node("Add", out, self.constant(bias[0])) if bias else out

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

    def turns(self, x: str, past: str) -> Turns:
        """By which angles pairs of channels are turned, at the frames `past` (n, P, 288) and `x` (T, 288)."""
        before = self.node("Shape", past, start=1, end=2)
        end = self.node("Squeeze", self.node("Add", before, self.node("Shape", x, start=0, end=1)), self.ints(0))
        zero, one = (self.constant(np.array(value, np.int64)) for value in (0, 1))
        places = self.node("Cast", self.node("Range", zero, end, one), to=TensorProto.FLOAT)
        frequencies = self.constant(self.published.weights[_FREQUENCIES].reshape(1, 1, -1))
        angles = self.node("Mul", self.node("Reshape", places, self.ints(-1, 1, 1)), frequencies)
        keys = self.node("Cos", angles), self.node("Sin", angles)
        all_after, frames = self.ints(np.iinfo(np.int64).max), self.ints(0)
        cosines, sines = (self.node("Slice", part, before, all_after, frames) for part in keys)
        return Turns(keys, (cosines, sines))

    def _turned(self, x: str, rotation: tuple[str, str], perm: tuple[int, ...]) -> str:
        """Queries or keys (T, 288) as (T, heads, 36) and permuted, the pairs of their first 32 channels turned."""
        cosines, sines = rotation
        x = self.node("Reshape", x, self.ints(-1, HEADS, SIZE // HEADS))
        a, b, rest = (f"part_{len(self.nodes)}_{part}" for part in range(3))
        sizes = self.ints(*_SPLIT)
        self.nodes.append(helper.make_node("Split", [x, sizes], [a, b, rest], name=f"n{len(self.nodes)}", axis=2))
        first = self.node("Sub", self.node("Mul", a, cosines), self.node("Mul", b, sines))
        second = self.node("Add", self.node("Mul", b, cosines), self.node("Mul", a, sines))
        return self.node("Transpose", self.node("Concat", first, second, rest, axis=2), perm=perm)

    def layer(self, x: str, number: int, past: tuple[str, str], turns: Turns) -> tuple[str, str, str]:
        """A transformer layer: frames (T, 288) to the same, and the keys and values (1, P + T, 288) that they met."""
        rounded = self.rounded(self.norm(x, f"layers.{number}.input_layernorm.weight"))
        key, query, value = (self.product(rounded, number, name) for name in _PROJECTIONS[:3])
        first = self.ints(0)
        key, value = (self.node("Concat", before, self.node("Unsqueeze", new, first), axis=1)
                      for before, new in zip(past, (key, value)))  # fmt: skip
        query = self._turned(query, turns.queries, (1, 0, 2))
        scores = self.node("MatMul", query, self._turned(key, turns.keys, (1, 2, 0)))
        scores = self.node("Mul", scores, self.constant(np.float32((SIZE // HEADS) ** -0.5)))
        values = self.node("Reshape", value, self.ints(-1, HEADS, SIZE // HEADS))
        values = self.node("Transpose", values, perm=[1, 0, 2])
        attended = self.node("Transpose", self.node("MatMul", self.node("Softmax", scores), values), perm=[1, 0, 2])
        rounded = self.rounded(self.node("Reshape", attended, self.ints(-1, SIZE)))
        x = self.node("Add", x, self.product(rounded, number, _PROJECTIONS[3]))
        rounded = self.rounded(self.norm(x, f"layers.{number}.post_attention_layernorm.weight"))
        hidden = self.node("Gelu", self.product(rounded, number, "mlp/fc1"))
        return self.node("Add", x, self.product(self.rounded(hidden), number, "mlp/fc2")), key, value


def encoder(published: Published, layers: int) -> onnx.ModelProto:
    """The first layers, for one window of a stream of sound.

    Inputs: `sound` (n,) float32 at 16 kHz; `heard` (m, 2), `before` (a, 288) and `past` (2 layers, P, 288), parts of
    what earlier windows gave as `columns`, `convolved` and `seen`. Outputs: those three, with the frames a + T of this
    window after the P before them in `seen`: every layer's keys, then every layer's values; and `layer_N` (a + T, 288),
    N being `layers` and one less: the residual stream after so many of them, not normalised. T = 1 + (n - 895) / 384.
    """
    made = Converter(published)
    x = made.node("Concat", "before", made.convolutions("sound", "heard"), axis=0)
    turns, past = made.turns(x, "past"), made.split("past", 2 * layers)
    told = [f"layer_{number}" for number in (layers - 1, layers)]
    keys, values = [], []
    for number in range(layers):
        x, key, value = made.layer(x, number, (past[number], past[layers + number]), turns)
        keys.append(key)
        values.append(value)
        if f"layer_{number + 1}" in told:
            made.node("Identity", x, out=f"layer_{number + 1}")
    made.node("Concat", *keys, *values, axis=0, out="seen")

    def floats(name: str, *shape: str | int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs = [floats("sound", "samples"), floats("heard", "columns before", 2), floats("before", "frames before", SIZE),
              floats("past", 2 * layers, "past frames", SIZE)]  # fmt: skip
    outputs = [*(floats(name, "frames", SIZE) for name in told), floats("convolved", "new frames", SIZE),
               floats("columns", "new columns", 2), floats("seen", 2 * layers, "seen frames", SIZE)]  # fmt: skip
    graph = helper.make_graph(made.nodes, "moonshine_tiny_encoder", inputs, outputs, made.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.producer_name, model.ir_version = "talkinghead checkpoints/moonshine/build.py", IR_VERSION
    return model
