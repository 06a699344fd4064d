"""The three networks as ONNX: NCHW inside, uint8 pictures in, batches of any size.

Weights keep the half precision that the published files have; a Cast before their use makes them fp32, which ONNX
Runtime does once, when it loads them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from tflite import Array, Graph, Operator

_OPSET, _IR_VERSION = 16, 8  # the first opset with GridSample, and the format that goes with it
_TO_NCHW, _TO_NHWC = (0, 3, 1, 2), (0, 2, 3, 1)


def refined_points(graph: Graph) -> tuple[list[int], list[int], list[int]]:
    """Which points of the mesh lips, left and right eye refine: those around which their crops are taken."""
    lips, left, right = (_subset(step.options) for step in graph.operators if step.kind == "Landmarks2TransformMatrix")
    return lips, left, right


class Converter:
    """Turns the steps of a graph into nodes, in their order; names are numbers, so that the file is always the same."""

    def __init__(self, graph: Graph, scale: float, offset: float) -> None:
        """`scale` and `offset` turn 0 to 255 into what the network takes."""
        self.graph = graph
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self._made: dict[int, str] = {}
        self._constants: dict[int, Array] = {}
        self._affine: dict[int, tuple[str, str]] = {}
        self._known: dict[bytes, str] = {}
        (first,) = graph.inputs
        cast = self.node("Cast", "pixels", to=TensorProto.FLOAT)
        scaled = self.node("Mul", cast, self.constant(np.float32(scale)))
        if offset:
            scaled = self.node("Add", scaled, self.constant(np.float32(offset)))
        self._made[first] = self.node("Transpose", scaled, perm=_TO_NCHW)
        for number, tensor in enumerate(graph.tensors):
            if tensor.data is not None:
                self._constants[number] = tensor.data
        for operator in graph.operators:
            self._step(operator)

    def node(self, kind: str, *inputs: str, out: str = "", **attributes: object) -> str:
        """Add a node with one output, and return that output's name."""
        name = out or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], name=f"n{len(self.nodes)}", **attributes))
        return name

    def constant(self, value: npt.ArrayLike) -> str:
        """The name of an initializer, the same for the same value."""
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        key = repr((array.dtype, array.shape)).encode() + array.tobytes()
        if key not in self._known:
            self._known[key] = f"w{len(self._known)}"
            self.weights.append(numpy_helper.from_array(array, self._known[key]))
        return self._known[key]

    def integers(self, *values: int) -> str:
        """An initializer of int64."""
        return self.constant(np.array(values, np.int64))

    def value(self, number: int) -> str:
        """The name that a tensor of the graph has here."""
        return self._made[number]

    def model(self, name: str, outputs: Sequence[tuple[str, Sequence[int | str]]], size_px: int) -> onnx.ModelProto:
        """The whole network: `pixels` (n, size, size, 3) uint8 RGB to `outputs`, name and shape of each."""
        takes = helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", size_px, size_px, 3])
        gives = [helper.make_tensor_value_info(out, TensorProto.FLOAT, list(shape)) for out, shape in outputs]
        graph = helper.make_graph(self.nodes, name, [takes], gives, self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
        model.producer_name, model.producer_version = "talkinghead checkpoints/face_mesh/build.py", ""
        onnx.checker.check_model(model, full_check=True)
        return model

    def _step(self, step: Operator) -> None:
        (out,), source = step.outputs, step.inputs[0]
        if step.kind == "DEQUANTIZE":
            self._constants[out] = self._constants[source]
        elif step.kind == "Landmarks2TransformMatrix":
            self._affine[out] = self._crop_of_part(step)
        elif step.kind == "MUL" and source in self._affine:
            self._affine[out] = self._scaled_affine(*self._affine[source], self._constants[step.inputs[1]])
        else:
            self._made[out] = self._tensor(step)

    def _tensor(self, step: Operator) -> str:
        """A step from tensors to a tensor."""
        first, shape = step.inputs[0], self.graph.tensors[step.inputs[0]].shape
        x, rest = self._made[first], step.inputs[1:]
        if step.kind in ("CONV_2D", "DEPTHWISE_CONV_2D"):
            return self._convolution(step, x, shape)
        if step.kind == "MAX_POOL_2D":
            pads = _pads(shape, step.filter_size, step)
            return self.node("MaxPool", x, kernel_shape=step.filter_size, strides=step.stride, pads=pads)
        if step.kind == "AVERAGE_POOL_2D":
            if step.filter_size != shape[1:3]:
                raise ValueError("only a whole picture's mean is known")
            return self.node("GlobalAveragePool", x)
        if step.kind in ("LOGISTIC", "HARD_SWISH"):
            return self.node({"LOGISTIC": "Sigmoid", "HARD_SWISH": "HardSwish"}[step.kind], x)
        if step.kind == "RESIZE_BILINEAR":
            wanted = self.graph.tensors[step.outputs[0]].shape
            scales = np.array([1, 1, wanted[1] / shape[1], wanted[2] / shape[2]], np.float32)
            return self.node("Resize", x, "", self.constant(scales), mode="linear",
                             coordinate_transformation_mode="half_pixel")  # fmt: skip
        if step.kind == "Convolution2DTransposeBias":
            # From one channel or more, (out, 2, 2, in) to (in, out, 2, 2): every pixel becomes four, none overlaps.
            kernel = self._constants[rest[0]].transpose(3, 0, 1, 2)
            return self.node("ConvTranspose", x, self._half(kernel), self._half(self._constants[rest[1]]),
                             kernel_shape=(2, 2), strides=(2, 2))  # fmt: skip
        if step.kind == "PRELU":
            return self._leaky(x, self._constants[rest[0]].reshape(-1, 1, 1, 1))
        if step.kind == "RELU":
            return self.node("Relu", x)
        if step.kind == "ADD":
            return self.node("Add", x, self._made[rest[0]])
        if step.kind == "MUL":
            by = self._made[rest[0]] if rest[0] in self._made else self._half(self._constants[rest[0]])
            return self.node("Mul", x, by)
        if step.kind == "PAD":
            return self._wider(x, shape[3], self.graph.tensors[step.outputs[0]].shape[3])
        if step.kind == "CONCATENATION":
            return self.node("Concat", *(self._made[number] for number in step.inputs), axis=step.axis)
        if step.kind in ("RESHAPE", "STRIDED_SLICE"):  # the one slice takes everything
            return self._reshaped(x, shape, self.graph.tensors[step.outputs[0]].shape)
        if step.kind == "TransformTensorBilinear":
            return self._sampled(x, *self._affine[rest[0]], shape, self.graph.tensors[step.outputs[0]].shape)
        if step.kind == "TransformLandmarks":
            linear, shift = self._affine[rest[0]]
            return self.node("Add", self.node("MatMul", x, linear), shift)
        raise ValueError(f"operator {step.kind} is unknown")

    def _half(self, value: Array) -> str:
        """A weight, stored in half precision and used in single."""
        return self.node("Cast", self.constant(value), to=TensorProto.FLOAT)

    def _wider(self, x: str, channels: int, wanted: int) -> str:
        """`x` with channels of zeros after its own: a convolution, for the reason that `_leaky` tells."""
        same = np.eye(wanted, channels, dtype=np.float16)[..., None, None]
        return self.node("Conv", x, self._half(same), kernel_shape=(1, 1))

    def _leaky(self, x: str, slope: Array) -> str:
        """A leaky ReLU with a `slope` (channels, 1, 1, 1) for each channel: slope * x + (1 - slope) * relu(x).

        Both products are convolutions.
        ONNX Runtime keeps what convolutions, sums and ReLU hand on in its own order of channels, but not what PRelu
        does: this takes 6 ms for the whole network where PRelu takes 10.
        """
        below = self._half(slope)
        above = self.node("Sub", self.constant(np.float32(1)), below)
        everywhere = self.node("Conv", x, below, kernel_shape=(1, 1), group=len(slope))
        positive = self.node("Conv", self.node("Relu", x), above, kernel_shape=(1, 1), group=len(slope))
        return self.node("Add", positive, everywhere)

    def _convolution(self, step: Operator, x: str, shape: tuple[int, ...]) -> str:
        kernel, bias = self._constants[step.inputs[1]], self._constants[step.inputs[2]]
        depthwise = step.kind == "DEPTHWISE_CONV_2D"
        size = kernel.shape[1:3]
        kernel = kernel.transpose((3, 0, 1, 2) if depthwise else _TO_NCHW)
        return self.node(
            "Conv", x, self._half(kernel), self._half(bias), kernel_shape=size, strides=step.stride,
            pads=_pads(shape, size, step), group=shape[3] if depthwise else 1,
        )  # fmt: skip

    def _reshaped(self, x: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
        if len(shape) == 4 and shape[1:3] != (1, 1):
            x = self.node("Transpose", x, perm=_TO_NHWC)
        return self.node("Reshape", x, self.integers(0, *wanted[1:]))

    def _crop_of_part(self, step: Operator) -> tuple[str, str]:
        """`Landmarks2TransformMatrix`: the rectangle around some points, turned so that two of them lie level.

        Returns the map from its cells to the coordinates of the points: linear part (n, 2, 2), to be multiplied from
        the right to row vectors, and shift (n, 1, 2).
        """
        options = step.options
        xy = self._sliced(self._made[step.inputs[0]], 0, 2)
        left, right = (
            self.node("Gather", xy, self.integers(_integer(options, f"{side}_rotation_idx")), axis=1)
            for side in ("left", "right")
        )
        if options["target_rotation_radians"] != 0:
            raise ValueError("a crop that is turned on purpose is unknown")
        across = self.node("Sub", right, left)
        ux = self.node("Div", across, self.node("ReduceL2", across, axes=[2], keepdims=1))
        uy = self.node("MatMul", ux, self.constant(np.array([[0, 1], [-1, 0]], np.float32)))
        axes = self.node("Concat", ux, uy, axis=1)
        subset = self.node("Gather", xy, self.integers(*_subset(options)), axis=1)
        along = self.node("MatMul", subset, self.node("Transpose", axes, perm=(0, 2, 1)))
        high = self.node("ReduceMax", along, axes=[1], keepdims=1)
        low = self.node("ReduceMin", along, axes=[1], keepdims=1)
        middle = self.node("Mul", self.node("Add", high, low), self.constant(np.float32(0.5)))
        cells = np.array([_integer(options, "output_width"), _integer(options, "output_height")], np.float32)
        enlarged = np.array([options["scale_x"], options["scale_y"]], np.float32) / cells
        size = self.node("Mul", self.node("Sub", high, low), self.constant(enlarged))
        linear = self.node("Mul", axes, self.node("Transpose", size, perm=(0, 2, 1)))
        corner = self.node("MatMul", self.constant(cells[None] / 2), linear)
        return linear, self.node("Sub", self.node("MatMul", middle, axes), corner)

    def _scaled_affine(self, linear: str, shift: str, factors: Array) -> tuple[str, str]:
        """An affine map whose matrix is multiplied, element by element, by (1, 4, 4) `factors`."""
        by = factors[0].astype(np.float32)
        if not (by[:2, :2] == 1).all():
            linear = self.node("Mul", linear, self.constant(by[:2, :2].T))
        return linear, self.node("Mul", shift, self.constant(by[:2, 3]))

    def _sampled(self, x: str, linear: str, shift: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> str:
        """`TransformTensorBilinear`, version 2: cells have their middles at halves, beyond the border all is 0."""
        (height, width), (rows, columns) = shape[1:3], wanted[1:3]
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(1, -1, 2) + np.float32(0.5)
        at = self.node("Add", self.node("MatMul", self.constant(grid.astype(np.float32)), linear), shift)
        # Pixel p = at - 0.5 lies at p / ((size - 1) / 2) - 1 in GridSample's units with aligned corners.
        half = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
        scaled = self.node("Div", self.node("Sub", at, self.constant(half + np.float32(0.5))), self.constant(half))
        place = self.node("Reshape", scaled, self.integers(0, rows, columns, 2))
        values = self.node("GridSample", x, place, mode="bilinear", padding_mode="border", align_corners=1)
        farthest = self.node("ReduceMax", self.node("Abs", place), axes=[3], keepdims=0)
        inside = self.node("LessOrEqual", farthest, self.constant(np.float32(1)))
        mask = self.node("Unsqueeze", self.node("Cast", inside, to=TensorProto.FLOAT), self.integers(1))
        return self.node("Mul", values, mask)

    def _sliced(self, x: str, begin: int, end: int) -> str:
        """The entries from `begin` to `end` of the last of three axes."""
        return self.node("Slice", x, self.integers(begin), self.integers(end), self.integers(2))


def _pads(shape: tuple[int, ...], size: tuple[int, ...], step: Operator) -> list[int]:
    """TensorFlow's "SAME" or "VALID" padding, as ONNX wants it: tops and lefts, then bottoms and rights."""
    if not step.same:
        return [0, 0, 0, 0]
    whole = [max((-(-n // s) - 1) * s + k - n, 0) for n, s, k in zip(shape[1:3], step.stride, size, strict=True)]
    before = [n // 2 for n in whole]
    return before + [n - b for n, b in zip(whole, before, strict=True)]


def _integer(options: dict[str, object], name: str) -> int:
    value = options[name]
    if not isinstance(value, int):
        raise ValueError(f"{name} is no integer")
    return value


def _subset(options: dict[str, object]) -> list[int]:
    value = options["subset_idxs"]
    if not isinstance(value, list):
        raise ValueError("subset_idxs is no list")
    return [int(number) for number in value]
