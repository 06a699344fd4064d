"""A reader of .tflite files, as far as the three networks need it.

The format is a FlatBuffer; the numbers in `_field` calls are the places of the fields in TensorFlow Lite's public
schema, version 3.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from flatbuffers import flexbuffers

Array = npt.NDArray[np.generic]

_TYPES: dict[int, type[np.generic]] = {0: np.float32, 1: np.float16, 2: np.int32}
_OPERATORS = {
    0: "ADD", 1: "AVERAGE_POOL_2D", 2: "CONCATENATION", 3: "CONV_2D", 4: "DEPTHWISE_CONV_2D", 6: "DEQUANTIZE",
    14: "LOGISTIC", 17: "MAX_POOL_2D", 18: "MUL", 19: "RELU", 22: "RESHAPE", 23: "RESIZE_BILINEAR", 34: "PAD",
    45: "STRIDED_SLICE", 54: "PRELU", 117: "HARD_SWISH",
}  # fmt: skip
_CUSTOM = 32
_POOLS = ("AVERAGE_POOL_2D", "MAX_POOL_2D")
# Its options are the three numbers of `TfLiteTransposeConvParams`: padding ("SAME"), and strides of 2.
_DOUBLED = struct.pack("<3i", 1, 2, 2)


class Tensor(NamedTuple):
    """A tensor of the graph: its `shape` (NHWC where it has four axes) and, where it is constant, its `data`."""

    name: str
    shape: tuple[int, ...]
    data: Array | None


@dataclass(frozen=True)
class Operator:
    """One step: what it is, the numbers of the tensors it reads and writes, and its options.

    `options` are those of a custom operator; `stride`, `filter_size` (height, width) and `same` (padding as
    TensorFlow's "SAME") those of convolutions and pooling; `axis` that of a concatenation.
    """

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: dict[str, object] = field(default_factory=dict)
    stride: tuple[int, int] = (1, 1)
    filter_size: tuple[int, int] = (1, 1)
    same: bool = False
    axis: int = 0


@dataclass(frozen=True)
class Graph:
    """A whole network."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


class _Table:
    """A FlatBuffer table, at `at` in `data`."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at

    @classmethod
    def root(cls, data: bytes) -> _Table:
        return cls(data, _u32(data, 0))

    def _field(self, number: int) -> int:
        """Where the field lies; 0 where it has its default."""
        vtable = self._at - struct.unpack_from("<i", self._data, self._at)[0]
        place = 4 + 2 * number
        if place >= struct.unpack_from("<H", self._data, vtable)[0]:
            return 0
        offset = struct.unpack_from("<H", self._data, vtable + place)[0]
        return self._at + offset if offset else 0

    def number(self, number: int, kind: str = "i", default: int = 0) -> int:
        """A scalar field, of the given `struct` kind."""
        at = self._field(number)
        return int(struct.unpack_from(f"<{kind}", self._data, at)[0]) if at else default

    def vector(self, number: int, kind: type[np.generic]) -> Array:
        """A field of scalars; empty where it is absent."""
        at = self._field(number)
        if not at:
            return np.zeros(0, kind)
        begin = at + _u32(self._data, at)
        return np.frombuffer(self._data, kind, _u32(self._data, begin), begin + 4)

    def integers(self, number: int) -> tuple[int, ...]:
        """A field of int32."""
        return tuple(int(n) for n in self.vector(number, np.int32))

    def raw(self, number: int) -> bytes:
        """A field of bytes or a string."""
        return self.vector(number, np.uint8).tobytes()

    def table(self, number: int) -> _Table:
        """A field that is a table; an absent one reads as all defaults."""
        at = self._field(number)
        return _Table(self._data, at + _u32(self._data, at)) if at else _Table(b"\4\0\4\0\4\0\0\0", 4)

    def tables(self, number: int) -> list[_Table]:
        """A field that is a vector of tables."""
        at = self._field(number)
        if not at:
            return []
        begin = at + _u32(self._data, at)
        places = range(begin + 4, begin + 4 + 4 * _u32(self._data, begin), 4)
        return [_Table(self._data, place + _u32(self._data, place)) for place in places]


def _u32(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<I", data, at)[0])


def read(data: bytes) -> Graph:
    """The one graph of a model.

    Raises:
        ValueError: the file uses something that the two networks do not.
    """
    if data[4:8] != b"TFL3":
        raise ValueError("this is no .tflite file")
    model = _Table.root(data)
    kinds = [_kind(code) for code in model.tables(1)]
    buffers = [buffer.raw(0) for buffer in model.tables(4)]
    (graph,) = model.tables(2)
    return Graph(
        tuple(_tensor(tensor, buffers) for tensor in graph.tables(0)),
        tuple(_operator(operator, kinds) for operator in graph.tables(3)),
        graph.integers(1),
        graph.integers(2),
    )


def _kind(code: _Table) -> str:
    number = max(code.number(0, "b"), code.number(3))
    if number == _CUSTOM:
        return code.raw(1).decode()
    if number not in _OPERATORS:
        raise ValueError(f"operator {number} is unknown")
    return _OPERATORS[number]


def _tensor(tensor: _Table, buffers: list[bytes]) -> Tensor:
    kind, shape, content = _TYPES[tensor.number(1, "b")], tensor.integers(0), buffers[tensor.number(2, "I")]
    data = np.frombuffer(content, kind).reshape(shape) if content else None
    return Tensor(tensor.raw(3).decode(), shape, data)


def _operator(operator: _Table, kinds: list[str]) -> Operator:
    kind, options = kinds[operator.number(0, "I")], operator.table(4)
    custom = operator.raw(5)
    step = Operator(kind, operator.integers(1), operator.integers(2), _custom(kind, custom))
    if kind in ("CONV_2D", "DEPTHWISE_CONV_2D") or kind in _POOLS:
        fused, dilations = {"CONV_2D": (3, (4, 5)), "DEPTHWISE_CONV_2D": (4, (5, 6))}.get(kind, (5, ()))
        if options.number(fused, "b") or any(options.number(slot, default=1) != 1 for slot in dilations):
            raise ValueError(f"{kind} with an activation or a dilation is unknown")
        size = (options.number(4), options.number(3)) if kind in _POOLS else (1, 1)
        stride = options.number(2), options.number(1)
        return Operator(kind, step.inputs, step.outputs, {}, stride, size, options.number(0, "b") == 0)
    if kind == "RESIZE_BILINEAR" and (options.number(2, "b") or not options.number(3, "b")):
        raise ValueError("only pixels whose middles lie at halves are enlarged")
    if kind == "CONCATENATION":
        return Operator(kind, step.inputs, step.outputs, axis=options.number(0))
    return step


def _custom(kind: str, content: bytes) -> dict[str, object]:
    """The options of an operator that is not TensorFlow Lite's own; none of others."""
    if kind == "Convolution2DTransposeBias":
        if content != _DOUBLED:
            raise ValueError(f"{kind} does anything but double its picture")
        return {}
    options: dict[str, object] = flexbuffers.Loads(content) if content else {}
    return options
