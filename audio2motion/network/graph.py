"""The network as an ONNX graph, written from its weights: one call's frames and states in, motion and states out.

The layers are those of `audio2motion.network.model` for one stream, so tensors have no batch axis: steps are (T, C).
Nothing is computed with the weights but copies, so that the same checkpoint gives the same bytes everywhere. Attention
always has a whole window of keys before the new ones; what was before the beginning is masked by the state `unheard`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from audio2motion.network.layout import STRIDES, VOICE_DILATIONS, VOICE_KERNEL
from audio2motion.network.protocol import Floats

OPSET, IR_VERSION = 20, 9
_EPSILON = 1e-5  # PyTorch's for layer norms
PAST_THE_END = int(np.iinfo(np.int64).max)


class Graph:
    """Nodes, in the order in which they are added, and the weights that they name. It needs the package onnx."""

    def __init__(self, weights: Mapping[str, Floats]) -> None:
        from onnx import helper

        self._make = helper
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self._weights = weights
        self._count = 0

    def add(self, operator: str, *inputs: str, to: str | None = None, **attributes: Any) -> str:
        """The output's name of a new node; `to` chooses it."""
        self._count += 1
        out = to or f"{operator}_{self._count}"
        self.nodes.append(self._make.make_node(operator, list(inputs), [out], name=f"node_{self._count}", **attributes))
        return out

    def split(self, x: str, count: int, axis: int) -> list[str]:
        """`x` in `count` equal parts."""
        self._count += 1
        out = [f"Split_{self._count}_{part}" for part in range(count)]
        name = f"node_{self._count}"
        self.nodes.append(self._make.make_node("Split", [x], out, name=name, axis=axis, num_outputs=count))
        return out

    @contextmanager
    def branch(self) -> Iterator[list[Any]]:
        """Nodes that are added within the block go to the list that it is given, for a branch of an If."""
        outside, self.nodes = self.nodes, []
        try:
            yield self.nodes
        finally:
            self.nodes = outside

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        """A tensor that the file holds, once for each name."""
        if name not in self.initializers:
            kind = self._make.np_dtype_to_tensor_dtype(value.dtype)
            raw = np.ascontiguousarray(value).astype(value.dtype.newbyteorder("<")).tobytes()
            self.initializers[name] = self._make.make_tensor(name, kind, value.shape, raw, raw=True)
        return name

    def ints(self, *values: int) -> str:
        """A constant of whole numbers (n,)."""
        return self.constant("ints_" + "_".join(map(str, values)), np.array(values, np.int64))

    def number(self, value: int | float) -> str:
        """A constant without axes: int64 or float32, as `value` is."""
        kind = np.int64 if isinstance(value, int) else np.float32
        return self.constant(f"{kind.__name__}_{value}", np.array(value, kind))

    def weight(self, name: str, suffix: str = "", shape: Sequence[int] = (), order: Sequence[int] = ()) -> str:
        """A weight of the checkpoint, its axes in another `order`, then of another `shape`, named with a `suffix`."""
        value = self._weights[name]
        value = value.transpose(order) if order else value
        return self.constant(name + suffix, value.reshape(shape) if shape else value)

    def shape_of(self, name: str) -> tuple[int, ...]:
        """The shape of a weight of the checkpoint."""
        return self._weights[name].shape

    def linear(self, x: str, weight: str, bias: str | None = None) -> str:
        """Rows times a weight (out, in), plus a bias."""
        return self.add("Gemm", x, weight, *([bias] if bias else []), transB=1)

    def dense(self, x: str, prefix: str) -> str:
        """`nn.Linear`."""
        return self.linear(x, self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias"))

    def norm(self, x: str, prefix: str) -> str:
        """`nn.LayerNorm` over the last axis."""
        weight, bias = self.weight(f"{prefix}.weight"), self.weight(f"{prefix}.bias")
        return self.add("LayerNormalization", x, weight, bias, axis=-1, epsilon=_EPSILON)

    def silu(self, x: str) -> str:
        """x times its sigmoid."""
        return self.add("Mul", x, self.add("Sigmoid", x))

    def rows(self, x: str, first: int, end: int | None = None, to: str | None = None) -> str:
        """Rows `first` to `end` (None: all) of `x`; negative ones count from the end."""
        stop = PAST_THE_END if end is None else end
        return self.add("Slice", x, self.ints(first), self.ints(stop), self.ints(0), to=to)

    def last(self, x: str, count: int, to: str) -> str:
        """The last `count` rows of `x`, as the output `to`."""
        return self.rows(x, -count if count else PAST_THE_END, to=to)


def after(state: str) -> str:
    """The name of the output that is the next call's input `state`."""
    return f"{state}.after"


class Window(NamedTuple):
    """What the attention layers of one stack share: `distance` (heads, T, reach + T), the place of a key's
    distance among the embedded ones, and `mask` (T, reach + T), 0 where a key is in reach, else -inf."""

    distance: str
    mask: str


def window(graph: Graph, x: str, heads: int, width: int, unheard: str) -> Window:
    """For new steps `x` (T, C) and `width` - 1 keys before them, those masked that the state `unheard` masks."""
    count = graph.add("Shape", x, start=0, end=1)
    total = graph.add("Add", count, graph.ints(width - 1))
    zero, one, axis = graph.number(0), graph.number(1), graph.ints(0)
    queries = graph.add("Range", zero, graph.add("Squeeze", count, axis), one)
    keys = graph.add("Range", zero, graph.add("Squeeze", total, axis), one)
    steps = graph.add("Sub", graph.add("Unsqueeze", keys, axis), graph.add("Unsqueeze", queries, graph.ints(1)))
    distance = graph.add("Clip", steps, zero, graph.number(width - 1))
    masked = graph.add("Where", graph.add("Equal", steps, distance), graph.number(0.0), graph.number(-np.inf))
    new = graph.add("Expand", graph.number(0.0), count)
    reach = graph.add("Concat", unheard, new, axis=0)
    graph.last(reach, width - 1, to=after(unheard))
    shape = graph.add("Concat", graph.ints(heads), count, total, axis=0)
    return Window(graph.add("Expand", distance, shape), graph.add("Add", masked, reach))


def attention(
    graph: Graph, query: str, key: str, value: str, distances: str, heads: int, state: str, reach: Window
) -> str:
    """`windowed_attention` of steps (T, C), with the states `state`.keys and `state`.values; returns (T, C)."""
    width, size = graph.shape_of(distances)
    split = graph.ints(0, heads, size)
    known = []
    for name, new in (("keys", key), ("values", value)):
        joined = graph.add("Concat", f"{state}.{name}", new, axis=0)
        graph.last(joined, width - 1, to=after(f"{state}.{name}"))
        known.append(graph.add("Reshape", joined, split))
    scaled = graph.add("Mul", query, graph.number(float(np.float32(size**-0.5))))
    q = graph.add("Transpose", graph.add("Reshape", scaled, split), perm=[1, 0, 2])
    content = graph.add("MatMul", q, graph.add("Transpose", known[0], perm=[1, 2, 0]))
    by_distance = graph.add("MatMul", q, graph.weight(distances, ".transposed", order=(1, 0)))
    position = graph.add("GatherElements", by_distance, reach.distance, axis=2)
    scores = graph.add("Add", graph.add("Add", content, position), reach.mask)
    weights = graph.add("Softmax", scores, axis=-1)
    out = graph.add("MatMul", weights, graph.add("Transpose", known[1], perm=[1, 0, 2]))
    return graph.add("Reshape", graph.add("Transpose", out, perm=[1, 0, 2]), graph.ints(0, heads * size))


def front(graph: Graph, frames: str) -> str:
    """`FeatureEncoder`: log-mel frames (n, bands) to steps (T, C)."""
    x = frames
    for i, stride in enumerate(STRIDES):
        prefix, state = f"encoder.front.convolutions.{i}", f"front.{i}"
        known = graph.add("Concat", state, x, axis=0)
        wide = graph.add("Unsqueeze", graph.add("Transpose", known, perm=[1, 0]), graph.ints(0))
        weights = graph.weight(f"{prefix}.weight"), graph.weight(f"{prefix}.bias")
        out = graph.add("Squeeze", graph.add("Conv", wide, *weights, strides=[stride]), graph.ints(0))
        rows = graph.add("Transpose", out, perm=[1, 0])
        used = graph.add("Mul", graph.add("Shape", rows, start=0, end=1), graph.ints(stride))
        graph.add("Slice", known, used, graph.ints(PAST_THE_END), graph.ints(0), to=after(state))
        x = graph.add("Relu", graph.norm(rows, f"encoder.front.norms.{i}"))
    return x


def voice_activity(graph: Graph, steps: str) -> str:
    """`VoiceActivity`: steps (T, C) to log-odds (T,)."""
    prefix = "encoder.voice_activity"
    x = graph.add("Relu", graph.dense(steps, f"{prefix}.reduce"))
    for i, dilation in enumerate(VOICE_DILATIONS):
        reach = (VOICE_KERNEL - 1) * dilation
        known = graph.add("Concat", f"voice_activity.{i}", x, axis=0)
        graph.last(known, reach, to=after(f"voice_activity.{i}"))
        taps = [graph.rows(known, at, at - reach or None) for at in range(0, reach + 1, dilation)]
        name = f"{prefix}.convolutions.{i}"
        out, size, kernel = graph.shape_of(f"{name}.weight")
        weight = graph.weight(f"{name}.weight", ".flat", (out, kernel * size), (0, 2, 1))
        convolved = graph.linear(graph.add("Concat", *taps, axis=1), weight, graph.weight(f"{name}.bias"))
        x = graph.add("Add", x, graph.add("Relu", graph.norm(convolved, f"{prefix}.norms.{i}")))
    return graph.add("Squeeze", graph.dense(x, f"{prefix}.out"), graph.ints(1))
