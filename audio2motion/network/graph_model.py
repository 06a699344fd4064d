"""The whole network as an ONNX model: the conformer's and the motion transformer's layers, inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audio2motion.config import ModelConfig
from audio2motion.network.graph import IR_VERSION, OPSET, Graph, Window, after, attention, front, voice_activity, window
from audio2motion.network.layout import channels, places
from audio2motion.network.onnx_network import FRAMES, LOW_LATENCY, OUTPUTS, start_state
from audio2motion.network.protocol import Floats
from audio2motion.phones import VISEMES


def onnx_model(config: ModelConfig, weights: Mapping[str, Floats], metadata: Mapping[str, str]) -> bytes:
    """An ONNX file of the network that `config` lays out, with its `weights` by their names in the state dict."""
    graph = Graph(weights)
    x = front(graph, FRAMES)
    log_odds = voice_activity(graph, x)
    encoder = config.encoder
    reach = window(graph, x, encoder.heads, encoder.window, "encoder.unheard")
    for i in range(encoder.layers):
        x = _conformer_layer(graph, x, config, i, reach)
    x, active = _heard_ahead(graph, x, log_odds, config)
    reach = window(graph, x, config.heads, config.window, "motion.unheard")
    for i in range(config.layers):
        x = _motion_block(graph, x, config, i, reach)
    hidden = graph.norm(x, "norm")
    for name, value in zip(OUTPUTS, (_head(graph, hidden, "motion"), _head(graph, hidden, "viseme"), active)):
        graph.add("Identity", value, to=name)
    return _file(graph, config, metadata)


def _head(graph: Graph, hidden: str, name: str) -> str:
    return graph.dense(hidden, f"{name}_head")


def _conformer_layer(graph: Graph, x: str, config: ModelConfig, number: int, reach: Window) -> str:
    """A conformer layer as `audio2motion.network.encoder` runs it, on new steps (T, C)."""
    layer, state = f"encoder.layers.{number}", f"encoder.{number}"
    x = graph.add("Add", x, _half_feed(graph, x, f"{layer}.ffn1"))
    normed = graph.norm(x, f"{layer}.self_attn_layer_norm")
    query, key, value = (graph.dense(normed, f"{layer}.self_attn.linear_{part}") for part in "qkv")
    distances = f"{layer}.self_attn.distance_embedding.weight"
    attended = attention(graph, query, key, value, distances, config.encoder.heads, state, reach)
    x = graph.add("Add", x, graph.dense(attended, f"{layer}.self_attn.linear_out"))
    x = graph.add("Add", x, _convolution(graph, x, f"{layer}.conv_module", f"{state}.convolution"))
    x = graph.add("Add", x, _half_feed(graph, x, f"{layer}.ffn2"))
    return graph.norm(x, f"{layer}.final_layer_norm")


def _half_feed(graph: Graph, x: str, prefix: str) -> str:
    hidden = graph.silu(graph.dense(graph.norm(x, f"{prefix}_layer_norm"), f"{prefix}.intermediate_dense"))
    return graph.add("Mul", graph.dense(hidden, f"{prefix}.output_dense"), graph.number(0.5))


def _convolution(graph: Graph, x: str, prefix: str, state: str) -> str:
    """The causal convolution module, on new steps (T, C)."""
    wide, size, _ = graph.shape_of(f"{prefix}.pointwise_conv1.weight")
    weight = graph.weight(f"{prefix}.pointwise_conv1.weight", ".flat", (wide, size))
    value, gate = graph.split(graph.linear(graph.norm(x, f"{prefix}.layer_norm"), weight), 2, axis=1)
    known = graph.add("Concat", state, graph.add("Mul", value, graph.add("Sigmoid", gate)), axis=0)
    kernel = f"{prefix}.depthwise_conv.weight"
    graph.last(known, graph.shape_of(kernel)[2] - 1, to=after(state))
    across = graph.add("Unsqueeze", graph.add("Transpose", known, perm=[1, 0]), graph.ints(0))
    convolved = graph.add("Squeeze", graph.add("Conv", across, graph.weight(kernel), group=size), graph.ints(0))
    normed = graph.norm(graph.add("Transpose", convolved, perm=[1, 0]), f"{prefix}.depthwise_layer_norm")
    last = graph.weight(f"{prefix}.pointwise_conv2.weight", ".flat", (size, size))
    return graph.linear(graph.silu(normed), last)


def _heard_ahead(graph: Graph, x: str, log_odds: str, config: ModelConfig) -> tuple[str, str]:
    """Steps of the encoder with those ahead of them (T, C), and their voice activity (T,), for either latency."""
    from onnx import TensorProto, helper

    heard = graph.add("Concat", "waiting.steps", x, axis=0)
    voice = graph.add("Concat", "waiting.voice_activity", log_odds, axis=0)
    branches = []
    for number, ahead in enumerate((config.look_ahead, config.low_latency_look_ahead)):
        outputs = [f"{name}_{number}" for name in ("ahead", "active", "steps", "voice")]
        with graph.branch() as nodes:
            taps = [graph.rows(heard, place, place - ahead or None) for place in places(ahead)]
            bridge = f"bridges.{number}"
            weights = graph.weight(f"{bridge}.weight"), graph.weight(f"{bridge}.bias")
            graph.add("Gemm", graph.add("Concat", *taps, axis=1), *weights, transB=1, to=outputs[0])
            graph.rows(voice, ahead, to=outputs[1])
            graph.last(heard, ahead, to=outputs[2])
            graph.last(voice, ahead, to=outputs[3])
        values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
        branches.append(helper.make_graph(nodes, f"look_ahead_{ahead}", [], values))
    out = ["ahead", "active", after("waiting.steps"), after("waiting.voice_activity")]
    graph.nodes.append(
        helper.make_node("If", [LOW_LATENCY], out, name="latency", then_branch=branches[1], else_branch=branches[0])
    )
    return out[0], out[1]


def _motion_block(graph: Graph, x: str, config: ModelConfig, number: int, reach: Window) -> str:
    """`MotionBlock`, on new steps (T, C)."""
    block = f"blocks.{number}"
    projected = graph.dense(graph.norm(x, f"{block}.attention_norm"), f"{block}.attention.project")
    query, key, value = graph.split(projected, 3, axis=1)
    distances, state = f"{block}.attention.distances", f"motion.{number}"
    attended = attention(graph, query, key, value, distances, config.heads, state, reach)
    x = graph.add("Add", x, graph.dense(attended, f"{block}.attention.out"))
    hidden = graph.add("Gelu", graph.dense(graph.norm(x, f"{block}.feed_norm"), f"{block}.feed.0"))
    return graph.add("Add", x, graph.dense(hidden, f"{block}.feed.2"))


def _file(graph: Graph, config: ModelConfig, metadata: Mapping[str, str]) -> bytes:
    from onnx import TensorProto, helper

    states = start_state(config)

    def floats(name: str, *shape: str | int) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    inputs = [floats(FRAMES, "frames", config.encoder.mel_bands)]
    inputs.append(helper.make_tensor_value_info(LOW_LATENCY, TensorProto.BOOL, ()))
    outputs = [floats(OUTPUTS[0], "steps", channels(config)), floats(OUTPUTS[1], "steps", len(VISEMES))]
    outputs.append(floats(OUTPUTS[2], "steps"))
    for name, value in states.items():
        # Of these, the number of rows is not always the same.
        free = [f"{name}.rows"] if name.startswith(("front.", "waiting.")) else [value.shape[0]]
        inputs.append(floats(name, *free, *value.shape[1:]))
        outputs.append(floats(after(name), *(free if free == [value.shape[0]] else [f"{name}.rows_after"]),
                              *value.shape[1:]))  # fmt: skip
    body = helper.make_graph(graph.nodes, "speech_motion", inputs, outputs, list(graph.initializers.values()))
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="audio2motion")
    model.ir_version = IR_VERSION
    helper.set_model_props(model, dict(metadata))
    written: bytes = model.SerializeToString(deterministic=True)
    return written
